//! What the core asks of push-service and what it hears back (PROTOCOL.md sections 2 and 3; RFC 8599 is the model).
//!
//! The driver carries the commands out beside its task and hands the results back as [`super::Input::PushResult`] and
//! [`super::Input::DeviceGone`]. Commands about one device, and those about one call, are carried out in the order they were given.

use std::collections::BTreeSet;
use std::fmt;

use doorstep_sip::Timestamp;
use sha2::{Digest as _, Sha256};

use super::gateway::GatewayCore;
use super::ids::{CallId, CourierId, FlowId, Hidden, OrderId};
use super::io::Output;
use super::lookup::{Binding, Lookup, PushTarget};
use super::pending::Pending;
use super::registrar::{App, Change, MAX_APPS, same_app};
use crate::bridge::CallInput;

/// A courier's device as push-service knows it: the app's `+sip.instance` UUID, or a hash of courier and contact for an app that has
/// none. Names nobody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub String);

impl DeviceId {
    /// The device that a binding is on.
    pub fn of(binding: &Binding) -> Self {
        if let Some(instance) = &binding.instance {
            let instance = instance.trim_start_matches('<').trim_end_matches('>');
            return Self(instance.strip_prefix("urn:uuid:").unwrap_or(instance).to_owned());
        }
        let hash = Sha256::new()
            .chain_update(binding.courier.expose())
            .chain_update([0])
            .chain_update(binding.contact.expose())
            .finalize();
        Self(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that push-service must be told.
#[derive(Debug, Clone, PartialEq)]
pub enum PushCommand {
    /// A device is there, or has another token or another courier: `PUT /v1/devices/{device}`. Comes with each REGISTER that bears push
    /// data, so the last of a device counts.
    PutDevice {
        /// The device.
        device: DeviceId,
        /// Whose it is now.
        courier: CourierId,
        /// How it is woken.
        target: PushTarget,
    },
    /// The device is not to be woken any more: `DELETE /v1/devices/{device}`.
    DeleteDevice {
        /// The device.
        device: DeviceId,
    },
    /// Wake all devices of a courier for a call: `POST /v1/wakes`. At most once for a call. Answered by
    /// [`super::Input::PushResult`].
    Wake {
        /// The call, which is also the Call-ID of the INVITE that the app will get.
        call: CallId,
        /// Whose devices.
        courier: CourierId,
        /// The order.
        order: Option<OrderId>,
        /// What the screen shows.
        label: Option<Hidden>,
        /// The end of the ring time: no push is sent after it.
        expires_at: Timestamp,
    },
    /// The call was answered or is over: `DELETE /v1/wakes/{call}`. Comes once, for a call that a `Wake` was asked for. A wake that is
    /// still waiting to be sent is not sent. Nothing is answered.
    CancelWake {
        /// The call.
        call: CallId,
    },
}

/// What became of a wake. `Accepted` may come first; one of the others is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeOutcome {
    /// push-service has taken it (202): it will be sent.
    Accepted,
    /// At least one device's provider took the push.
    Sent,
    /// The courier has no device, or none any more.
    NoDevice,
    /// No provider took it, or it ran out before one did.
    Failed,
    /// push-service does not answer, or refuses to take it.
    Unavailable,
}

impl GatewayCore {
    /// What a change of bindings means to push-service.
    pub(super) fn tell_push_service(&mut self, change: &Change) {
        if let Change::Save(binding) = change
            && let Some(target) = binding.push.clone()
        {
            let (device, courier) = (DeviceId::of(binding), binding.courier.clone());
            self.output(Output::Push(PushCommand::PutDevice { device, courier, target }));
        }
    }

    /// Devices that could be woken before, and have no binding now by which they could.
    pub(super) fn forget_devices(&mut self, before: &[Binding], after: &[Binding]) {
        let wakeable = |bindings: &[Binding]| -> BTreeSet<DeviceId> {
            bindings.iter().filter(|binding| binding.push.is_some()).map(DeviceId::of).collect()
        };
        for device in wakeable(before).difference(&wakeable(after)) {
            self.output(Output::Push(PushCommand::DeleteDevice { device: device.clone() }));
        }
    }

    pub(super) fn wake(&mut self, number: u64, expires_at: Timestamp) {
        let Some(entry) = self.calls.get(&number) else { return };
        let Some(courier) = entry.record.courier.clone() else { return };
        let (call, order, label) = (entry.record.id.clone(), entry.record.order.clone(), entry.label.clone());
        self.output(Output::Push(PushCommand::Wake { call, courier, order, label, expires_at }));
    }

    pub(super) fn cancel_wake(&mut self, number: u64) {
        if let Some(entry) = self.calls.get(&number) {
            let call = entry.record.id.clone();
            self.output(Output::Push(PushCommand::CancelWake { call }));
        }
    }

    pub(super) fn wake_went(&mut self, now: Timestamp, call: &CallId, outcome: WakeOutcome) {
        let found = self.calls.iter().find(|(_, entry)| entry.record.id == *call);
        if let Some(number) = found.map(|(number, _)| *number) {
            self.tell_call(now, number, CallInput::Wake(outcome));
        }
    }

    /// An app is there: the calls of its courier that ring reach it on this flow, unless they have already.
    pub(super) fn app_connected(&mut self, now: Timestamp, flow: FlowId, binding: &Binding) {
        let theirs = self.calls.iter().filter(|(_, entry)| {
            entry.record.courier.as_ref() == Some(&binding.courier) && entry.record.answered_at.is_none()
        });
        for number in theirs.map(|(number, _)| *number).collect::<Vec<_>>() {
            let Some(entry) = self.calls.get_mut(&number) else { continue };
            let app = App { binding: binding.clone(), flow: Some(flow) };
            let place = match entry.apps.iter().position(|app| same_app(&app.binding, binding)) {
                Some(place) => {
                    entry.apps[place] = app;
                    place
                }
                None if entry.apps.len() < MAX_APPS => {
                    entry.apps.push(app);
                    entry.apps.len() - 1
                }
                None => continue,
            };
            let rings_there = entry.legs.values().any(|leg| {
                let session = (leg.side, leg.session);
                leg.app == Some(place)
                    && self.sessions.contains_key(&session)
                    && self.edge.ua.session_flow(leg.session) == Some(flow)
            });
            if !rings_there {
                let wakeable = binding.push.is_some();
                self.tell_call(now, number, CallInput::AppConnected { app: place, wakeable });
            }
        }
    }

    /// The bindings of that device cannot be woken any more.
    pub(super) fn device_gone(&mut self, courier: CourierId, device: DeviceId) {
        self.ask(Lookup::LoadBindings { courier }, Pending::DeviceGone { device });
    }

    pub(super) fn forget_device(&mut self, device: &DeviceId, bindings: Vec<Binding>) {
        for binding in bindings.into_iter().filter(|binding| DeviceId::of(binding) == *device) {
            self.edge.registrar.forget_push(&binding);
            if let Some(push) = binding.push {
                let (courier, contact, prid) = (binding.courier, binding.contact, push.prid);
                self.tell(Lookup::ForgetPush { courier, contact, prid });
            }
        }
    }
}
