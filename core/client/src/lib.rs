//! Masked voice calls for courier and taxi apps: the client SDK's Rust API.
//!
//! A [`Client`] is a courier's end of the line. It keeps one connection to the gateway, is reachable over it, and makes and
//! takes [`Call`]s. What happens comes as [`Event`]s; how a call stands can be looked at, or watched, at any time.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use doorstep::audio::WavAudio;
//! use doorstep::{Client, Config, Credentials, Event, StaticToken};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // An app implements `TokenProvider` and asks its company's backend.
//! let credentials = Credentials::Token(Arc::new(StaticToken::new("eyJ…")));
//! let mut config = Config::new("wss://calls.example.com/ws".parse()?, credentials);
//! config.audio = Arc::new(WavAudio { play: Some("hello.wav".into()), record: Some("heard.wav".into()) });
//! let client = Client::connect(config).await?;
//!
//! // The courier presses "contact customer".
//! let call = client.contact_customer("4711").await?;
//! match call.answered().await {
//!     Ok(()) => call.hang_up().await?,
//!     Err(ended) => println!("{}", ended.text),
//! }
//!
//! // Customers call back.
//! let mut events = client.events();
//! while let Some(event) = events.next().await {
//!     if let Event::Incoming(call) = event {
//!         call.answer().await?;
//!     }
//! }
//! client.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! An app that is not running is woken by a push. The system starts it with the push's payload, and gives it moments to
//! show the call; the connection comes later:
//!
//! ```no_run
//! # use doorstep::{Client, Config, PushMessage, PushOutcome, PushTarget};
//! # async fn example(mut config: Config, payload: &[u8], device_token: String) -> Result<(), Box<dyn std::error::Error>> {
//! // The same at every start, so that the gateway knows the device again.
//! config.instance = Some("5f1f6a2e-0c3d-4b7e-9a55-3f1f0a9d8c11".to_owned());
//! config.push = Some(PushTarget {
//!     provider: "apns".to_owned(),
//!     param: "TEAMID.com.example.courier.voip".to_owned(),
//!     prid: device_token.into(),
//! });
//! let (client, wake) = Client::woken(config, PushMessage::from_json(payload))?;
//! match wake.outcome().await {
//!     // Answering need not wait for the connection, either.
//!     PushOutcome::Rings { call } => client.call(call).ok_or("over already")?.answer().await?,
//!     other => println!("take it off the screen: {:?}", other.end_reason()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Inside, one task owns [`doorstep_call::Endpoint`], which decides everything; connections, voice and the token provider
//! run beside it. Nothing personal is logged. Needs a tokio runtime with time and I/O; voice wants more than one thread.

pub mod audio;
pub mod media;
pub mod transport;

mod api;
mod driver;

pub use api::{
    ApiError, Call, Client, Config, ConnectError, Credentials, Ended, Event, EventStream, PushMessage,
    StaticToken, Token, TokenProvider, Wake,
};
pub use doorstep_call::{
    CallHandle, CallSnapshot, CallState, CommandError, ConnectionState, Direction, EndReason, EndpointConfig,
    MalformedPush, OrderId, PushFault, PushField, PushKind, PushOutcome, PushPayload, PushTarget, Quality,
    RegistrationState, Sensitive, Target, Timestamp, TokenFailure, TransferProgress,
};

// Only for its feature that leaves `trace!` out of the build, see the workspace's Cargo.toml.
use log as _;
