//! An offer made in advance, so that an app that wakes has its INVITE without waiting for the media plane.

use super::desk::Desk;
use super::signal::Farewell;
use crate::core::{LegId, LegProfile, OpId, Sdp};

#[derive(Debug, Default)]
pub(super) struct Spare(Option<SpareLeg>);

/// A leg that nobody is called on yet.
#[derive(Debug)]
pub(super) struct SpareLeg {
    pub(super) leg: LegId,
    pub(super) op: OpId,
    /// Its offer, once it is made.
    pub(super) sdp: Option<Sdp>,
}

impl Spare {
    /// Makes one, or gives it up.
    pub(super) fn keep(&mut self, wanted: bool, desk: &mut Desk) {
        match (&self.0, wanted) {
            (None, true) => {
                let leg = desk.new_leg();
                let op = desk.create_offer(leg, LegProfile::WebRtc, false);
                self.0 = Some(SpareLeg { leg, op, sdp: None });
            }
            (Some(spare), false) => {
                desk.end_leg(spare.leg, Farewell::Normal);
                self.0 = None;
            }
            (Some(_), true) | (None, false) => {}
        }
    }

    pub(super) fn take(&mut self) -> Option<SpareLeg> {
        self.0.take()
    }

    /// Whether that was its offer.
    pub(super) fn described(&mut self, op: OpId, sdp: &Sdp) -> bool {
        let own = self.0.as_mut().filter(|spare| spare.op == op);
        own.map(|spare| spare.sdp = Some(sdp.clone())).is_some()
    }

    pub(super) fn is(&self, leg: LegId) -> bool {
        self.0.as_ref().is_some_and(|spare| spare.leg == leg)
    }
}
