//! What the core asks of push-service and what it hears back (PROTOCOL.md sections 2 and 3; RFC 8599 is the model).
//!
//! The driver carries the commands out beside its task and hands the results back as [`super::Input::PushResult`] and
//! [`super::Input::DeviceGone`]. Commands about one device, and those about one call, are carried out in the order they were given.

use std::fmt;

use doorstep_sip::Timestamp;
use sha2::{Digest as _, Sha256};

use super::gateway::GatewayCore;
use super::ids::{CallId, CourierId, Hidden, OrderId};
use super::lookup::{Binding, Lookup, PushTarget};
use super::pending::Pending;

impl GatewayCore {
    pub(super) fn wake_went(&mut self, _now: Timestamp, call: &CallId, outcome: WakeOutcome) {
        tracing::debug!(%call, ?outcome, "a wake that no call waits for");
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
