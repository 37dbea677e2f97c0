//! What is on its way between a phone and what it is connected to.

use bytes::Bytes;
use doorstep_call::{DownReason, FlowId};

/// See the [module](self).
#[derive(Debug, Clone)]
pub(super) enum Parcel {
    /// To the server.
    Connect {
        phone: usize,
        flow: FlowId,
        /// Round trips that are still to be made, this one among them.
        round_trips: u32,
    },
    /// To the phone: there is more to agree on.
    Handshake {
        phone: usize,
        flow: FlowId,
        round_trips: u32,
    },
    /// To the phone.
    Connected {
        phone: usize,
        flow: FlowId,
    },
    Refused {
        phone: usize,
        flow: FlowId,
        reason: DownReason,
    },
    Up {
        phone: usize,
        flow: FlowId,
        bytes: Bytes,
    },
    Down {
        phone: usize,
        flow: FlowId,
        bytes: Bytes,
    },
    ClosedByPhone {
        phone: usize,
        flow: FlowId,
    },
    ClosedByServer {
        phone: usize,
        flow: FlowId,
    },
}

impl Parcel {
    pub(super) fn phone(&self) -> usize {
        match self {
            Self::Connect { phone, .. }
            | Self::Handshake { phone, .. }
            | Self::Connected { phone, .. }
            | Self::Refused { phone, .. }
            | Self::Up { phone, .. }
            | Self::Down { phone, .. }
            | Self::ClosedByPhone { phone, .. }
            | Self::ClosedByServer { phone, .. } => *phone,
        }
    }
}
