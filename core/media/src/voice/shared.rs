//! What controls, audio threads and the transport share.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    capture::SenderSetup,
    events::{VoiceEvent, VoiceStats},
    lock,
    playout::ReceiverSetup,
    ring::PacketRing,
};
use crate::{
    dtmf::{Digit, MAX_QUEUED},
    jitter::JitterStats,
};

pub(super) struct Shared {
    pub(super) capture_rate: u32,
    pub(super) playout_rate: u32,
    events: mpsc::Sender<VoiceEvent>,

    // Set by controls.
    pub(super) sending: AtomicBool,
    pub(super) muted: AtomicBool,
    pub(super) held: AtomicBool,
    pub(super) agreed: AtomicBool,
    /// The next audible sound is to be told.
    pub(super) await_audible: AtomicBool,
    pub(super) may_receive: AtomicBool,
    pub(super) takes_digits: AtomicBool,
    pub(super) next_sender: Handover<SenderSetup>,
    pub(super) next_receiver: Handover<ReceiverSetup>,
    pub(super) digits: Mutex<VecDeque<(Digit, Duration)>>,

    /// From the transport to the speaker.
    pub(super) ring: PacketRing,
    /// Where the outgoing timeline stands, for the next start of the device.
    pub(super) timestamp: AtomicU32,

    pub(super) counters: Counters,
    pub(super) jitter: Mutex<JitterStats>,
}

/// Counted where things happen, read anywhere.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) captured: AtomicU64,
    pub(super) played: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) encode_errors: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) digits: AtomicU64,
    pub(super) events_lost: AtomicU64,
}

impl Shared {
    pub(super) fn new(capture_rate: u32, playout_rate: u32, events: mpsc::Sender<VoiceEvent>) -> Self {
        Self {
            capture_rate,
            playout_rate,
            events,
            sending: AtomicBool::new(false),
            muted: AtomicBool::new(false),
            held: AtomicBool::new(false),
            agreed: AtomicBool::new(false),
            await_audible: AtomicBool::new(true),
            may_receive: AtomicBool::new(true),
            takes_digits: AtomicBool::new(false),
            next_sender: Handover::default(),
            next_receiver: Handover::default(),
            digits: Mutex::new(VecDeque::with_capacity(MAX_QUEUED)),
            ring: PacketRing::new(),
            timestamp: AtomicU32::new(0),
            counters: Counters::default(),
            jitter: Mutex::new(JitterStats::default()),
        }
    }

    pub(super) fn tell(&self, event: VoiceEvent) {
        match self.events.try_send(event) {
            // Nobody wants to know any more.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => count(&self.counters.events_lost),
        }
    }

    pub(super) fn stats(&self) -> VoiceStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        VoiceStats {
            frames_captured: read(&counters.captured),
            frames_played: read(&counters.played),
            packets_sent: read(&counters.sent),
            encode_errors: read(&counters.encode_errors),
            packets_received: read(&counters.received),
            packets_dropped: read(&counters.dropped),
            digits_received: read(&counters.digits),
            events_lost: read(&counters.events_lost),
            jitter: *lock(&self.jitter),
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Something new for an audio thread, which looks for it before each frame and never waits.
pub(super) struct Handover<T> {
    waiting: AtomicBool,
    slot: Mutex<Option<Box<T>>>,
}

impl<T> Default for Handover<T> {
    fn default() -> Self {
        Self { waiting: AtomicBool::new(false), slot: Mutex::new(None) }
    }
}

impl<T> Handover<T> {
    /// Leaves `new`; returns what lay there: an earlier one that was not fetched, or one that was replaced.
    pub(super) fn put(&self, new: Box<T>) -> Option<Box<T>> {
        let mut slot = lock(&self.slot);
        let former = slot.replace(new);
        self.waiting.store(true, Ordering::Release);
        former
    }

    /// Leaves something to be fetched again, unless something newer waits.
    pub(super) fn give_back(&self, old: Box<T>) {
        let mut slot = lock(&self.slot);
        if !self.waiting.swap(true, Ordering::AcqRel) {
            *slot = Some(old);
        }
    }

    /// Fetches what is new, if it is to be had at once, and leaves what it replaces to be dropped by the next
    /// [`Self::put`]. Says whether there was something.
    pub(super) fn fetch(&self, current: &mut Option<Box<T>>, adopt: impl FnOnce(&mut T, &mut T)) -> bool {
        if !self.waiting.load(Ordering::Acquire) {
            return false;
        }
        let mut slot = match self.slot.try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(slot)) => PoisonError::into_inner(slot),
            Err(TryLockError::WouldBlock) => return false,
        };
        self.waiting.store(false, Ordering::Release);
        if let (Some(former), Some(new)) = (current.as_deref_mut(), slot.as_deref_mut()) {
            adopt(former, new);
        }
        std::mem::swap(current, &mut slot);
        true
    }
}
