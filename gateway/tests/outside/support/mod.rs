//! The real binary on loopback, a courier and a telephone: what every test of the gateway's outside needs.

mod agent;
mod courier;
mod gateway;
mod identity;
mod phone;
mod push;

pub(crate) use courier::{Courier, INSTANCE, upgrade};
pub(crate) use gateway::{COMPANY, CUSTOMER, Gateway, GatewayBuilder, api_key, now, order, token};
pub(crate) use identity::{Identity, http_client};
pub(crate) use phone::{Phone, StreamWire};
pub(crate) use push::{FakePush, PUSH_KEY};

use std::future::Future;
use std::time::Duration;

/// Nothing that a test waits for takes this long; it only turns a hang into a failure.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// Waits for something that must come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(HANG, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
