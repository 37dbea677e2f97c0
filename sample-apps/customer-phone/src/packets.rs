//! A note of everything that arrives at a phone's media sockets.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use doorstep_media::transport::{PacketKind, PacketTap};
use tokio::sync::watch;

/// Keeps every packet of a phone's calls in one file: a line that says what it is, whence it came and, of voice, its
/// SSRC; then its bytes, voice and reports decrypted, voice without its payload.
#[derive(Debug, Clone)]
pub struct PacketLog {
    file: Arc<Mutex<File>>,
    seen: watch::Sender<PacketCounts>,
}

/// How many packets of each kind came so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// Connectivity checks and answers.
    pub stun: u64,
    /// Handshake records.
    pub dtls: u64,
    /// Voice and digits.
    pub rtp: u64,
    /// Reports.
    pub rtcp: u64,
    /// Anything else.
    pub other: u64,
}

impl PacketCounts {
    /// All of them.
    pub const fn total(self) -> u64 {
        self.stun + self.dtls + self.rtp + self.rtcp + self.other
    }
}

impl std::ops::Add for PacketCounts {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            stun: self.stun + more.stun,
            dtls: self.dtls + more.dtls,
            rtp: self.rtp + more.rtp,
            rtcp: self.rtcp + more.rtcp,
            other: self.other + more.other,
        }
    }
}

impl PacketLog {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(Mutex::new(File::create(path)?)), seen: watch::Sender::default() })
    }

    /// What came so far, and a way to wait for more.
    pub fn seen(&self) -> watch::Receiver<PacketCounts> {
        self.seen.subscribe()
    }
}

impl PacketTap for PacketLog {
    fn packet(&mut self, kind: PacketKind, from: SocketAddr, bytes: &[u8]) {
        let name = match kind {
            PacketKind::Stun => "stun",
            PacketKind::Dtls => "dtls",
            PacketKind::Rtp => "rtp",
            PacketKind::Rtcp => "rtcp",
            PacketKind::Other => "other",
        };
        let source = match kind {
            PacketKind::Rtp => bytes.get(8..12),
            PacketKind::Rtcp => bytes.get(4..8),
            PacketKind::Stun | PacketKind::Dtls | PacketKind::Other => None,
        };
        let source = source.and_then(|source| source.try_into().ok()).map(u32::from_be_bytes);
        let source = source.map(|source| format!(" ssrc {source}")).unwrap_or_default();
        let mut packet = format!("--- {name} from {from}{source}\n").into_bytes();
        packet.extend_from_slice(bytes);
        packet.push(b'\n');
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&packet);
        if let Err(error) = written {
            // Whoever waits for packets waits in vain, and so sees it.
            tracing::error!(%error, "a packet could not be noted");
            return;
        }
        self.seen.send_modify(|seen| {
            *match kind {
                PacketKind::Stun => &mut seen.stun,
                PacketKind::Dtls => &mut seen.dtls,
                PacketKind::Rtp => &mut seen.rtp,
                PacketKind::Rtcp => &mut seen.rtcp,
                PacketKind::Other => &mut seen.other,
            } += 1;
        });
    }
}
