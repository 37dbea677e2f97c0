use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use doorstep_media::sdp::Codec;
use doorstep_sip::Sensitive;
use doorstep_sip::msg::Host;
use doorstep_sip::registration::PushParams;

use crate::{Gossip, PacketLog};

use crate::Chorus;

/// What a phone is.
#[derive(Debug, Clone)]
pub struct PhoneConfig {
    /// Where it listens for SIP; port 0 lets the system choose. As a softphone, the address that it connects from.
    pub bind: SocketAddr,
    /// Where its voice is; the address of `bind` if `None`.
    pub media_ip: Option<IpAddr>,
    /// Whom it calls through, and who calls it: the gateway's SIP address towards the carrier.
    pub trunk: SocketAddr,
    /// What carries SIP.
    pub transport: Transport,
    /// Its own number, E.164, or its user's name.
    pub number: String,
    /// Its owner's name, as callers send it along.
    pub display_name: Option<String>,
    /// Voice codecs, most preferred first.
    pub codecs: Vec<Codec>,
    /// A WAV file that its owner says once a call is answered; silence without one.
    pub play: Option<PathBuf>,
    /// Where to keep what its owner hears of the first call, as WAV.
    pub record: Option<PathBuf>,
    /// Where to note every SIP message that it receives or sends, as it was on the wire.
    pub tap: Option<PathBuf>,
    /// Where to note every packet that arrives at its media sockets.
    pub packets: Option<PacketLog>,
    /// As a softphone, what tells it from its owner's others (RFC 5626); made up if `None`.
    pub instance: Option<String>,
    /// As a softphone, how a push wakes it (RFC 8599).
    pub push: Option<PushParams>,
    /// What it says beyond what is needed.
    pub gossip: Gossip,
    /// What it does when somebody calls.
    pub on_call: OnCall,
    /// Its owner sings along instead of saying `play` and keeping `record`, and notices neither digits nor the first sound.
    pub chorus: Option<Arc<Chorus>>,
    /// Whether it tells of each INVITE that leaves ([`Invited`](crate::PhoneEventKind::Invited)) and each provisional
    /// answer to it ([`Progress`](crate::PhoneEventKind::Progress)): for measuring.
    pub tells_progress: bool,
}

impl PhoneConfig {
    /// A phone on loopback over UDP that answers at once, knows G.711, and says nothing.
    pub fn new(number: &str, trunk: SocketAddr) -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            trunk,
            media_ip: None,
            transport: Transport::Udp,
            number: number.to_owned(),
            display_name: None,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            play: None,
            record: None,
            tap: None,
            packets: None,
            instance: None,
            push: None,
            gossip: Gossip::default(),
            on_call: OnCall::Answer { after: Duration::ZERO },
            chorus: None,
            tells_progress: false,
        }
    }
}

/// What carries SIP, and so what kind of phone it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// One message a datagram.
    Udp,
    /// A stream that either side opens.
    Tcp,
    /// A softphone as in a browser: it signs in over a WebSocket without TLS (RFC 7118) at the path `/ws`, and its voice is
    /// WebRTC's.
    WebSocket {
        /// How it says who it is.
        sign_in: SignIn,
        /// Whose users it calls and is one of.
        domain: Host,
    },
}

/// How a softphone says who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// By the bearer token of the upgrade (RFC 6750).
    Token(Sensitive<String>),
    /// By digest (RFC 8760), with its number as the account.
    Password(Sensitive<String>),
}

/// What the phone does when somebody calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCall {
    /// It rings, and its owner answers after this time.
    Answer {
        /// From the first ring.
        after: Duration,
    },
    /// It rings until the caller gives up, or [`Phone::answer`](crate::Phone::answer) or
    /// [`Phone::refuse`](crate::Phone::refuse) says otherwise.
    Ring,
    /// It is in use: 486.
    Busy,
}
