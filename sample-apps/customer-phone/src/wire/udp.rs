//! SIP over UDP: a flow is a far side's address.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use doorstep_sip::ua::FlowId;
use tokio::net::UdpSocket;

use super::{MAX_FLOWS, Me, Received};

/// Longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

pub(super) struct Udp {
    socket: UdpSocket,
    /// The same socket: the runtime's own handle claims to be full until the first event told it otherwise, and the
    /// first message would be lost.
    sender: std::net::UdpSocket,
    flows: BTreeMap<FlowId, SocketAddr>,
    buffer: Vec<u8>,
    ready: VecDeque<Received>,
}

impl Udp {
    pub(super) fn bind(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let sender = std::net::UdpSocket::bind(address)?;
        sender.set_nonblocking(true)?;
        let local = sender.local_addr()?;
        let socket = UdpSocket::from_std(sender.try_clone()?)?;
        let (flows, ready) = (BTreeMap::new(), VecDeque::new());
        Ok((Self { socket, sender, flows, buffer: vec![0; MAX_DATAGRAM], ready }, local))
    }

    /// The flow, and whether it is new.
    pub(super) fn flow_to(&mut self, remote: SocketAddr) -> Option<(FlowId, bool)> {
        if let Some((flow, _)) = self.flows.iter().find(|(_, address)| **address == remote) {
            return Some((*flow, false));
        }
        if self.flows.len() >= MAX_FLOWS {
            return None;
        }
        let flow = FlowId(self.flows.len() as u64);
        self.flows.insert(flow, remote);
        Some((flow, true))
    }

    pub(super) fn send(&self, flow: FlowId, bytes: &[u8]) {
        let Some(remote) = self.flows.get(&flow) else { return };
        if let Err(error) = self.sender.send_to(bytes, *remote) {
            tracing::warn!(%error, "a SIP message could not be sent");
        }
    }

    pub(super) async fn receive(&mut self, me: &Me) -> io::Result<Received> {
        loop {
            if let Some(received) = self.ready.pop_front() {
                return Ok(received);
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
            match self.flow_to(remote) {
                Some((flow, new)) => {
                    if new {
                        self.ready.push_back(Received::Opened(flow, me.flow_info(remote)));
                    }
                    self.ready.push_back(Received::Message(flow, bytes));
                }
                None => tracing::warn!("a message from one stranger too many is dropped"),
            }
        }
    }
}
