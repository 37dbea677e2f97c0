//! A media plane that writes session descriptions and holds the contract of [`crate::core::MediaCommand`].

use std::collections::BTreeMap;

use crate::core::{ClipId, LegId, LegProfile, LegStats, MediaCommand, MediaEvent, MediaFailure, OpId, Sdp};

/// Where the gateway's media lie on each side: neither may show on the other.
pub(super) const EDGE_MEDIA: &str = "192.0.2.77";
pub(super) const TRUNK_MEDIA: &str = "198.51.100.77";

#[derive(Debug, Default)]
pub(super) struct FakeMedia {
    pub(super) legs: BTreeMap<LegId, FakeLeg>,
    pub(super) dtmf: Vec<(LegId, char)>,
    /// What is being played, or was.
    pub(super) played: Vec<(LegId, ClipId)>,
    /// What each leg tells at its end.
    pub(super) stats: LegStats,
    /// Or nothing.
    pub(super) uncounted: bool,
    /// Every command of that kind fails.
    pub(super) exhausted: bool,
}

#[derive(Debug)]
pub(super) struct FakeLeg {
    pub(super) profile: LegProfile,
    pub(super) joined: Option<LegId>,
    pub(super) forward: bool,
    pub(super) closed: bool,
    /// What the far side was told last.
    pub(super) held: bool,
    pub(super) remote_hold: bool,
    pub(super) answered: bool,
    offered_hold: Option<bool>,
}

impl FakeMedia {
    /// The legs that a far side can hear each other on.
    pub(super) fn talking(&self) -> Vec<(LegId, LegId)> {
        let open = |leg: &LegId| self.legs.get(leg).filter(|leg| !leg.closed && leg.forward);
        let pairs = self.legs.iter().filter_map(|(id, leg)| Some((*id, leg.joined?)));
        pairs.filter(|(a, b)| a < b && open(a).is_some() && open(b).is_some()).collect()
    }

    pub(super) fn open(&self) -> usize {
        self.legs.values().filter(|leg| !leg.closed).count()
    }

    /// The only open leg of that kind.
    pub(super) fn only(&self, profile: LegProfile) -> (LegId, &FakeLeg) {
        let mut open = self.legs.iter().filter(|(_, leg)| !leg.closed && leg.profile == profile);
        let (id, leg) = open.next().unwrap();
        assert!(open.next().is_none());
        (*id, leg)
    }

    fn leg(&mut self, id: LegId, profile: LegProfile) -> Option<&mut FakeLeg> {
        let leg = self.legs.entry(id).or_insert(FakeLeg {
            profile,
            joined: None,
            forward: false,
            closed: false,
            held: false,
            remote_hold: false,
            answered: false,
            offered_hold: None,
        });
        assert_eq!(leg.profile, profile, "a leg keeps its profile");
        (!leg.closed).then_some(leg)
    }

    pub(super) fn handle(&mut self, command: MediaCommand) -> Vec<MediaEvent> {
        let failed = |leg, op, reason| vec![MediaEvent::Failed { leg, op: Some(op), reason }];
        if self.exhausted
            && let MediaCommand::CreateOffer { leg, op, .. } | MediaCommand::CreateAnswer { leg, op, .. } =
                command
        {
            return failed(leg, op, MediaFailure::NoResources);
        }
        match command {
            MediaCommand::CreateOffer { leg, op, profile, hold } => match self.leg(leg, profile) {
                Some(known) => {
                    known.offered_hold = Some(hold);
                    vec![description(leg, op, profile, "offer", hold)]
                }
                None => failed(leg, op, MediaFailure::NoSuchLeg),
            },
            MediaCommand::CreateAnswer { leg, op, profile, offer } => {
                let Some(known) = self.leg(leg, profile) else {
                    return failed(leg, op, MediaFailure::NoSuchLeg);
                };
                if offer.expose().contains("unknown") {
                    return failed(leg, op, MediaFailure::NoCommonCodec);
                }
                known.offered_hold = None;
                let mut events = vec![description(leg, op, profile, "answer", known.held)];
                events.extend(known.heard(leg, &offer));
                events
            }
            MediaCommand::ApplyAnswer { leg, op, answer } => {
                let Some(known) = self.legs.get_mut(&leg).filter(|leg| !leg.closed) else {
                    return failed(leg, op, MediaFailure::NoSuchLeg);
                };
                if answer.expose().contains("unknown") {
                    return failed(leg, op, MediaFailure::NoCommonCodec);
                }
                known.answered = true;
                if let Some(hold) = known.offered_hold.take() {
                    known.held = hold;
                }
                let mut events = vec![MediaEvent::Done { leg, op }];
                events.extend(known.heard(leg, &answer));
                events
            }
            MediaCommand::Join { a, b } => {
                for (one, other) in [(a, b), (b, a)] {
                    if let Some(old) = self.legs.get(&one).and_then(|leg| leg.joined)
                        && old != other
                        && let Some(old) = self.legs.get_mut(&old)
                    {
                        old.joined = None;
                    }
                    if let Some(leg) = self.legs.get_mut(&one) {
                        assert!(!leg.closed, "a closed leg is joined with none");
                        leg.joined = Some(other);
                    }
                }
                Vec::new()
            }
            MediaCommand::SetForward { leg, on } => {
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.forward = on;
                }
                Vec::new()
            }
            MediaCommand::SendDtmf { leg, digit, .. } => {
                self.dtmf.push((leg, digit));
                Vec::new()
            }
            MediaCommand::Play { leg, clip } => {
                self.played.push((leg, clip));
                Vec::new()
            }
            MediaCommand::Close { leg } => {
                let known = self.legs.get_mut(&leg);
                assert!(self.exhausted || known.is_some(), "only what was made is closed");
                if let Some(known) = known {
                    assert!(!known.closed, "a leg is closed once");
                    known.closed = true;
                }
                if self.uncounted {
                    return Vec::new();
                }
                vec![MediaEvent::Stats { leg, stats: self.stats }]
            }
        }
    }
}

impl FakeLeg {
    fn heard(&mut self, leg: LegId, sdp: &Sdp) -> Option<MediaEvent> {
        let held = ["a=sendonly", "a=inactive", "0.0.0.0"].iter().any(|sign| sdp.expose().contains(sign));
        (std::mem::replace(&mut self.remote_hold, held) != held)
            .then_some(MediaEvent::RemoteHold { leg, held })
    }
}

fn description(leg: LegId, op: OpId, profile: LegProfile, kind: &str, hold: bool) -> MediaEvent {
    let address = match profile {
        LegProfile::WebRtc => EDGE_MEDIA,
        LegProfile::Rtp => TRUNK_MEDIA,
    };
    let direction = if hold { "sendonly" } else { "sendrecv" };
    // `s=` carries the kind, so that a test can tell an offer from an answer.
    let text = format!("v=0\r\ns={kind}\r\nc=IN IP4 {address}\r\na={direction}\r\n");
    MediaEvent::LocalDescription { leg, op, sdp: Sdp::new(text) }
}
