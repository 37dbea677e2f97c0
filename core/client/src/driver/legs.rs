//! Media legs: a task for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorstep_call::{LegId, MediaCommand, MediaEvent, MediaFailure, OpId};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::Happening;
use super::leg;
use crate::audio::AudioFactory;
use crate::media::MediaConfig;
use crate::transport::GatewayUrl;

/// More digits and changes than a person makes.
const COMMANDS: usize = 64;

/// What legs are made of.
#[derive(Clone)]
pub(crate) struct LegFactory {
    pub(crate) media: MediaConfig,
    pub(crate) audio: Arc<dyn AudioFactory>,
    /// The far side of the media is thought to be near it.
    pub(crate) gateway: GatewayUrl,
}

pub(super) struct Legs {
    factory: LegFactory,
    happenings: mpsc::Sender<Happening>,
    legs: BTreeMap<LegId, Leg>,
}

struct Leg {
    commands: mpsc::Sender<MediaCommand>,
    task: AbortHandle,
}

impl Legs {
    pub(super) fn new(factory: LegFactory, happenings: mpsc::Sender<Happening>) -> Self {
        Self { factory, happenings, legs: BTreeMap::new() }
    }

    /// Hands a command to its leg, which the first one makes. Returns what to tell the endpoint when that cannot be done.
    pub(super) fn command(
        &mut self,
        command: MediaCommand,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), MediaEvent> {
        let (leg, op) = names(&command);
        let first = matches!(command, MediaCommand::CreateOffer { .. } | MediaCommand::CreateAnswer { .. });
        if first && !self.legs.contains_key(&leg) {
            self.make(leg, tasks);
        }
        let last = matches!(command, MediaCommand::Close { .. });
        let Some(known) = self.legs.get(&leg) else {
            let failed = MediaEvent::Failed { leg, op, reason: MediaFailure::NoSuchLeg };
            // Only a question needs an answer.
            return if op.is_some() { Err(failed) } else { Ok(()) };
        };
        let sent = known.commands.try_send(command);
        if last {
            if sent.is_err() {
                known.task.abort();
            }
            self.legs.remove(&leg);
            return Ok(());
        }
        sent.map_err(|_| {
            tracing::warn!("orders to the voice engine pile up: the leg is given up");
            MediaEvent::Failed { leg, op: None, reason: MediaFailure::NoResources }
        })
    }

    fn make(&mut self, leg: LegId, tasks: &mut JoinSet<()>) {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let task = tasks.spawn(leg::run(leg, self.factory.clone(), receiver, self.happenings.clone()));
        self.legs.insert(leg, Leg { commands, task });
    }
}

fn names(command: &MediaCommand) -> (LegId, Option<OpId>) {
    match command {
        MediaCommand::CreateOffer { leg, op, .. }
        | MediaCommand::CreateAnswer { leg, op, .. }
        | MediaCommand::ApplyAnswer { leg, op, .. }
        | MediaCommand::RestartIce { leg, op, .. }
        | MediaCommand::SendDtmf { leg, op, .. } => (*leg, Some(*op)),
        MediaCommand::OpenSpeaker { leg }
        | MediaCommand::OpenMicrophone { leg }
        | MediaCommand::SetMute { leg, .. }
        | MediaCommand::SetHold { leg, .. }
        | MediaCommand::Close { leg } => (*leg, None),
    }
}
