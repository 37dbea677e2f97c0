//! The one task that owns the core: it applies one input, drains, acts. It never waits inside the drain; what takes time comes back as an
//! input of its own.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use doorstep_sip::Sensitive;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};

use super::carriers::Carriers;
use super::handle::{Announcement, Ends, FromOutside, Outlet, Reply};
use super::lookups::Policy;
use super::questions::{Answer, Questions};
use super::{Handle, MediaPlane, handle};
use crate::clock::Clock;
use crate::core::{
    Command, CoreConfig, ErrorCode, FlowId, GatewayCore, GatewayEvent, Input, MediaEvent, OpId, Output, Peer,
    PushCommand, Side,
};
use crate::metrics::call_stepped;
use crate::store::{Store, StoredCall};
use crate::wake::{self, PushService, Report};

/// Commands of the API that wait for the core.
const COMMANDS: usize = 1024;
/// For the store to take the last records when the gateway stops.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Owns the core.
pub struct Driver<M> {
    core: GatewayCore,
    clock: Clock,
    ends: Ends,
    flows: HashMap<(Side, FlowId), Outlet>,
    carriers: Carriers,
    questions: Questions,
    answers: mpsc::Receiver<Answer>,
    media: M,
    media_events: mpsc::Receiver<MediaEvent>,
    push: Option<PushService>,
    push_reports: mpsc::Receiver<Report>,
    commands: BTreeMap<OpId, Reply>,
    next_command: u64,
    /// Inputs that the drain itself brought up.
    again: VecDeque<Input>,
    drained: bool,
}

/// Who the driver works with.
#[derive(Debug)]
pub struct Parts<M> {
    /// What the core is told at its start.
    pub core: CoreConfig,
    /// Secret and never used twice: it makes the core's ids, tags and nonces.
    pub seed: [u8; 32],
    /// The process's.
    pub clock: Clock,
    /// Where orders, bindings and records are.
    pub store: Store,
    /// The company's policy for customers who reach no courier.
    pub policy: Policy,
    /// Takes the core's orders.
    pub media: M,
    /// What it says.
    pub media_events: mpsc::Receiver<MediaEvent>,
    /// Wakes closed apps, and what it says; `None`: nobody can be woken.
    pub push: Option<(PushService, mpsc::Receiver<Report>)>,
}

impl<M: MediaPlane> Driver<M> {
    /// A driver and the way in.
    pub fn new(parts: Parts<M>) -> (Self, Handle) {
        let (handle, ends) = handle::channel();
        let (push, push_reports) = match parts.push {
            Some((push, reports)) => (Some(push), reports),
            // Nobody sends: it never has anything to say.
            None => (None, mpsc::channel(1).1),
        };
        let names = parts.core.carriers.iter().map(|carrier| carrier.id.clone()).collect();
        let carriers = Carriers::new(names, ends.carriers.clone());
        let (questions, answers) = Questions::new(parts.store, parts.clock, parts.policy);
        let driver = Self {
            core: GatewayCore::new(parts.core, parts.seed),
            clock: parts.clock,
            ends,
            flows: HashMap::new(),
            carriers,
            questions,
            answers,
            media: parts.media,
            media_events: parts.media_events,
            push,
            push_reports,
            commands: BTreeMap::new(),
            next_command: 0,
            again: VecDeque::new(),
            drained: false,
        };
        (driver, handle)
    }

    /// Runs until the core has drained after `stop`, or at most `patience` longer; then every flow is closed and the last records are
    /// written.
    pub async fn run(mut self, stop: oneshot::Receiver<()>, patience: Duration) {
        let stop = async move {
            // A sender that was dropped means the same.
            let _ = stop.await;
        };
        tokio::pin!(stop);
        let mut give_up: Option<tokio::time::Instant> = None;
        while !self.drained {
            let deadline = self.core.next_deadline().map(|at| self.clock.instant(at));
            let at = |when: Option<tokio::time::Instant>| async move {
                match when {
                    Some(when) => sleep_until(when).await,
                    None => std::future::pending().await,
                }
            };
            let input = tokio::select! {
                outside = self.ends.inputs.recv() => match outside {
                    Some(outside) => self.take(outside),
                    // Handles live as long as the gateway.
                    None => break,
                },
                Some((op, result)) = self.answers.recv() => Some(Input::Lookup { op, result }),
                Some(event) = self.media_events.recv() => Some(self.media_said(event)),
                Some(report) = self.push_reports.recv() => Some(reported(report)),
                () = at(deadline) => Some(Input::Deadline),
                () = &mut stop, if give_up.is_none() => {
                    give_up = Some(tokio::time::Instant::now() + patience);
                    Some(Input::Shutdown)
                }
                () = at(give_up) => {
                    tracing::warn!(calls = self.core.call_count(), "calls did not end in time");
                    break;
                }
            };
            if let Some(input) = input {
                self.apply(input);
            }
        }
        // Closes every connection, after what still waits in its queue.
        self.flows.clear();
        for (_, reply) in std::mem::take(&mut self.commands) {
            // Whoever asked is gone when this fails.
            let _ = reply.send(Err(ErrorCode::Unavailable));
        }
        if let Some(push) = self.push.take() {
            push.finish().await;
        }
        self.answers.close();
        if timeout(LAST_WRITES, self.questions.finish()).await.is_err() {
            tracing::error!("the store did not take the last call records");
        }
    }

    /// Applies one input, then those that the drain brought up.
    fn apply(&mut self, input: Input) {
        self.again.push_back(input);
        while let Some(input) = self.again.pop_front() {
            self.core.handle_input(self.clock.now(), input);
            while let Some(output) = self.core.poll_output() {
                self.act(output);
            }
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Send { side, flow, bytes } => {
                let Some(outlet) = self.flows.get(&(side, flow)) else { return };
                if outlet.send(bytes.into_exposed()).is_err() {
                    tracing::warn!(?side, "a peer does not read: its connection is closed");
                    self.cut_off(side, flow);
                }
            }
            Output::Close { side, flow } => {
                if self.flows.remove(&(side, flow)).is_some() {
                    if side == Side::Trunk {
                        self.carriers.closed(flow);
                    }
                    self.again.push_back(Input::FlowClosed { side, flow });
                }
            }
            Output::Lookup { op, lookup } => {
                if let Some(result) = self.questions.ask(op, lookup) {
                    self.again.push_back(Input::Lookup { op, result });
                }
            }
            Output::Media(command) => self.media.send(command),
            Output::Push(command) => self.push(command),
            Output::Event(event) => self.announce(event),
            Output::CommandDone { op, result } => {
                if let Some(reply) = self.commands.remove(&op) {
                    // Whoever asked is gone when this fails; the call goes on all the same.
                    let _ = reply.send(result);
                }
            }
            Output::Drained => self.drained = true,
        }
    }

    fn push(&mut self, command: PushCommand) {
        let report = match &mut self.push {
            Some(push) => push.send(command),
            None => wake::without(command),
        };
        if let Some(report) = report {
            self.again.push_back(reported(report));
        }
    }

    fn take(&mut self, outside: FromOutside) -> Option<Input> {
        match outside {
            FromOutside::Opened { flow, peer, info, outlet } => {
                let side = peer.side();
                match outlet {
                    Some(outlet) => {
                        self.flows.insert((side, flow), outlet);
                    }
                    None if !self.flows.contains_key(&(side, flow)) => return None,
                    None => {}
                }
                if let Peer::Carrier { carrier, outbound } = &peer {
                    self.carriers.opened(carrier, flow, *outbound);
                }
                Some(Input::FlowOpened { flow, peer, info: *info })
            }
            FromOutside::Closed { side, flow } => {
                // The core has heard of it when the driver closed it itself.
                self.flows.remove(&(side, flow))?;
                if side == Side::Trunk {
                    self.carriers.closed(flow);
                }
                Some(Input::FlowClosed { side, flow })
            }
            FromOutside::Message { side, flow, bytes } => {
                // A message may still be on its way from a connection that was cut off.
                self.flows.contains_key(&(side, flow)).then(|| Input::Message {
                    side,
                    flow,
                    bytes: Sensitive::new(bytes),
                })
            }
            FromOutside::Connect { order, first, reply } => {
                let op = self.command(reply)?;
                Some(Input::Command(Command::Connect { op, order, first }))
            }
            FromOutside::HangUp { call, reply } => {
                let op = self.command(reply)?;
                Some(Input::Command(Command::HangUp { op, call }))
            }
        }
    }

    /// A number for a command of the API; `None` when too many wait, and the asker is told.
    fn command(&mut self, reply: Reply) -> Option<OpId> {
        if self.commands.len() >= COMMANDS {
            let _ = reply.send(Err(ErrorCode::Unavailable));
            return None;
        }
        self.next_command += 1;
        let op = OpId(self.next_command);
        self.commands.insert(op, reply);
        Some(op)
    }

    fn cut_off(&mut self, side: Side, flow: FlowId) {
        metrics::counter!("doorstep_slow_peers_total").increment(1);
        if let Some(Outlet::Stream { kill, .. }) = self.flows.remove(&(side, flow)) {
            // The connection has ended by itself when this fails.
            let _ = kill.send(());
        }
        if side == Side::Trunk {
            self.carriers.closed(flow);
        }
        self.again.push_back(Input::FlowClosed { side, flow });
    }

    fn media_said(&self, event: MediaEvent) -> Input {
        match &event {
            MediaEvent::Stats { stats, .. } => {
                for (what, count) in [
                    ("received", stats.packets_received),
                    ("lost", stats.packets_lost),
                    ("sent", stats.packets_sent),
                ] {
                    metrics::counter!("doorstep_media_packets_total", "what" => what).increment(count);
                }
            }
            MediaEvent::Failed { reason, .. } => {
                metrics::counter!("doorstep_media_failures_total", "why" => reason.to_string()).increment(1);
            }
            MediaEvent::LocalDescription { .. }
            | MediaEvent::Done { .. }
            | MediaEvent::Connected { .. }
            | MediaEvent::Disconnected { .. }
            | MediaEvent::FirstAudio { .. }
            | MediaEvent::Played { .. }
            | MediaEvent::RemoteHold { .. }
            | MediaEvent::Dtmf { .. } => {}
        }
        Input::Media(event)
    }

    fn announce(&mut self, event: GatewayEvent) {
        let announcement = match event {
            GatewayEvent::Call { kind, record } => {
                call_stepped(kind, &record);
                tracing::info!(
                    call = %record.id,
                    order = record.order.as_ref().map(tracing::field::display),
                    step = crate::words::event(kind),
                    end = record.end.map(crate::words::end),
                    error = record.end.and_then(crate::words::refusal),
                    "call"
                );
                let call = StoredCall::of(&record, &self.clock);
                self.ends.live.update(&call);
                Announcement::Call { kind, call: Box::new(call) }
            }
            GatewayEvent::Counted { record } => {
                self.ends.live.update(&StoredCall::of(&record, &self.clock));
                return;
            }
            GatewayEvent::Trunk { carrier, up } => {
                let says = if up { "the carrier answers again" } else { "the carrier does not answer" };
                tracing::warn!(%carrier, "{says}");
                self.carriers.judged(&carrier, up);
                Announcement::Trunk { carrier: carrier.0, up }
            }
        };
        // Nobody listens when this fails.
        let _ = self.ends.announcements.send(announcement);
    }
}

fn reported(report: Report) -> Input {
    match report {
        Report::Wake { call, outcome } => Input::PushResult { call, outcome },
        Report::DeviceGone { courier, device } => Input::DeviceGone { courier, device },
    }
}
