//! What Apple's and Google's stand-ins are alike in: a server that a test can disturb, and a push that is judged or treated as the script
//! says, and kept.

use std::net::SocketAddr;

use serde_json::Value;

use crate::clock::Clock;
use crate::log::{Answer, Log, Received, headers};
use crate::script::{Act, Scripted};
use crate::server::{Call, Reply, Server};

/// A stand-in as a server. Dropping it ends it.
#[derive(Debug)]
pub struct Stand {
    server: Server,
    authority_pem: String,
}

impl Stand {
    pub(crate) fn new(server: Server, authority_pem: &str) -> Self {
        Self { server, authority_pem: authority_pem.to_owned() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `host:port` for a client's settings.
    pub fn host(&self) -> String {
        self.address().to_string()
    }

    /// The certificate of its authority, PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// How many connections have been opened since the start.
    pub fn connections_opened(&self) -> u64 {
        self.server.opened()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.server.open()
    }

    /// SETTINGS_MAX_CONCURRENT_STREAMS of HTTP/2 connections that are opened from now on (1000 at first, as Apple's).
    pub fn set_max_streams(&self, streams: u32) {
        self.server.set_max_streams(streams);
    }

    /// Drops all open connections without a word.
    pub fn drop_connections(&self) {
        self.server.drop_connections();
    }

    /// Sends GOAWAY on all open HTTP/2 connections; what is in flight is still answered.
    pub fn go_away(&self) {
        self.server.go_away();
    }

    /// Closes the port and drops all connections, until [`admit`](Self::admit).
    pub async fn refuse(&self) {
        self.server.refuse().await;
    }

    /// Opens the port again.
    pub async fn admit(&self) {
        self.server.admit().await;
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

/// Treats a push as the script says, which has waited already: it is judged, or not.
pub(crate) fn treat(
    act: Act,
    judge: impl FnOnce() -> (Answer, Reply),
    scripted: impl FnOnce(Scripted) -> (Answer, Reply),
) -> (Answer, Reply) {
    match act {
        Act::Judge | Act::After(..) => judge(),
        Act::GoAway => match judge() {
            (answer, Reply::Http(response)) => (answer, Reply::HttpAndGoAway(response)),
            other => other,
        },
        Act::Answer(answer) => scripted(answer),
        Act::Drop => (Answer::Dropped, Reply::Drop),
        Act::AcceptAndDrop => (Answer::AcceptedUnheard, Reply::Drop),
        Act::Reset => (Answer::Reset, Reply::Reset),
        Act::Silence => (Answer::Unanswered, Reply::Silence),
    }
}

/// Keeps a push.
pub(crate) fn keep(log: &Log, clock: &Clock, call: &Call, token: String, body: Value, answer: Answer) {
    log.push(Received {
        at: clock.now(),
        connection: call.connection,
        path: call.head.uri.path().to_owned(),
        headers: headers(&call.head.headers),
        token,
        body,
        size: call.body.len(),
        answer,
    });
}
