//! A voice engine without a voice: it answers every command as the contract of [`MediaCommand`] asks, and holds the
//! endpoint to its side of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorstep_call::{LegId, MediaCommand, MediaEvent, MediaFailure, OpId, Sdp};
use doorstep_sip::Timestamp;

/// What the fake shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaKnobs {
    /// How long a description, or anything else with an `op`, takes.
    pub delay: Duration,
    /// From both descriptions to the path: `None`, and it never comes up.
    pub connects_after: Option<Duration>,
    /// Its descriptions know telephone-event.
    pub telephone_event: bool,
    /// Descriptions fail with this.
    pub fails: Option<MediaFailure>,
    /// It answers nothing at all.
    pub silent: bool,
}

impl Default for MediaKnobs {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            connects_after: Some(Duration::ZERO),
            telephone_event: true,
            fails: None,
            silent: false,
        }
    }
}

/// What the fake knows of a leg.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FakeLeg {
    /// What is received is played.
    pub speaker: bool,
    /// The microphone is open.
    pub microphone: bool,
    /// Muted by the user.
    pub muted: bool,
    /// On hold by the user.
    pub held: bool,
    /// The path is up.
    pub connected: bool,
    /// ICE restarts so far.
    pub restarts: u32,
    /// Digits that were sent.
    pub digits: String,
    /// The direction of this side's last description.
    pub holds: bool,
    version: u32,
    /// An offer of this side has no answer.
    offering: bool,
    /// Descriptions of both sides were there.
    agreed: bool,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct FakeMedia {
    /// May be turned at any time.
    pub knobs: MediaKnobs,
    /// Every command so far.
    pub commands: Vec<MediaCommand>,
    legs: BTreeMap<LegId, FakeLeg>,
    closed: BTreeMap<LegId, FakeLeg>,
    ops: BTreeSet<OpId>,
    answers: BTreeMap<(Timestamp, u64), MediaEvent>,
    number: u64,
}

impl FakeMedia {
    /// The legs that are open.
    pub fn legs(&self) -> impl Iterator<Item = (LegId, &FakeLeg)> {
        self.legs.iter().map(|(id, leg)| (*id, leg))
    }

    /// The only open leg.
    pub fn leg(&self) -> &FakeLeg {
        assert_eq!(self.legs.len(), 1, "one leg is open");
        self.legs.values().next().unwrap_or(&EMPTY)
    }

    /// How many legs were closed.
    pub fn closed(&self) -> usize {
        self.closed.len()
    }

    /// What a leg was when it was closed.
    pub fn when_closed(&self, leg: LegId) -> Option<&FakeLeg> {
        self.closed.get(&leg)
    }

    /// When the next answer is due.
    pub fn next_answer(&self) -> Option<Timestamp> {
        self.answers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out an answer that is due.
    pub fn answer(&mut self, now: Timestamp) -> Option<MediaEvent> {
        let event = self.answers.first_entry().filter(|entry| entry.key().0 <= now)?.remove();
        if let MediaEvent::Connected { leg } = event
            && let Some(leg) = self.legs.get_mut(&leg)
        {
            leg.connected = true;
        }
        Some(event)
    }

    /// The path of every open leg breaks.
    pub fn break_paths(&mut self, now: Timestamp) {
        let legs: Vec<_> = self.legs.iter().filter(|(_, leg)| leg.connected).map(|(id, _)| *id).collect();
        for leg in legs {
            self.say(now, MediaEvent::Disconnected { leg });
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.connected = false;
            }
        }
    }

    /// Says something by itself.
    pub fn say(&mut self, at: Timestamp, event: MediaEvent) {
        self.number += 1;
        self.answers.insert((at, self.number), event);
    }

    /// Carries out a command.
    pub fn handle(&mut self, now: Timestamp, command: MediaCommand) {
        self.commands.push(command.clone());
        let knobs = self.knobs;
        let leg_id = leg_of(&command);
        assert!(!self.closed.contains_key(&leg_id), "nothing is asked of a closed leg, but {command:?}");
        let creates = matches!(command, MediaCommand::CreateOffer { .. } | MediaCommand::CreateAnswer { .. });
        assert!(
            creates || self.legs.contains_key(&leg_id),
            "a leg begins with a description, not {command:?}"
        );
        let leg = self.legs.entry(leg_id).or_default();
        let (op, said) = match command {
            MediaCommand::CreateOffer { op, hold, .. } => {
                leg.offering = true;
                (op, Ok(describe(leg_id, leg, hold, knobs)))
            }
            MediaCommand::RestartIce { op, hold, .. } => {
                leg.offering = true;
                leg.restarts += 1;
                (op, Ok(describe(leg_id, leg, hold, knobs)))
            }
            MediaCommand::CreateAnswer { op, offer, hold, .. } => {
                let said = readable(&offer).map(|()| {
                    leg.offering = false;
                    leg.agreed = true;
                    describe(leg_id, leg, hold, knobs)
                });
                (op, said)
            }
            MediaCommand::ApplyAnswer { op, answer, .. } => {
                assert!(leg.offering || !leg.microphone, "an answer needs an offer");
                let said = readable(&answer).map(|()| {
                    leg.offering = false;
                    leg.agreed = true;
                    None
                });
                (op, said)
            }
            MediaCommand::SendDtmf { op, digit, duration, .. } => {
                let said = if knobs.telephone_event { Ok(None) } else { Err(MediaFailure::NoTelephoneEvent) };
                if said.is_ok() {
                    leg.digits.push(digit);
                }
                self.answer_later(now + duration, leg_id, op, said);
                return;
            }
            MediaCommand::OpenSpeaker { .. } => {
                assert!(!std::mem::replace(&mut leg.speaker, true), "the speaker is opened once");
                return;
            }
            MediaCommand::OpenMicrophone { .. } => {
                assert!(leg.speaker, "who is heard hears, too");
                assert!(!std::mem::replace(&mut leg.microphone, true), "the microphone is opened once");
                return;
            }
            MediaCommand::SetMute { on, .. } => {
                leg.muted = on;
                return;
            }
            MediaCommand::SetHold { on, .. } => {
                leg.held = on;
                return;
            }
            MediaCommand::Close { .. } => {
                if let Some(leg) = self.legs.remove(&leg_id) {
                    self.closed.insert(leg_id, leg);
                }
                return;
            }
        };
        let connects = leg.agreed && !leg.connected;
        let said = knobs.fails.map_or(said, |_| match knobs.fails {
            Some(failure) => Err(failure),
            None => Ok(None),
        });
        let works = said.is_ok();
        self.answer_later(now + knobs.delay, leg_id, op, said);
        if let Some(after) = knobs.connects_after.filter(|_| connects && works && !knobs.silent) {
            self.say(now + knobs.delay + after, MediaEvent::Connected { leg: leg_id });
        }
    }

    fn answer_later(&mut self, at: Timestamp, leg: LegId, op: OpId, said: Result<Option<Sdp>, MediaFailure>) {
        assert!(self.ops.insert(op), "an operation id is used once");
        if self.knobs.silent {
            return;
        }
        let event = match said {
            Ok(Some(sdp)) => MediaEvent::LocalDescription { leg, op, sdp },
            Ok(None) => MediaEvent::Done { leg, op },
            Err(reason) => MediaEvent::Failed { leg, op: Some(op), reason },
        };
        self.say(at, event);
    }
}

static EMPTY: FakeLeg = FakeLeg {
    speaker: false,
    microphone: false,
    muted: false,
    held: false,
    connected: false,
    restarts: 0,
    digits: String::new(),
    holds: false,
    version: 0,
    offering: false,
    agreed: false,
};

fn leg_of(command: &MediaCommand) -> LegId {
    match command {
        MediaCommand::CreateOffer { leg, .. }
        | MediaCommand::CreateAnswer { leg, .. }
        | MediaCommand::ApplyAnswer { leg, .. }
        | MediaCommand::RestartIce { leg, .. }
        | MediaCommand::OpenSpeaker { leg }
        | MediaCommand::OpenMicrophone { leg }
        | MediaCommand::SetMute { leg, .. }
        | MediaCommand::SetHold { leg, .. }
        | MediaCommand::SendDtmf { leg, .. }
        | MediaCommand::Close { leg } => *leg,
    }
}

fn readable(sdp: &Sdp) -> Result<(), MediaFailure> {
    let text = sdp.expose();
    if !text.starts_with("v=0\r\n") || !text.contains("\r\nm=audio ") {
        Err(MediaFailure::BadSdp)
    } else if !text.contains("opus/48000") {
        Err(MediaFailure::NoCommonCodec)
    } else {
        Ok(())
    }
}

fn describe(id: LegId, leg: &mut FakeLeg, hold: bool, knobs: MediaKnobs) -> Option<Sdp> {
    leg.version += 1;
    leg.holds = hold;
    Some(sdp(id.0, leg.version, leg.restarts, hold, knobs.telephone_event))
}

/// A description as the fake makes them.
pub fn sdp(session: u64, version: u32, restarts: u32, hold: bool, telephone_event: bool) -> Sdp {
    let direction = if hold { "sendonly" } else { "sendrecv" };
    let (format, event) =
        if telephone_event { (" 110", "a=rtpmap:110 telephone-event/48000\r\n") } else { ("", "") };
    Sdp::new(format!(
        "v=0\r\no=- {session} {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111{format}\r\n\
         c=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n{event}a=ice-ufrag:{session}r{restarts}\r\na={direction}\r\n"
    ))
}
