//! The trunk's UDP socket. A flow is a remote address; the first datagram of an allowed one opens it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::{Mutex, watch};

use super::sources::Sources;
use super::{Carriers, canonical, flow_info, local_ip_towards};
use crate::config::HostPort;
use crate::core::{FlowId, FlowInfo, Side, TransportKind};
use crate::driver::{Handle, Outlet};

/// Remote addresses that are remembered; beyond that the longest silent one goes.
const FLOWS: usize = 1024;
/// The longest datagram.
const DATAGRAM: usize = 65_535;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct UdpTrunk {
    pub(super) address: SocketAddr,
    socket: Arc<UdpSocket>,
    advertised: Option<HostPort>,
    carriers: Carriers,
    sources: Arc<Sources>,
    driver: Handle,
    /// Held while the driver is told, so that a flow is known before its first message.
    flows: Mutex<Flows>,
}

#[derive(Debug, Default)]
struct Flows {
    by_address: HashMap<SocketAddr, (FlowId, Instant)>,
    /// The addresses that our own requests go to, by the carriers' places.
    outbound: BTreeMap<usize, SocketAddr>,
}

impl UdpTrunk {
    pub(super) async fn bind(
        listen: SocketAddr,
        advertised: Option<HostPort>,
        carriers: Carriers,
        sources: Arc<Sources>,
        driver: Handle,
    ) -> io::Result<Arc<Self>> {
        let socket = Arc::new(UdpSocket::bind(listen).await?);
        // Until the runtime has seen it writable once, a send that does not wait fails: the first datagram would be lost.
        socket.writable().await?;
        let address = socket.local_addr()?;
        Ok(Arc::new(Self { address, socket, advertised, carriers, sources, driver, flows: Mutex::default() }))
    }

    /// Takes datagrams until `stop` turns true. While the driver is busy they wait in the socket's buffer.
    pub(super) async fn receive(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let received = tokio::select! {
                received = self.socket.recv_from(&mut buffer) => received,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match received {
                Ok((length, remote)) => {
                    if let Some(datagram) = buffer.get(..length) {
                        self.take(datagram, canonical(remote)).await;
                    }
                }
                // ICMP's "nobody there" for something sent before: it says nothing of this socket.
                Err(error) => tracing::debug!(kind = ?error.kind(), "a datagram could not be received"),
            }
        }
    }

    /// Our requests to a carrier go to the first of these addresses that our socket can reach and where no other carrier is, or stay where
    /// they go if that is among them.
    pub(super) async fn lead_to(&self, carrier: usize, addresses: &[SocketAddr]) {
        let mut flows = self.flows.lock().await;
        let before = flows.outbound.get(&carrier).copied();
        let addresses: Vec<SocketAddr> = addresses.iter().copied().map(canonical).collect();
        if before.is_some_and(|before| addresses.contains(&before)) {
            return;
        }
        let reachable = |address: &&SocketAddr| address.is_ipv4() || self.address.is_ipv6();
        let free = |address: &&SocketAddr| !flows.outbound.values().any(|other| other == *address);
        let Some(address) = addresses.iter().filter(reachable).find(free).copied() else {
            if addresses.iter().any(|address| reachable(&address)) {
                tracing::error!("two carriers lead to one address: one of them cannot be called");
            }
            return;
        };
        flows.outbound.insert(carrier, address);
        self.open(&mut flows, address, carrier).await;
        if let Some(before) = before {
            // Calls that go on there stay there.
            self.open(&mut flows, before, carrier).await;
        }
    }

    async fn take(&self, datagram: &[u8], remote: SocketAddr) {
        let Some(carrier) = self.sources.carrier_at(remote) else {
            metrics::counter!("doorstep_trunk_datagrams_dropped_total", "why" => "unknown_source")
                .increment(1);
            return;
        };
        // Keep-alives of carriers that ping by CRLF or a zero byte.
        if datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return;
        }
        let mut flows = self.flows.lock().await;
        let flow = match flows.by_address.get_mut(&remote) {
            Some((flow, last)) => {
                *last = Instant::now();
                *flow
            }
            None => match self.open(&mut flows, remote, carrier).await {
                Some(flow) => flow,
                None => return,
            },
        };
        drop(flows);
        self.driver.message(Side::Trunk, flow, Bytes::copy_from_slice(datagram)).await;
    }

    /// Opens a flow with a carrier, or tells of one that is open whether it is the one for our requests.
    async fn open(&self, flows: &mut Flows, remote: SocketAddr, carrier: usize) -> Option<FlowId> {
        let peer = self.carriers.peer(carrier, flows.outbound.get(&carrier) == Some(&remote));
        let info = match self.info(remote) {
            Ok(info) => info,
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "there is no way to an address of the carrier");
                return None;
            }
        };
        if let Some((flow, _)) = flows.by_address.get(&remote) {
            self.driver.opened(*flow, peer, info, None).await;
            return Some(*flow);
        }
        if flows.by_address.len() >= FLOWS {
            self.forget_one(flows).await;
        }
        let flow = self.driver.new_flow();
        flows.by_address.insert(remote, (flow, Instant::now()));
        let outlet =
            Outlet::Datagrams { socket: Arc::clone(&self.socket), to: self.as_the_socket_wants(remote) };
        self.driver.opened(flow, peer, info, Some(outlet)).await;
        Some(flow)
    }

    async fn forget_one(&self, flows: &mut Flows) {
        let ours = |address: &SocketAddr| flows.outbound.values().any(|outbound| outbound == address);
        let others = flows.by_address.iter().filter(|(address, _)| !ours(address));
        let Some((address, flow)) =
            others.min_by_key(|(_, (_, last))| *last).map(|(a, (flow, _))| (*a, *flow))
        else {
            return;
        };
        flows.by_address.remove(&address);
        self.driver.closed(Side::Trunk, flow).await;
    }

    fn info(&self, remote: SocketAddr) -> io::Result<FlowInfo> {
        let ip = match self.address.ip() {
            ip if ip.is_unspecified() => local_ip_towards(remote)?,
            ip => ip,
        };
        let local = SocketAddr::new(ip, self.address.port());
        Ok(flow_info(TransportKind::Udp, local, remote, self.advertised.as_ref()))
    }

    fn as_the_socket_wants(&self, remote: SocketAddr) -> SocketAddr {
        match remote {
            SocketAddr::V4(v4) if self.address.is_ipv6() => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
            SocketAddr::V4(_) | SocketAddr::V6(_) => remote,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Peer;
    use crate::driver::{Ends, FromOutside, channel};

    async fn bind(sources: Arc<Sources>, driver: Handle) -> Arc<UdpTrunk> {
        let carriers = Carriers::named(&["first", "second"]);
        UdpTrunk::bind("127.0.0.1:0".parse().unwrap(), None, carriers, sources, driver).await.unwrap()
    }

    async fn told(ends: &mut Ends) -> (FlowId, bool, bool) {
        match ends.inputs.recv().await {
            Some(FromOutside::Opened { flow, peer: Peer::Carrier { outbound, .. }, outlet, .. }) => {
                (flow, outbound, outlet.is_some())
            }
            other => panic!("{other:?}"),
        }
    }

    fn addresses(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn our_requests_follow_the_carriers_name_and_stay_while_it_still_leads_there() {
        let (driver, mut ends) = channel();
        let sources = Arc::new(Sources::new(Vec::new()));
        let udp = bind(sources, driver).await;
        udp.lead_to(0, &addresses(&["[::1]:5060", "127.0.0.2:5060", "127.0.0.3:5060"])).await;
        let (first, outbound, new) = told(&mut ends).await;
        assert!(outbound && new, "the first that an IPv4 socket reaches");
        udp.lead_to(0, &addresses(&["127.0.0.3:5060", "127.0.0.2:5060"])).await;
        udp.lead_to(0, &addresses(&["[::1]:5060"])).await;
        udp.lead_to(0, &addresses(&["127.0.0.3:5060"])).await;
        let (second, outbound, new) = told(&mut ends).await;
        assert!(second != first && outbound && new, "only now it moves");
        assert_eq!(told(&mut ends).await, (first, false, false), "and the old flow stays for its calls");
        udp.lead_to(0, &addresses(&["127.0.0.2:5060"])).await;
        assert_eq!(told(&mut ends).await, (first, true, false), "back again");
        assert_eq!(told(&mut ends).await, (second, false, false));
    }

    #[tokio::test]
    async fn beyond_the_limit_the_longest_silent_address_is_forgotten_but_not_the_carrier() {
        let (driver, mut ends) = channel();
        let sources = Arc::new(Sources::new(vec![("127.0.0.0/8".parse().unwrap(), 0)]));
        let udp = bind(sources, driver).await;
        udp.lead_to(0, &addresses(&["127.0.0.2:5060"])).await;
        let (carrier, ..) = told(&mut ends).await;
        let mut first = None;
        for port in 0..FLOWS {
            udp.take(b"x", SocketAddr::from(([127, 0, 0, 3], 2000 + u16::try_from(port).unwrap()))).await;
            loop {
                match ends.inputs.recv().await.unwrap() {
                    FromOutside::Opened { flow, .. } => first = first.or(Some(flow)),
                    FromOutside::Message { .. } => break,
                    FromOutside::Closed { flow, .. } => {
                        assert_eq!((Some(flow), port), (first, FLOWS - 1));
                        assert_ne!(flow, carrier);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(udp.flows.lock().await.by_address.len(), FLOWS);
    }

    #[tokio::test]
    async fn each_carrier_has_a_flow_of_its_own_and_none_takes_anothers() {
        let (driver, mut ends) = channel();
        let udp = bind(Arc::new(Sources::new(Vec::new())), driver).await;
        udp.lead_to(0, &addresses(&["127.0.0.2:5060"])).await;
        udp.lead_to(1, &addresses(&["127.0.0.2:5060", "127.0.0.2:5070"])).await;
        udp.lead_to(1, &addresses(&["127.0.0.2:5060"])).await;
        let mut named = Vec::new();
        while let Ok(FromOutside::Opened { peer: Peer::Carrier { carrier, outbound }, .. }) =
            ends.inputs.try_recv()
        {
            named.push((carrier.0, outbound));
        }
        assert_eq!(named, [("first".to_owned(), true), ("second".to_owned(), true)]);
        assert_eq!(udp.flows.lock().await.outbound.get(&1), Some(&"127.0.0.2:5070".parse().unwrap()));
    }
}
