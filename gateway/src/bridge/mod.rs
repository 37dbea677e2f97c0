//! Where the two legs of a call meet. Neither leg's messages come in here, only what they mean, so nothing of one leg can
//! reach the other but what the enums of [`signal`] name.
//!
//! A [`Call`] is a sans-IO machine. Its beginning depends on who calls: [`courier_call`], [`customer_call`] or [`connect_call`],
//! made of [`carrier_leg`] (a phone that is called) and [`ring_group`] (a courier's apps that are rung at once). When it is
//! answered it becomes a [`talk`] of two legs. Transactions and dialogs are the user agents' work: [`LegOutput::End`] means
//! CANCEL, BYE or a refusal, as the dialog's state asks, and a 200 that crosses a CANCEL never comes in here.

mod call;
mod carrier_leg;
mod connect_call;
mod courier_call;
mod customer_call;
mod desk;
mod message;
mod ring_group;
mod signal;
mod spare;
mod talk;
mod talk_leg;

use call::Next;
pub use call::{Call, CallRules};
pub(crate) use desk::call_of_leg;
pub use signal::{CallInput, CallOutput, Farewell, LegInput, LegOutput, OfferRefusal, Reach, ReferTarget};
