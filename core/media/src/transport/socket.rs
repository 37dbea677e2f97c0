//! The UDP sockets of a session: bound inside a port range, marked as voice, freed when dropped.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket},
    ops::RangeInclusive,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll},
};

use rand::RngExt;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket as RawSocket, Type};
use tokio::io::ReadBuf;

use ear::Ear;

/// Expedited forwarding (RFC 3246), in the six upper bits of the traffic class (RFC 8837 for voice).
const TRAFFIC_CLASS: u32 = 46 << 2;
/// A socket that does nothing but fail is no longer read.
const MAX_FAULTS: u32 = 1_000;

/// One bound socket and what the outside knows it by.
#[derive(Debug)]
pub(crate) struct Socket {
    ear: Ear,
    /// The address that is written into descriptions.
    pub(crate) advertised: SocketAddr,
    /// Receive faults in a row: ICMP messages on some systems, or an address that is gone.
    faults: AtomicU32,
}

impl Socket {
    fn new(socket: StdUdpSocket, advertised: IpAddr) -> io::Result<Self> {
        let port = socket.local_addr()?.port();
        Ok(Self {
            ear: ear::open(socket)?,
            advertised: SocketAddr::new(advertised, port),
            faults: AtomicU32::new(0),
        })
    }

    /// Sends at once or not at all; callable from any thread.
    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        SockRef::from(&self.ear).send_to(datagram, &SockAddr::from(to)).map(|_| ())
    }

    /// The next datagram and its sender; `None` for a fault that the next call may not meet.
    pub(crate) fn poll_receive(
        &self,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Option<SocketAddr>> {
        if self.faults.load(Ordering::Relaxed) > MAX_FAULTS {
            return Poll::Pending;
        }
        ear::poll_receive(&self.ear, context, into).map(|received| match received {
            Ok(from) => {
                self.faults.store(0, Ordering::Relaxed);
                Some(from)
            }
            Err(_) => {
                self.faults.fetch_add(1, Ordering::Relaxed);
                None
            }
        })
    }
}

/// A socket that waits for datagrams alone. One that waits for room to send as well, as tokio's does, is woken once more for
/// each datagram that has left, and a call sends as many as it receives.
#[cfg(unix)]
mod ear {
    use std::{
        io,
        net::{SocketAddr, UdpSocket},
        task::{Context, Poll, ready},
    };

    use tokio::io::{Interest, ReadBuf, unix::AsyncFd};

    pub(super) type Ear = AsyncFd<UdpSocket>;

    /// `socket` does not block.
    pub(super) fn open(socket: UdpSocket) -> io::Result<Ear> {
        // SAFETY: a `UdpSocket` owns its descriptor and gives the same one for as long as it lives, which is longer than it is
        // registered: `AsyncFd` owns the socket, and this module neither takes it out nor replaces it.
        let ear = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
        ear.map_err(|refused| refused.into_parts().1)
    }

    pub(super) fn poll_receive(
        ear: &Ear,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        loop {
            let mut ready = ready!(ear.poll_read_ready(context))?;
            let received = ready.try_io(|ear| ear.get_ref().recv_from(into.initialize_unfilled()));
            // An error of `try_io` means that there was nothing: the wait goes on.
            if let Ok(received) = received {
                return Poll::Ready(received.map(|(length, from)| {
                    into.advance(length);
                    from
                }));
            }
        }
    }
}

/// Where there is no way to wait for datagrams alone.
#[cfg(not(unix))]
mod ear {
    use std::{
        io,
        net::{SocketAddr, UdpSocket as StdUdpSocket},
        task::{Context, Poll},
    };

    use tokio::{io::ReadBuf, net::UdpSocket};

    pub(super) type Ear = UdpSocket;

    /// `socket` does not block.
    pub(super) fn open(socket: StdUdpSocket) -> io::Result<Ear> {
        UdpSocket::from_std(socket)
    }

    pub(super) fn poll_receive(
        ear: &Ear,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        ear.poll_recv_from(context, into)
    }
}

/// Binds one socket on `ip`, on a free port of `ports` or of the system's choice.
///
/// # Errors
/// `AddrInUse` when the range is used up, else the system's.
pub(crate) fn bind(
    ip: IpAddr,
    advertised: IpAddr,
    ports: Option<&RangeInclusive<u16>>,
) -> io::Result<Socket> {
    let Some(ports) = ports else { return Socket::new(open(SocketAddr::new(ip, 0))?, advertised) };
    let count = u32::from(*ports.end()).saturating_sub(u32::from(*ports.start())) + 1;
    search(count, |index| open(SocketAddr::new(ip, ports.start() + index as u16)))
        .and_then(|socket| Socket::new(socket, advertised))
}

/// Binds RTP on an even port and RTCP on the one after (RFC 3550 section 11).
///
/// # Errors
/// As [`bind`].
pub(crate) fn bind_pair(
    ip: IpAddr,
    advertised: IpAddr,
    ports: Option<&RangeInclusive<u16>>,
) -> io::Result<(Socket, Socket)> {
    let any = 1_024..=u16::MAX;
    let ports = ports.unwrap_or(&any);
    let first = u32::from(*ports.start()).next_multiple_of(2);
    let pairs = (u32::from(*ports.end()) + 1).saturating_sub(first) / 2;
    let (rtp, rtcp) = search(pairs, |index| {
        let port = (first + index * 2) as u16;
        Ok((open(SocketAddr::new(ip, port))?, open(SocketAddr::new(ip, port + 1))?))
    })?;
    Ok((Socket::new(rtp, advertised)?, Socket::new(rtcp, advertised)?))
}

/// Tries all of `count` places once, beginning anywhere, so that a freed port rests before it is used again.
fn search<T>(count: u32, mut attempt: impl FnMut(u32) -> io::Result<T>) -> io::Result<T> {
    if count == 0 {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    let start = rand::rng().random_range(0..count);
    for step in 0..count {
        match attempt((start + step) % count) {
            Err(fault)
                if matches!(fault.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {}
            done => return done,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn open(address: SocketAddr) -> io::Result<StdUdpSocket> {
    let socket = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The mark is a wish: some systems refuse it, and voice flows all the same.
    let _marked = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(TRAFFIC_CLASS),
        SocketAddr::V6(_) => socket.set_only_v6(true),
    };
    socket.bind(&address.into())?;
    Ok(socket.into())
}
