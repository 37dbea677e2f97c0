//! The way out: numbers packets, protects them when there are keys, and sends them from the caller's own thread.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rtc::srtp::context::Context;

use super::{
    MAX_PAYLOAD, OutgoingPacket, PacketSink,
    rtcp::SenderInfo,
    rtp::{HEADER, Header},
    socket::Socket,
};
use crate::sdp::CodecMapping;

/// Seconds from the NTP epoch (1900) to Unix time (1970).
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// The sending half of a session. Shared with the audio thread; the lock is held for one packet.
pub(crate) struct Outbound(Mutex<State>);

/// Where packets go and from which socket.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) socket: Arc<Socket>,
    pub(crate) to: SocketAddr,
}

/// What was sent so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) dropped: u64,
}

struct State {
    ssrc: u32,
    sequence: u16,
    /// Added to the caller's timestamps, so that they start anywhere (RFC 3550 section 5.1).
    timestamp_offset: u32,
    /// Payload types the far side takes; empty while none may be sent.
    accepted: Vec<CodecMapping>,
    media: Option<Route>,
    control: Option<Route>,
    protection: Protection,
    sent: Sent,
    last: Option<Last>,
    buffer: [u8; HEADER + MAX_PAYLOAD],
}

enum Protection {
    /// Plain RTP.
    None,
    /// SRTP, without keys yet: nothing leaves.
    Awaited,
    Keyed(Box<Context>),
}

/// The last packet's place in time, for sender reports.
struct Last {
    timestamp: u32,
    clock_rate: u32,
    at: Instant,
}

impl Outbound {
    /// Sends nothing until it has codecs and a route, and keys if `secure`.
    pub(crate) fn new(secure: bool) -> Self {
        Self(Mutex::new(State {
            ssrc: rand::random(),
            // Below half of the range, so that SRTP's rollover count cannot be guessed wrong at the start
            // (RFC 3711 section 3.3.1).
            sequence: rand::random::<u16>() >> 1,
            timestamp_offset: rand::random(),
            accepted: Vec::new(),
            media: None,
            control: None,
            protection: if secure { Protection::Awaited } else { Protection::None },
            sent: Sent::default(),
            last: None,
            buffer: [0; HEADER + MAX_PAYLOAD],
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This side's SSRC, and the RTP clock rate of what it last sent.
    pub(crate) fn own_stream(&self) -> (u32, Option<u32>) {
        let state = self.lock();
        (state.ssrc, state.last.as_ref().map(|last| last.clock_rate))
    }

    pub(crate) fn sent(&self) -> Sent {
        self.lock().sent
    }

    /// Lets exactly these payload types pass from now on.
    pub(crate) fn accept(&self, codecs: Vec<CodecMapping>) {
        self.lock().accepted = codecs;
    }

    /// Sends media and RTCP there from now on; `None` holds both back.
    pub(crate) fn route(&self, media: Option<Route>, control: Option<Route>) {
        let mut state = self.lock();
        (state.media, state.control) = (media, control);
    }

    /// Protects with these keys, or waits for new ones.
    pub(crate) fn protect(&self, keys: Option<Box<Context>>) {
        self.lock().protection = keys.map_or(Protection::Awaited, Protection::Keyed);
    }

    /// Sends one RTCP compound packet; `false` if it could not go.
    pub(crate) fn send_control(&self, compound: &[u8]) -> bool {
        let mut state = self.lock();
        let State { control, protection, .. } = &mut *state;
        let Some(route) = control else { return false };
        match protection {
            Protection::None => route.socket.send(compound, route.to).is_ok(),
            Protection::Awaited => false,
            Protection::Keyed(context) => context
                .encrypt_rtcp(compound)
                .is_ok_and(|packet| route.socket.send(&packet, route.to).is_ok()),
        }
    }

    /// What a sender report says now; `None` if nothing was ever sent.
    pub(crate) fn sender_info(&self, now: Instant) -> Option<SenderInfo> {
        let state = self.lock();
        let last = state.last.as_ref()?;
        let since = now.saturating_duration_since(last.at);
        let units = since.as_micros() * u128::from(last.clock_rate) / 1_000_000;
        Some(SenderInfo {
            ntp: ntp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            rtp: last.timestamp.wrapping_add(units as u32),
            packets: state.sent.packets as u32,
            octets: state.sent.bytes as u32,
        })
    }
}

impl PacketSink for Outbound {
    fn send(&self, packet: OutgoingPacket<'_>) {
        let mut state = self.lock();
        if !state.send(packet) {
            state.sent.dropped += 1;
        }
    }
}

impl State {
    fn send(&mut self, packet: OutgoingPacket<'_>) -> bool {
        let Some(mapping) = self.accepted.iter().find(|m| m.payload_type == packet.payload_type) else {
            return false;
        };
        let length = HEADER + packet.payload.len();
        let (Some(route), Some(buffer)) = (&self.media, self.buffer.get_mut(..length)) else { return false };
        let header = Header {
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence: self.sequence,
            timestamp: packet.timestamp.wrapping_add(self.timestamp_offset),
            ssrc: self.ssrc,
        };
        let (head, body) = buffer.split_at_mut(HEADER);
        head.copy_from_slice(&header.to_bytes());
        body.copy_from_slice(packet.payload);
        let done = match &mut self.protection {
            Protection::None => route.socket.send(buffer, route.to),
            Protection::Awaited => return false,
            Protection::Keyed(context) => match context.encrypt_rtp(buffer) {
                Ok(packet) => route.socket.send(&packet, route.to),
                Err(_) => return false,
            },
        };
        // The number is used up even if the network refused the packet: with the same one, SRTP would protect two
        // texts with one key stream.
        self.sequence = self.sequence.wrapping_add(1);
        if done.is_err() {
            return false;
        }
        self.sent.packets += 1;
        self.sent.bytes += packet.payload.len() as u64;
        self.last = Some(Last {
            timestamp: header.timestamp,
            clock_rate: mapping.codec.clock_rate(),
            at: Instant::now(),
        });
        true
    }
}

fn ntp(unix: Duration) -> u64 {
    let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
    (unix.as_secs().wrapping_add(NTP_TO_UNIX) << 32) | fraction
}

/// Middle 32 bits of the NTP time now, the unit of RTCP's round trip (RFC 3550 section 6.4.1).
pub(crate) fn ntp_middle_now() -> u32 {
    (ntp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()) >> 16) as u32
}
