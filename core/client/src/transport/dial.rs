//! TCP to whichever of a host's addresses answers first (RFC 8305).

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use super::TransportError;

/// How long an address has a head start on the next (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// More addresses than a sane name has; the rest is not tried.
const MAX_ADDRESSES: usize = 16;

/// A TCP connection to the host, with small segments sent at once: SIP messages wait for answers.
pub(super) async fn dial(host: &str, port: u16, only_loopback: bool) -> Result<TcpStream, TransportError> {
    let mut addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![(address, port).into()],
        Err(_) => tokio::net::lookup_host((host, port)).await.map_err(|_| TransportError::Dns)?.collect(),
    };
    if addresses.is_empty() {
        return Err(TransportError::Dns);
    }
    if only_loopback {
        addresses.retain(|address| address.ip().is_loopback());
        if addresses.is_empty() {
            return Err(TransportError::Insecure);
        }
    }
    let stream = first_of(interleave(addresses), TcpStream::connect).await?;
    stream.set_nodelay(true).map_err(|error| TransportError::from_io(&error))?;
    Ok(stream)
}

/// Takes the families in turns, beginning with the first address' (RFC 8305 section 4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first_family) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for address in addresses {
        if address.is_ipv6() == first_family { first.push(address) } else { second.push(address) }
    }
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    while ordered.len() < MAX_ADDRESSES {
        let before = ordered.len();
        ordered.extend(first.next());
        ordered.extend(second.next());
        if ordered.len() == before {
            break;
        }
    }
    ordered
}

/// Tries the addresses in order, the next when one has failed or its head start is over. The first success ends the
/// others; if none succeeds, the first failure is told.
async fn first_of<T, F, Fut>(addresses: Vec<SocketAddr>, attempt: F) -> Result<T, TransportError>
where
    F: Fn(SocketAddr) -> Fut,
    Fut: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut failure = None;
    loop {
        match waiting.next() {
            Some(address) => running.push(attempt(address)),
            None if running.is_empty() => return Err(failure.unwrap_or(TransportError::Dns)),
            None => {}
        }
        let head_start = async {
            if waiting.len() == 0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(HEAD_START).await;
        };
        tokio::select! {
            result = running.next() => match result {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => { failure.get_or_insert(TransportError::from_io(&error)); }
                None => {}
            },
            () = head_start => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let mixed = addresses(&["[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.1:1", "192.0.2.2:1"]);
        let ordered = addresses(&["[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "192.0.2.2:1"]);
        assert_eq!(interleave(mixed), ordered);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_swallows_packets_costs_its_head_start_and_no_more() {
        let start = tokio::time::Instant::now();
        let winner = first_of(addresses(&["192.0.2.1:1", "192.0.2.2:1"]), |address| async move {
            if address.ip().to_string().ends_with(".1") {
                std::future::pending::<()>().await;
            }
            Ok(address)
        })
        .await
        .unwrap();
        assert_eq!(winner, addresses(&["192.0.2.2:1"])[0]);
        assert_eq!(start.elapsed(), HEAD_START);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_the_next_address_is_tried_at_once() {
        let start = tokio::time::Instant::now();
        let tried = Mutex::new(Vec::new());
        let all = addresses(&["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]);
        let result: Result<(), _> = first_of(all.clone(), |address| {
            tried.lock().unwrap().push(address);
            async { Err(io::ErrorKind::ConnectionRefused.into()) }
        })
        .await;
        assert_eq!(result, Err(TransportError::Unreachable(io::ErrorKind::ConnectionRefused)));
        assert_eq!(*tried.lock().unwrap(), all);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
