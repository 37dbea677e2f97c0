mod call;
mod client;
mod config;
mod error;
mod event;
mod push;
mod token;

pub(crate) use call::Rest;
pub use call::{Call, Ended};
pub use client::Client;
pub use config::{Config, Credentials};
pub use error::{ApiError, ConnectError};
pub use event::{Event, EventStream};
pub use push::{PushMessage, Wake};
pub use token::{StaticToken, Token, TokenProvider};
