//! The phone's SIP sockets: one UDP socket, a TCP listener and its connections, or a WebSocket.

mod tcp;
mod udp;
mod ws;

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use doorstep_sip::msg::{Host, SipUri};
use doorstep_sip::ua::{FlowId, FlowInfo, TransportKind};
use tokio::net::UdpSocket;

use crate::{PhoneConfig, SignIn, Transport};

/// A phone talks to its carrier; strangers beyond this many are not listened to.
const MAX_FLOWS: usize = 256;

/// What came in.
#[derive(Debug)]
pub(crate) enum Received {
    /// A whole message.
    Message(FlowId, Bytes),
    /// A flow that the user agent does not know yet.
    Opened(FlowId, FlowInfo),
    /// A flow is gone.
    Closed(FlowId),
}

/// See the [module](self).
pub(crate) struct Wire {
    sockets: Sockets,
    me: Me,
    tap: Option<File>,
}

enum Sockets {
    Udp(udp::Udp),
    Tcp(tcp::Tcp),
    Ws(ws::Ws),
}

/// What the phone says of itself.
#[derive(Debug, Clone)]
struct Me {
    local: SocketAddr,
    number: String,
    transport: TransportKind,
}

impl Me {
    fn flow_info(&self, remote: SocketAddr) -> FlowInfo {
        let address = (Host::Address(self.local.ip()), Some(self.local.port()), None);
        let (host, port, param) = match self.transport {
            TransportKind::Udp => address,
            TransportKind::Tcp | TransportKind::Tls => (address.0, address.1, Some("tcp")),
            // A browser has no address to give (RFC 7118 section 5).
            TransportKind::Ws | TransportKind::Wss => {
                let name = format!("{:016x}.invalid", rand::random::<u64>());
                (Host::domain(&name).unwrap_or(address.0), None, Some("ws"))
            }
        };
        let mut contact = SipUri::new(host.clone()).with_user(&self.number);
        contact.port = port;
        if let Err(error) = param.map_or(Ok(()), |param| contact.params.set("transport", Some(param))) {
            tracing::error!(%error, "the contact names no transport");
        }
        FlowInfo { transport: self.transport, host, port, contact, remote: Some(remote) }
    }
}

impl Wire {
    pub(crate) async fn open(config: &PhoneConfig) -> io::Result<Self> {
        let tap = config.tap.as_ref().map(File::create).transpose()?;
        let (sockets, mut local, transport) = match &config.transport {
            Transport::Udp => {
                let (udp, local) = udp::Udp::bind(config.bind)?;
                (Sockets::Udp(udp), local, TransportKind::Udp)
            }
            Transport::Tcp => {
                let (tcp, local) = tcp::Tcp::bind(config.bind).await?;
                (Sockets::Tcp(tcp), local, TransportKind::Tcp)
            }
            Transport::WebSocket { sign_in, .. } => {
                let token = match sign_in {
                    SignIn::Token(token) => Some(token.expose().clone()),
                    SignIn::Password(_) => None,
                };
                let ws = ws::Ws::new(token, config.bind.ip());
                (Sockets::Ws(ws), config.bind, TransportKind::Ws)
            }
        };
        if local.ip().is_unspecified() {
            local.set_ip(address_towards(config.trunk).await?);
        }
        Ok(Self { sockets, me: Me { local, number: config.number.clone(), transport }, tap })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.me.local
    }

    /// The flow to an address, and what the user agent must know of it if it is new. A connection is made on the way;
    /// what is sent meanwhile waits for it.
    pub(crate) fn flow_to(&mut self, remote: SocketAddr) -> Option<(FlowId, Option<FlowInfo>)> {
        let (flow, new) = match &mut self.sockets {
            Sockets::Udp(udp) => udp.flow_to(remote)?,
            Sockets::Tcp(tcp) => tcp.flow_to(remote)?,
            Sockets::Ws(ws) => ws.flow_to(remote),
        };
        Some((flow, new.then(|| self.me.flow_info(remote))))
    }

    /// Sends a message. What the system does not take is lost, as it may be on the way, or closes its connection.
    pub(crate) fn send(&mut self, flow: FlowId, bytes: Bytes) {
        self.note("sent", &bytes);
        match &mut self.sockets {
            Sockets::Udp(udp) => udp.send(flow, &bytes),
            Sockets::Tcp(tcp) => tcp.send(flow, bytes),
            Sockets::Ws(ws) => ws.send(flow, bytes),
        }
    }

    /// The next message or change. May be dropped while it waits.
    pub(crate) async fn receive(&mut self) -> io::Result<Received> {
        let received = match &mut self.sockets {
            Sockets::Udp(udp) => udp.receive(&self.me).await?,
            Sockets::Tcp(tcp) => tcp.receive(&self.me).await?,
            Sockets::Ws(ws) => ws.receive().await?,
        };
        if let Received::Message(_, bytes) = &received {
            let bytes = bytes.clone();
            self.note("received", &bytes);
        }
        Ok(received)
    }

    fn note(&mut self, way: &str, bytes: &[u8]) {
        let Some(tap) = &mut self.tap else { return };
        let written = writeln!(tap, "--- {way}").and_then(|()| tap.write_all(bytes));
        if let Err(error) = written {
            tracing::error!(%error, "the tap cannot be written any more");
            self.tap = None;
        }
    }
}

/// The address that this machine uses towards another.
async fn address_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if remote.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(remote).await?;
    Ok(socket.local_addr()?.ip())
}
