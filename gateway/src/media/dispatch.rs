//! Who is joined with whom: commands go to their legs in order, and joining and forwarding take effect at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use doorstep_media::dtmf::Digit;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    Settings,
    ear::Ear,
    leg::{self, Leg},
    outlet::{FRAME, Outlet},
    target,
};
use crate::core::{LegId, LegProfile, MediaCommand, MediaEvent, MediaFailure};

/// Commands of one leg that wait for its session; a call never has more than two under way.
const LEG_QUEUE: usize = 16;
/// Legs at once, whatever the core thinks: two calls for each port pair there could be.
const MAX_LEGS: usize = 65_536;

/// What the dispatcher knows of a leg.
struct Entry {
    commands: mpsc::Sender<MediaCommand>,
    ear: Arc<Ear>,
    outlet: Arc<Outlet>,
    joined: Option<LegId>,
}

struct Dispatcher {
    settings: Settings,
    legs: BTreeMap<LegId, Entry>,
    paced: Paced,
    events: mpsc::Sender<MediaEvent>,
}

/// The outlets that the pacer looks after.
type Paced = Arc<Mutex<BTreeMap<LegId, Arc<Outlet>>>>;

/// Starts the dispatcher and the pacer; both end with the sender of `commands`.
pub(super) fn spawn(
    settings: Settings,
    mut commands: mpsc::Receiver<MediaCommand>,
    events: mpsc::Sender<MediaEvent>,
) {
    let paced = Paced::default();
    let pacer = tokio::spawn(pace(paced.clone()));
    let mut dispatcher = Dispatcher { settings, legs: BTreeMap::new(), paced, events };
    tokio::spawn(async move {
        while let Some(command) = commands.recv().await {
            dispatcher.handle(command).await;
        }
        pacer.abort();
    });
}

/// Every 20 ms, lets each outlet send what is due.
async fn pace(paced: Paced) {
    let mut ticks = interval(FRAME);
    // A late tick makes no two of the next: silence is not owed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut outlets = Vec::new();
    loop {
        ticks.tick().await;
        outlets.extend(paced.lock().unwrap_or_else(PoisonError::into_inner).values().cloned());
        for outlet in outlets.drain(..) {
            outlet.tick();
        }
    }
}

impl Dispatcher {
    async fn handle(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::CreateOffer { leg, profile, .. }
            | MediaCommand::CreateAnswer { leg, profile, .. } => {
                if !self.legs.contains_key(&leg) && self.legs.len() < MAX_LEGS {
                    self.open(leg, profile);
                }
                self.pass(leg, command).await;
            }
            MediaCommand::ApplyAnswer { leg, .. } => self.pass(leg, command).await,
            MediaCommand::Join { a, b } => self.join(a, b),
            MediaCommand::SetForward { leg, on } => self.forward(leg, on),
            MediaCommand::SendDtmf { leg, digit, duration_ms } => {
                let digit = Digit::from_char(digit);
                if let (Some(entry), Some(digit)) = (self.legs.get(&leg), digit) {
                    entry.outlet.digit(digit, Duration::from_millis(u64::from(duration_ms)));
                }
            }
            MediaCommand::Play { leg, .. } => self.pass(leg, command).await,
            MediaCommand::Close { leg } => {
                self.pass(leg, command).await;
                self.part(leg);
                self.legs.remove(&leg);
                self.paced.lock().unwrap_or_else(PoisonError::into_inner).remove(&leg);
            }
        }
    }

    fn open(&mut self, id: LegId, profile: LegProfile) {
        let (commands, waiting) = mpsc::channel(LEG_QUEUE);
        let (ear, outlet) = (Arc::<Ear>::default(), Arc::<Outlet>::default());
        let leg = Leg::new(
            id,
            profile,
            self.settings.session(profile),
            ear.clone(),
            outlet.clone(),
            Arc::clone(&self.settings.clips),
        );
        tokio::spawn(leg::run(leg, waiting, self.events.clone()));
        self.paced.lock().unwrap_or_else(PoisonError::into_inner).insert(id, outlet.clone());
        self.legs.insert(id, Entry { commands, ear, outlet, joined: None });
    }

    /// Hands a command to its leg, or says that it cannot be carried out.
    async fn pass(&mut self, leg: LegId, command: MediaCommand) {
        let (_, op) = target(&command);
        let plays = matches!(command, MediaCommand::Play { .. });
        let reason = match self.legs.get(&leg).map(|entry| entry.commands.try_send(command)) {
            Some(Ok(())) => return,
            Some(Err(_)) => MediaFailure::NoResources,
            None => MediaFailure::NoSuchLeg,
        };
        if op.is_some() {
            // A core that is gone hears nothing.
            let _heard = self.events.send(MediaEvent::Failed { leg, op, reason }).await;
        } else if plays && reason == MediaFailure::NoResources {
            let _heard = self.events.send(MediaEvent::Played { leg }).await;
        }
    }

    fn join(&mut self, a: LegId, b: LegId) {
        if a == b || !self.legs.contains_key(&a) || !self.legs.contains_key(&b) {
            return;
        }
        for (one, other) in [(a, b), (b, a)] {
            if self.legs.get(&one).is_some_and(|entry| entry.joined != Some(other)) {
                self.part(one);
            }
        }
        for (one, other) in [(a, b), (b, a)] {
            let Some(outlet) = self.legs.get(&other).map(|entry| entry.outlet.clone()) else { continue };
            if let Some(entry) = self.legs.get_mut(&one) {
                outlet.stop_playing();
                outlet.change_source(entry.ear.is_open());
                entry.ear.join(Some(outlet));
                entry.joined = Some(other);
            }
        }
    }

    /// Ends what `leg` is joined to.
    fn part(&mut self, leg: LegId) {
        let Some(other) = self.legs.get_mut(&leg).and_then(|entry| entry.joined.take()) else { return };
        for id in [leg, other] {
            if let Some(entry) = self.legs.get_mut(&id) {
                entry.ear.join(None);
                entry.outlet.change_source(false);
                entry.joined = None;
            }
        }
    }

    fn forward(&mut self, leg: LegId, on: bool) {
        let Some(entry) = self.legs.get(&leg) else { return };
        if entry.ear.set_open(on) == on {
            return;
        }
        if let Some(partner) = entry.joined.and_then(|other| self.legs.get(&other)) {
            partner.outlet.change_source(on);
        }
    }
}
