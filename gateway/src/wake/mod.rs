//! The client of push-service: couriers' devices are told to it, and calls wake them (docs/protocol.md; RFC 8599 is the model).
//!
//! The driver hands commands over without waiting, and what comes of them comes back as [`Report`]s. Devices and wakes go separate ways:
//! a wake never waits behind registrations. What is waiting is bounded, requests have time limits, and a push-service that is down costs a
//! call nothing but a moment: the wake is [`WakeOutcome::Unavailable`], and the order's policy decides.

mod client;
mod devices;
mod health;
mod wakes;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::config;
use crate::core::{CallId, CourierId, DeviceId, PushCommand, WakeOutcome};
use crate::store::Store;
use client::Client;
use devices::Devices;
use wakes::Wakes;

pub use client::StartError;

/// Reports that wait for the driver; a wake's task waits when it is full.
const REPORTS: usize = 1024;

/// What the core must hear.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// What became of a wake so far.
    Wake {
        /// The call.
        call: CallId,
        /// What became of it.
        outcome: WakeOutcome,
    },
    /// A device's token is dead, or push-service does not know the device.
    DeviceGone {
        /// Whose it was.
        courier: CourierId,
        /// The device.
        device: DeviceId,
    },
}

/// The way to push-service. Dropping it ends its tasks.
#[derive(Debug)]
pub struct PushService {
    devices: Arc<Devices>,
    wakes: Wakes,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl PushService {
    /// Begins to look for push-service and, as soon as it answers, tells it all devices that the store knows.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        config: &config::Push,
        store: Store,
        clock: Clock,
    ) -> Result<(Self, mpsc::Receiver<Report>), StartError> {
        let client = Arc::new(Client::new(config)?);
        let devices = Arc::<Devices>::default();
        let (reports, received) = mpsc::channel(REPORTS);
        let tasks = vec![
            tokio::spawn(health::watch(Arc::clone(&client))),
            tokio::spawn(devices::tell_all(Arc::clone(&devices), Arc::clone(&client), store.clone())),
        ];
        let wakes = Wakes::new(client, Arc::clone(&devices), store, clock, reports);
        Ok((Self { devices, wakes, tasks }, received))
    }

    /// Whether push-service answers; `None` before the first answer.
    pub fn state(&self) -> watch::Receiver<Option<bool>> {
        self.wakes.state()
    }

    /// Takes a command without waiting. An answer that is there at once is returned.
    pub fn send(&mut self, command: PushCommand) -> Option<Report> {
        match command {
            PushCommand::PutDevice { device, courier, target } => {
                self.devices.put(device, courier, target);
                None
            }
            PushCommand::DeleteDevice { device } => {
                self.devices.delete(device);
                None
            }
            PushCommand::Wake { call, courier, order, label, expires_at } => {
                let wake = wakes::Wake { call: call.clone(), courier, order, label, expires_at };
                let outcome = self.wakes.start(wake)?;
                Some(Report::Wake { call, outcome })
            }
            PushCommand::CancelWake { call } => {
                self.wakes.cancel(&call);
                None
            }
        }
    }

    /// Waits a moment for what is under way: cancelled wakes, so that no phone goes on ringing for a call that is over.
    pub async fn finish(mut self) {
        self.wakes.finish().await;
    }
}

impl Drop for PushService {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Without a push-service nobody can be woken.
pub fn without(command: PushCommand) -> Option<Report> {
    match command {
        PushCommand::Wake { call, .. } => Some(Report::Wake { call, outcome: WakeOutcome::Unavailable }),
        PushCommand::PutDevice { .. } | PushCommand::DeleteDevice { .. } | PushCommand::CancelWake { .. } => {
            None
        }
    }
}
