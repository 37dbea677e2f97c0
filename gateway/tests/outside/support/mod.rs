//! The real binary on loopback, a courier and a telephone: what every test of the gateway's outside needs.

mod agent;
mod courier;
mod gateway;
mod phone;
mod push;

pub(crate) use doorstep_service_testkit::{Identity, http_client, soon};

pub(crate) use courier::{Courier, INSTANCE, upgrade};
pub(crate) use gateway::{COMPANY, CUSTOMER, Gateway, GatewayBuilder, api_key, now, order, token};
pub(crate) use phone::{Phone, StreamWire};
pub(crate) use push::{FakePush, PUSH_KEY};
