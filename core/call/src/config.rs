use std::time::Duration;

use doorstep_sip::Sensitive;

/// What an endpoint is and may do. [`new`](Self::new) gives sane values for all but the names.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Host name of the gateway's or server's addresses: `HOST` in `sip:order.4711@HOST`.
    pub domain: String,
    /// User part of this side's address. The gateway knows the courier by its token; another server by this.
    pub user: String,
    /// The name shown to the far side, where the server passes it on.
    pub display_name: Option<String>,
    /// `+sip.instance` (RFC 5626): `urn:uuid:…`, the same for every start of one installation.
    pub instance: String,
    /// User-Agent header; none when empty.
    pub product: String,
    /// How this side shows who it is.
    pub auth: Auth,
    /// How long a registration is asked to last.
    pub register_expires: Duration,
    /// Session-Expires of calls (RFC 4028).
    pub session_expires: Duration,
    /// A ping goes out after this long on a connection; `None`: never.
    pub keep_alive: Option<Duration>,
    /// A connection on which nothing came for this long after a ping is dead.
    pub keep_alive_timeout: Duration,
    /// The first wait between connection attempts is at most this; it doubles with each further one.
    pub backoff_base: Duration,
    /// No wait between attempts is longer.
    pub backoff_cap: Duration,
    /// A connection that stood this long makes the next wait a first one again.
    pub stable_after: Duration,
    /// A call that has no connection for this long ends ([`NoNetwork`](crate::EndReason::NoNetwork)).
    pub connect_timeout: Duration,
    /// A call rings no longer than this, whichever side it rings at.
    pub ring_timeout: Duration,
    /// After registering, the INVITE that a push announced comes within this time, or never.
    pub wake_grace: Duration,
    /// An answered call whose connection was lost waits this long for another.
    pub reconnect_window: Duration,
    /// A new token is fetched this long before the old one ends.
    pub token_margin: Duration,
    /// The token provider answers within this time, or is asked again.
    pub token_timeout: Duration,
    /// How many calls may exist at once.
    pub max_calls: usize,
    /// How many digits may wait in a call.
    pub max_queued_digits: usize,
    /// Of how many ended calls the endpoint remembers that they are over.
    pub max_tombstones: usize,
}

/// How an endpoint shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// A bearer token on the WebSocket upgrade, fetched from the application.
    Token,
    /// Digest (RFC 8760), at servers other than the gateway.
    Digest {
        /// The name that the server knows.
        username: String,
        /// The password.
        password: Sensitive<String>,
    },
    /// None: a server that trusts the network.
    None,
}

impl EndpointConfig {
    /// An endpoint `user` at `domain` that shows a token.
    pub fn new(domain: impl Into<String>, user: impl Into<String>, instance: impl Into<String>) -> Self {
        let seconds = Duration::from_secs;
        Self {
            domain: domain.into(),
            user: user.into(),
            display_name: None,
            instance: instance.into(),
            product: String::new(),
            auth: Auth::Token,
            register_expires: seconds(3600),
            session_expires: seconds(1800),
            // Longer than any NAT forgets TCP in practice; every ping costs a phone its sleep.
            keep_alive: Some(seconds(240)),
            keep_alive_timeout: seconds(10),
            backoff_base: Duration::from_millis(500),
            backoff_cap: seconds(30),
            stable_after: seconds(30),
            connect_timeout: seconds(30),
            ring_timeout: seconds(120),
            wake_grace: seconds(10),
            reconnect_window: seconds(30),
            token_margin: seconds(60),
            token_timeout: seconds(30),
            max_calls: 8,
            max_queued_digits: 64,
            max_tombstones: 64,
        }
    }
}
