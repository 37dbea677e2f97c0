//! Stand-ins for Apple's and Google's push servers, for tests, the demo and benchmarks: real TLS with a certificate authority of their own,
//! real HTTP/2, their rules enforced, their errors in their words.
//!
//! [`FakeApns`] takes what `api.push.apple.com` takes, [`FakeFcm`] what `oauth2.googleapis.com` and `fcm.googleapis.com` take. Both
//! answer by the rules unless a [`Script`] says otherwise (any documented status, delay, silence, a dropped connection, GOAWAY), and both keep a
//! [`Log`] of every push, so that a test can show that exactly one was sent. Their clock can be moved, so that no test waits an hour
//! for a token to age.
//!
//! What they leave out: delivery to a phone. Who plays the phone reads the log by a [`Feed`].

mod authority;
mod clock;
mod error;
mod log;
mod script;
mod server;
mod stand;

pub mod apns;
pub mod fcm;

pub use apns::FakeApns;
pub use authority::Authority;
pub use clock::Clock;
pub use error::FakeError;
pub use fcm::FakeFcm;
pub use log::{Answer, Feed, Log, Received};
pub use script::{Act, Script, Scripted};
pub use stand::Stand;
