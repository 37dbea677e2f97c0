//! The phone's SIP sockets.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use doorstep_sip::msg::{Host, SipUri};
use doorstep_sip::ua::{FlowId, FlowInfo, TransportKind};
use tokio::net::UdpSocket;

use crate::PhoneConfig;

/// Longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;
/// A phone talks to its carrier; strangers beyond this many are not listened to.
const MAX_FLOWS: usize = 256;

/// What came in.
pub(crate) enum Received {
    /// A whole message.
    Message(FlowId, Bytes),
    /// A flow that the user agent does not know yet.
    Opened(FlowId, FlowInfo),
}

/// SIP over UDP: a flow is a far side's address.
pub(crate) struct Wire {
    socket: UdpSocket,
    /// The same socket: the runtime's own handle claims to be full until the first event told it otherwise, and the
    /// first message would be lost.
    sender: std::net::UdpSocket,
    local: SocketAddr,
    number: String,
    flows: BTreeMap<FlowId, SocketAddr>,
    buffer: Vec<u8>,
    waiting: Option<(FlowId, Bytes)>,
    tap: Option<File>,
}

impl Wire {
    pub(crate) async fn open(config: &PhoneConfig) -> io::Result<Self> {
        let sender = std::net::UdpSocket::bind(config.bind)?;
        sender.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(sender.try_clone()?)?;
        let mut local = socket.local_addr()?;
        if local.ip().is_unspecified() {
            local.set_ip(address_towards(config.trunk).await?);
        }
        let (number, buffer) = (config.number.clone(), vec![0; MAX_DATAGRAM]);
        let tap = config.tap.as_ref().map(File::create).transpose()?;
        Ok(Self { socket, sender, local, number, flows: BTreeMap::new(), buffer, waiting: None, tap })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The flow to an address, and what the user agent must know of it if it is new.
    pub(crate) fn flow_to(&mut self, remote: SocketAddr) -> Option<(FlowId, Option<FlowInfo>)> {
        if let Some((flow, _)) = self.flows.iter().find(|(_, address)| **address == remote) {
            return Some((*flow, None));
        }
        if self.flows.len() >= MAX_FLOWS {
            return None;
        }
        let flow = FlowId(self.flows.len() as u64);
        self.flows.insert(flow, remote);
        let info = FlowInfo {
            transport: TransportKind::Udp,
            host: Host::Address(self.local.ip()),
            port: Some(self.local.port()),
            contact: SipUri::from(self.local).with_user(&self.number),
            remote: Some(remote),
        };
        Some((flow, Some(info)))
    }

    fn note(&mut self, way: &str, bytes: &[u8]) {
        let Some(tap) = &mut self.tap else { return };
        let written = writeln!(tap, "--- {way}").and_then(|()| tap.write_all(bytes));
        if let Err(error) = written {
            tracing::error!(%error, "the tap cannot be written any more");
            self.tap = None;
        }
    }

    /// Sends a message; a datagram that the system does not take is lost, as one on the way may be.
    pub(crate) fn send(&mut self, flow: FlowId, bytes: &[u8]) {
        self.note("sent", bytes);
        let Some(remote) = self.flows.get(&flow) else { return };
        if let Err(error) = self.sender.send_to(bytes, *remote) {
            tracing::warn!(%error, "a SIP message could not be sent");
        }
    }

    /// The next message or flow. May be dropped while it waits.
    pub(crate) async fn receive(&mut self) -> io::Result<Received> {
        loop {
            if let Some((flow, bytes)) = self.waiting.take() {
                return Ok(Received::Message(flow, bytes));
            }
            let (length, remote) = match self.socket.recv_from(&mut self.buffer).await {
                Ok(received) => received,
                // The far side's port is closed; the transaction's timers tell what that means.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            let bytes = Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default());
            // Keep-alive (RFC 5626 section 3.5.1 and the usual habit).
            if bytes.iter().all(|byte| b"\r\n\0".contains(byte)) {
                continue;
            }
            self.note("received", &bytes);
            match self.flow_to(remote) {
                Some((flow, None)) => return Ok(Received::Message(flow, bytes)),
                Some((flow, Some(info))) => {
                    self.waiting = Some((flow, bytes));
                    return Ok(Received::Opened(flow, info));
                }
                None => tracing::warn!("a message from one stranger too many is dropped"),
            }
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
