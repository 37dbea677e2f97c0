//! A stand-in for the gateway: a SIP user agent behind a WebSocket with TLS, with media of its own. The test says what it
//! does and hears what happens to it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use doorstep::{Config, Credentials, StaticToken};
use doorstep_media::sdp::Direction;
use doorstep_media::session::LocalAddress;
use doorstep_sip::ua::EndCause;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::desk::Desk;
use super::server::{Identity, Manners, Server};
use super::within;

/// What the test wants the gateway to do. Calls are meant by "the call": the newest.
#[derive(Debug)]
pub(crate) enum Order {
    /// 180.
    Ring,
    /// 200; the far side then speaks.
    Answer,
    /// Refuses the call.
    Refuse(u16, &'static str, Vec<(&'static str, &'static str)>),
    HangUp,
    /// Holds the call, or no longer.
    Hold(bool),
    /// Calls the client.
    Call {
        order: &'static str,
        label: &'static str,
    },
    /// Calls the client that registers next, right behind the answer, as the gateway calls who was woken.
    CallWhoRegisters {
        call_id: &'static str,
    },
    /// Sends these bytes as a message.
    Raw(Bytes),
    /// Drops every connection without a word, and takes no new ones until `Return`.
    Vanish,
    Return,
}

/// What happens to the gateway.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Connected {
        authorization: Option<String>,
    },
    /// With the time asked for; 0 unregisters.
    Registered {
        expires_s: u64,
        push: bool,
    },
    /// INVITE; 183 with SDP goes out at once.
    Invited {
        uri: String,
    },
    /// The client rings (180) with its SDP in the 183.
    Rings,
    /// The client has taken the call.
    Taken,
    /// The client's ACK to the far side's 200.
    Confirmed,
    /// The client has changed the media; its direction.
    Offered(Direction),
    /// The client has accepted the far side's change.
    OfferTaken,
    Refered {
        to: String,
    },
    Digit(char),
    Ended(EndCause),
    Disconnected,
}

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Arc<Identity>,
    /// Whether the far side hears somebody speak.
    pub(crate) hears: watch::Receiver<bool>,
    orders: mpsc::Sender<Order>,
    seen: mpsc::Receiver<Seen>,
    task: AbortHandle,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::with(Manners::Polite).await
    }

    pub(crate) async fn with(manners: Manners) -> Self {
        let server = Server::start(manners.clone()).await;
        let (orders, order_receiver) = mpsc::channel(16);
        let (seen_sender, seen) = mpsc::channel(256);
        let (loud, hears) = watch::channel(false);
        let (address, identity) = (server.address, Arc::clone(&server.identity));
        let desk = Desk::new(server, manners, seen_sender, loud);
        let task = tokio::spawn(desk.run(order_receiver)).abort_handle();
        Self { address, identity, hears, orders, seen, task }
    }

    /// A client's configuration: it trusts the gateway, and is not reachable unless it says so.
    pub(crate) fn config(&self) -> Config {
        let url = format!("wss://localhost:{}/ws", self.address.port());
        let mut config =
            Config::new(url.parse().unwrap(), Credentials::Token(Arc::new(StaticToken::new("t0ken"))));
        config.transport.tls.extra_roots.push(self.identity.root.clone());
        config.media.addresses = vec![LocalAddress::direct([127, 0, 0, 1].into())];
        config.register = false;
        config
    }

    pub(crate) async fn order(&self, order: Order) {
        self.orders.send(order).await.unwrap();
    }

    pub(crate) async fn seen(&mut self) -> Seen {
        within(self.seen.recv()).await.expect("the gateway is alive")
    }

    /// Reads on until that is seen.
    pub(crate) async fn until(&mut self, what: Seen) {
        while self.seen().await != what {}
    }

    pub(crate) async fn until_ended(&mut self) -> EndCause {
        loop {
            if let Seen::Ended(cause) = self.seen().await {
                return cause;
            }
        }
    }

    pub(crate) async fn until_invited(&mut self) -> String {
        loop {
            if let Seen::Invited { uri } = self.seen().await {
                return uri;
            }
        }
    }

    pub(crate) async fn until_hears(&self, speech: bool) {
        let mut hears = self.hears.clone();
        within(hears.wait_for(|hears| *hears == speech)).await.unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}
