//! What comes from a leg's far side: it is told, and passed on to the other leg's outlet if it may be heard there.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use doorstep_media::{
    dtmf::{Digit, DtmfReceiver},
    transport::{IncomingPacket, PacketReceiver},
};
use tokio::sync::mpsc;

use super::outlet::Outlet;

/// How long a digit sounds on the other leg: its length is not known when it begins.
const DIGIT: Duration = Duration::from_millis(120);

/// Where a leg's far side is heard. Shared by the dispatcher, which sets it, and the leg's session, which reads it.
#[derive(Default)]
pub(super) struct Ear {
    open: AtomicBool,
    partner: Mutex<Option<Arc<Outlet>>>,
}

/// Something about what comes in that the core wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    FirstAudio,
    Digit(Digit),
}

impl Ear {
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Lets the far side be heard or not; returns what was before.
    pub(super) fn set_open(&self, open: bool) -> bool {
        self.open.swap(open, Ordering::AcqRel)
    }

    pub(super) fn join(&self, outlet: Option<Arc<Outlet>>) {
        *self.partner.lock().unwrap_or_else(PoisonError::into_inner) = outlet;
    }

    /// The outlet that is to have what comes in now.
    fn heard_by(&self) -> Option<Arc<Outlet>> {
        if !self.is_open() {
            return None;
        }
        self.partner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The receiver of one leg's session.
pub(super) struct Listener {
    ear: Arc<Ear>,
    notes: mpsc::Sender<Note>,
    silent: bool,
    digits: DtmfReceiver,
}

impl Listener {
    pub(super) fn new(ear: Arc<Ear>, notes: mpsc::Sender<Note>) -> Self {
        Self { ear, notes, silent: true, digits: DtmfReceiver::new() }
    }

    fn note(&self, note: Note) {
        if self.notes.try_send(note).is_err() {
            metrics::counter!("doorstep_media_events_lost_total").increment(1);
            tracing::warn!("a leg's far side sends digits faster than they can be told");
        }
    }
}

impl PacketReceiver for Listener {
    fn receive(&mut self, packet: IncomingPacket<'_>, _arrival: Duration) {
        let outlet = self.ear.heard_by();
        if packet.codec.is_voice() {
            if std::mem::take(&mut self.silent) {
                self.note(Note::FirstAudio);
            }
        } else if let Some(digit) = self.digits.receive(packet.ssrc, packet.timestamp, packet.payload) {
            self.note(Note::Digit(digit));
            if let Some(outlet) = &outlet {
                outlet.digit(digit, DIGIT);
            }
        }
        if let Some(outlet) = outlet {
            outlet.audio(packet);
        }
    }
}
