//! What the store holds. Times are Unix milliseconds.

use doorstep_sensitive::Sensitive;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::provider::{Environment, ProviderKind, Target};

/// A device that can be woken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The caller's id for it: the app installation's.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// By whom it is reached.
    pub provider: ProviderKind,
    /// RFC 8599 `pn-param`.
    pub param: String,
    /// RFC 8599 `pn-prid`.
    pub token: Sensitive<String>,
    /// Apple's service; FCM ignores it.
    pub environment: Environment,
    /// When it was registered last.
    pub registered_at: i64,
}

impl Device {
    /// Where its pushes go.
    pub fn target(&self) -> Target {
        Target {
            provider: self.provider,
            param: self.param.clone(),
            token: self.token.clone(),
            environment: self.environment,
        }
    }
}

/// A wake as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// The call.
    pub call: String,
    /// Whose devices.
    pub user: String,
    /// The order.
    pub order: Option<String>,
    /// What the screen shows.
    pub label: Option<Sensitive<String>>,
    /// When it was asked for.
    pub accepted_at: i64,
    /// No push is sent at or after this.
    pub expires_at: i64,
}

/// A wake in the store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredWake {
    /// As it was asked for.
    #[serde(flatten)]
    pub wake: Wake,
    /// When it was called off.
    pub cancelled_at: Option<i64>,
    /// How many devices the user had.
    pub devices: u32,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It will be sent, or sent again.
    Queued,
    /// The provider took it.
    Sent,
    /// The provider refused it for good, or the service is set up wrongly.
    Failed,
    /// The device's token is dead, or the device was removed.
    Gone,
    /// Its time ran out first.
    Expired,
    /// It was called off before it was sent.
    Cancelled,
}

impl DeliveryState {
    /// Whether it will never change.
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued => false,
            Self::Sent | Self::Failed | Self::Gone | Self::Expired | Self::Cancelled => true,
        }
    }

    /// The word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One wake's push to one device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Delivery {
    /// The call.
    pub call: String,
    /// The device.
    pub device: String,
    /// By whom.
    pub provider: ProviderKind,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: i64,
    /// The provider's last HTTP status.
    pub status: Option<u16>,
    /// The provider's last word.
    pub reason: Option<String>,
    /// The provider's name for it.
    pub provider_id: Option<String>,
    /// When it was sent or given up.
    pub done_at: Option<i64>,
}

/// A delivery with all it takes to send it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// The call.
    pub call: String,
    /// The device.
    pub device: String,
    /// By whom.
    pub provider: ProviderKind,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: i64,
    /// The order.
    pub order: Option<String>,
    /// What the screen shows.
    pub label: Option<Sensitive<String>>,
    /// When the wake was asked for.
    pub accepted_at: i64,
    /// No push is sent at or after this.
    pub expires_at: i64,
    /// `None`: the device was removed since.
    #[serde(flatten)]
    pub address: Address,
}

/// What of a device may have gone since the wake was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Address {
    param: Option<String>,
    token: Option<Sensitive<String>>,
    environment: Option<Environment>,
}

impl Job {
    /// The first attempt for a device.
    pub(super) fn new(wake: &Wake, device: &Device) -> Self {
        Self {
            call: wake.call.clone(),
            device: device.id.clone(),
            provider: device.provider,
            attempts: 0,
            next_at: wake.accepted_at,
            order: wake.order.clone(),
            label: wake.label.clone(),
            accepted_at: wake.accepted_at,
            expires_at: wake.expires_at,
            address: Address {
                param: Some(device.param.clone()),
                token: Some(device.token.clone()),
                environment: Some(device.environment),
            },
        }
    }

    /// Where it goes; `None` when the device was removed.
    pub fn target(&self) -> Option<Target> {
        Some(Target {
            provider: self.provider,
            param: self.address.param.clone()?,
            token: self.address.token.clone()?,
            environment: self.address.environment?,
        })
    }
}

/// The id of the push of a call to a device, the same whichever instance sends it and however often: a duplicate can be told by it.
pub fn push_id(call: &str, device: &str, kind: &str) -> Uuid {
    let mut hash = Sha256::new();
    for part in [kind, call, device] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// What became of an attempt, to be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The call.
    pub call: String,
    /// The device.
    pub device: String,
    /// Who tried.
    pub owner: String,
    /// Where it stands now.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: i64,
    /// The provider's HTTP status.
    pub status: Option<u16>,
    /// The provider's word.
    pub reason: Option<String>,
    /// The provider's name for it.
    pub provider_id: Option<String>,
    /// When it was sent or given up.
    pub done_at: Option<i64>,
}

/// A token that the provider knows no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadToken {
    /// Of which device.
    pub device: String,
    /// Which.
    pub token: Sensitive<String>,
    /// A device that was registered after this keeps its token.
    pub since: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_has_one_id_whoever_sends_it() {
        let id = push_id("call-1", "device-1", "incoming");
        assert_eq!(id, push_id("call-1", "device-1", "incoming"));
        assert_ne!(id, push_id("call-1", "device-1", "cancel"));
        assert_ne!(push_id("a", "bc", "incoming"), push_id("ab", "c", "incoming"));
        assert_eq!((id.get_version_num(), id.to_string().len()), (4, 36));
    }
}
