//! What the application sees: every call's state, and events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorstep_call::{
    CallHandle, CallSnapshot, CallState, ConnectionState, Direction, EndReason, Event as CallEvent, OrderId,
    RegistrationState, Timestamp,
};
use tokio::sync::{broadcast, watch};

use super::Commands;
use crate::api::{Ended, Rest};
use crate::{Call, Event, EventStream};

/// Written by the driver, read by everybody.
pub(crate) struct Board {
    commands: Commands,
    calls: Mutex<BTreeMap<CallHandle, Entry>>,
    connection: watch::Sender<ConnectionState>,
    registration: watch::Sender<RegistrationState>,
    /// Gone when the driver is.
    events: broadcast::WeakSender<Event>,
    /// For the first reader, who so misses nothing of the start.
    first_reader: Mutex<Option<broadcast::Receiver<Event>>>,
}

struct Entry {
    snapshot: watch::Sender<CallSnapshot>,
    rest: watch::Sender<Rest>,
}

/// The driver's end of every [`EventStream`].
pub(super) struct Events(broadcast::Sender<Event>);

impl Events {
    /// Never waits: the slowest readers lose their oldest events, and are told.
    pub(super) fn publish(&self, event: Event) {
        // Without a reader it is nobody's.
        let _readers = self.0.send(event);
    }
}

impl Board {
    pub(super) fn new(event_queue: usize, commands: Commands) -> (Arc<Self>, Events) {
        let (events, first) = broadcast::channel(event_queue.max(1));
        let board = Self {
            commands,
            calls: Mutex::default(),
            connection: watch::Sender::new(ConnectionState::Offline),
            registration: watch::Sender::new(RegistrationState::Unregistered),
            events: events.downgrade(),
            first_reader: Mutex::new(Some(first)),
        };
        (Arc::new(board), Events(events))
    }

    pub(crate) fn events(&self) -> EventStream {
        let first = self.first_reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        EventStream::new(first.or_else(|| Some(self.events.upgrade()?.subscribe())))
    }

    pub(crate) fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.connection.subscribe()
    }

    pub(crate) fn registration(&self) -> watch::Receiver<RegistrationState> {
        self.registration.subscribe()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().values().map(|entry| self.handle(entry)).collect()
    }

    pub(crate) fn call(&self, call: CallHandle) -> Option<Call> {
        self.lock().get(&call).map(|entry| self.handle(entry))
    }

    /// A call that the endpoint is about to be told of.
    pub(super) fn expect(&self, call: CallHandle, order: Option<OrderId>, now: Timestamp) -> Call {
        let snapshot = CallSnapshot {
            call,
            call_id: None,
            direction: Direction::Outgoing,
            order,
            label: None,
            awaits_invite: false,
            state: CallState::Connecting,
            media_connected: false,
            started_at: now,
            answered_at: None,
            takes_over: None,
        };
        self.enter(snapshot)
    }

    pub(super) fn forget(&self, call: CallHandle) {
        self.lock().remove(&call);
    }

    /// Takes note of what the endpoint says, and says it as the application hears it.
    pub(super) fn take(&self, event: CallEvent) -> Option<Event> {
        Some(match event {
            CallEvent::Connection(state) => {
                self.connection.send_replace(state);
                Event::Connection(state)
            }
            CallEvent::Registration(state) => {
                self.registration.send_replace(state);
                Event::Registration(state)
            }
            CallEvent::Incoming(snapshot) => Event::Incoming(self.enter(snapshot)),
            CallEvent::CallChanged(snapshot) => {
                self.enter(snapshot.clone());
                Event::CallChanged(snapshot)
            }
            CallEvent::DigitReceived { call, digit } => Event::DigitReceived { call, digit },
            CallEvent::FirstAudio { call } => Event::FirstAudio { call },
            CallEvent::Transfer { call, progress } => Event::Transfer { call, progress },
            CallEvent::Quality { call, quality } => {
                if let Some(entry) = self.lock().get(&call) {
                    entry.rest.send_modify(|rest| rest.quality = quality);
                }
                Event::Quality { call, quality }
            }
            CallEvent::CommandRefused { call, error } => Event::Refused { call, error },
            CallEvent::Push { call_id, outcome } => Event::Push { call_id, outcome },
            CallEvent::CallEnded { call, reason, text } => {
                self.end(call, Ended { reason, text: text.clone() });
                Event::CallEnded { call, reason, text }
            }
            // `Closed` follows when all tasks are gone, too.
            CallEvent::Idle => return None,
        })
    }

    /// The driver is gone: what is left is over.
    pub(super) fn close(&self) {
        let reason = EndReason::Shutdown;
        let left: Vec<_> = self.lock().keys().copied().collect();
        for call in left {
            self.end(call, Ended { reason, text: reason.text().to_owned() });
        }
        self.connection.send_replace(ConnectionState::Offline);
        self.registration.send_replace(RegistrationState::Unregistered);
    }

    fn enter(&self, snapshot: CallSnapshot) -> Call {
        let mut calls = self.lock();
        let entry = calls.entry(snapshot.call).or_insert_with(|| Entry {
            snapshot: watch::Sender::new(snapshot.clone()),
            rest: watch::Sender::new(Rest::default()),
        });
        entry.snapshot.send_replace(snapshot);
        self.handle(entry)
    }

    fn end(&self, call: CallHandle, ended: Ended) {
        let Some(entry) = self.lock().remove(&call) else { return };
        let state = CallState::Ended(ended.reason);
        // First how, then that: who sees the state can read the reason.
        entry.rest.send_modify(|rest| rest.ended = Some(ended));
        entry.snapshot.send_modify(|snapshot| snapshot.state = state);
    }

    fn handle(&self, entry: &Entry) -> Call {
        Call::new(self.commands.clone(), entry.snapshot.subscribe(), entry.rest.subscribe())
    }

    /// Held for a look-up, never while anybody else is called.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<CallHandle, Entry>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
