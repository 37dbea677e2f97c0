//! The courier: makes calls and takes them.

use std::time::Duration;

use anyhow::{Context as _, bail};
use doorstep::{
    ApiError, Call, CallHandle, CallSnapshot, CallState, Client, EndReason, Ended, Event, EventStream,
    PushOutcome, RegistrationState,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::args::Action;
use crate::display::Display;
use crate::keys::{self, Key};

/// When nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// One run of the app.
pub(crate) struct Courier<'a> {
    client: Client,
    display: &'a mut Display,
    /// The call on the screen.
    call: Option<OnScreen>,
    /// What the app does by itself.
    habits: Habits,
    calls_over: u64,
    /// Why the last connection failed.
    trouble: Option<String>,
}

#[derive(Default)]
struct Habits {
    answer_after: Option<Duration>,
    reject: bool,
    hang_up_after: Option<Duration>,
    ring_timeout: Option<Duration>,
}

struct OnScreen {
    call: Call,
    /// What was shown last.
    shown: CallState,
    /// A push has announced it, and its INVITE was not here yet.
    announced: bool,
    muted: bool,
    /// What the app does by itself, and when.
    next: Option<(Instant, Doing)>,
}

#[derive(Clone, Copy)]
enum Doing {
    Answer,
    HangUp,
}

impl<'a> Courier<'a> {
    pub(crate) fn new(client: Client, display: &'a mut Display) -> Self {
        Self { client, display, call: None, habits: Habits::default(), calls_over: 0, trouble: None }
    }

    /// Does what the command line says. An error is a sentence for the user.
    pub(crate) async fn run(mut self, action: Action) -> anyhow::Result<()> {
        // Before the first call, so that no event is missed.
        let mut events = self.client.events();
        match action {
            Action::Contact { order, hang_up_after, ring_timeout } => {
                self.habits = Habits { hang_up_after, ring_timeout, ..Habits::default() };
                self.display.press(&order);
                let call = self.client.contact_customer(order).await?;
                self.show(call, self.habits.ring_timeout.map(|after| (after, Doing::HangUp)));
                let ended = self.follow(&mut events, Some(1)).await?;
                match ended {
                    Some(Last { answered: false, ended }) if ended.reason != EndReason::HungUpHere => {
                        bail!("{}{}", ended.text, self.because())
                    }
                    Some(_) | None => Ok(()),
                }
            }
            Action::Wait { answer_after, reject, calls, hang_up_after } => {
                let answer_after = answer_after.map(Duration::from_millis);
                self.habits = Habits { answer_after, reject, hang_up_after, ..Habits::default() };
                self.follow(&mut events, calls).await.map(|_| ())
            }
            Action::Register => self.registered(&mut events).await,
            Action::Woken { payload: _, answer_after, reject, hang_up_after } => {
                let answer_after = answer_after.map(Duration::from_millis);
                self.habits = Habits { answer_after, reject, hang_up_after, ..Habits::default() };
                match self.follow(&mut events, Some(1)).await? {
                    Some(Last { answered: false, ended }) if ended.reason != EndReason::DeclinedHere => {
                        bail!("{}{}", ended.text, self.because())
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }

    /// Until the gateway knows this device.
    async fn registered(&mut self, events: &mut EventStream) -> anyhow::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
        let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
        loop {
            tokio::select! {
                event = events.next() => {
                    let event = event.context("the connection was shut down")?;
                    let done = matches!(event, Event::Registration(RegistrationState::Registered { .. }));
                    self.happened(event).await?;
                    if done {
                        return Ok(());
                    }
                }
                _ = interrupt.recv() => bail!("stopped before the gateway knew this device"),
                _ = terminate.recv() => bail!("stopped before the gateway knew this device"),
            }
        }
    }

    /// Until so many calls are over, or the courier quits (`None`).
    async fn follow(&mut self, events: &mut EventStream, calls: Option<u64>) -> anyhow::Result<Option<Last>> {
        let mut keys = keys::read();
        let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
        let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
        let mut last = None;
        while calls.is_none_or(|calls| self.calls_over < calls) {
            let due = self.call.as_ref().and_then(|on| on.next).map(|(at, _)| at);
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => last = self.happened(event).await?.or(last),
                    None => bail!("the connection was shut down"),
                },
                Some(key) = keys.recv() => {
                    if key == Key::Quit {
                        return Ok(None);
                    }
                    self.pressed(key).await;
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(|| Instant::now() + IDLE)) => self.do_what_is_due().await,
                _ = interrupt.recv() => return Ok(None),
                _ = terminate.recv() => return Ok(None),
            }
        }
        Ok(last)
    }

    async fn happened(&mut self, event: Event) -> anyhow::Result<Option<Last>> {
        match event {
            Event::Connection(doorstep::ConnectionState::Connected) => {
                self.trouble = None;
                self.display.connected();
            }
            Event::Connection(_) | Event::Quality { .. } | Event::Closed => {}
            Event::ConnectFailed(error) => {
                self.display.error(&format!("{} ({error})", error.text()));
                self.trouble = Some(error.to_string());
            }
            Event::Registration(RegistrationState::Registered { expires_in }) => {
                self.display.registered(expires_in.as_secs());
            }
            Event::Registration(RegistrationState::Failed {
                reason: EndReason::Unauthorized | EndReason::NotAllowed,
            }) => {
                // Nothing but another token would help.
                bail!("{}{}", EndReason::Unauthorized.text(), self.because());
            }
            Event::Registration(_) => {}
            Event::Incoming(call) => self.comes_in(call).await,
            Event::CallChanged(snapshot) => self.changed(&snapshot),
            Event::FirstAudio { call } if self.is_on_screen(call) => {
                self.show_call("first_audio", "you hear the customer")
            }
            Event::DigitReceived { call, digit } if self.is_on_screen(call) => self.display.digit(digit),
            Event::FirstAudio { .. } | Event::DigitReceived { .. } => {}
            Event::Transfer { progress, .. } => self.show_call("transfer", &format!("{progress:?}")),
            Event::Refused { error, .. } => self.display.error(ApiError::from(error).text()),
            Event::Push { call_id, outcome } => return self.pushed(call_id.as_deref(), outcome),
            Event::CallEnded { call, reason, text } => return Ok(self.over(call, Ended { reason, text })),
            Event::Lagged { .. } => self.display.error("the screen was too slow: something was not shown"),
        }
        Ok(None)
    }

    /// A push that no call rings for is the end of an app that it has started.
    fn pushed(&mut self, call_id: Option<&str>, outcome: PushOutcome) -> anyhow::Result<Option<Last>> {
        self.display.push(call_id, outcome);
        if let Some(on) = self.call.as_mut().filter(|on| outcome == PushOutcome::Rings { call: on.call.id() })
        {
            on.announced = true;
        }
        match outcome.end_reason() {
            Some(reason) if self.call.is_none() => bail!("{}", reason.text()),
            Some(_) | None => Ok(None),
        }
    }

    async fn comes_in(&mut self, call: Call) {
        if self.call.is_some() {
            // One screen, one call: whoever calls now hears that the courier is on the phone.
            self.report(call.reject_busy().await);
            return;
        }
        self.show(call.clone(), self.habits.answer_after.map(|after| (after, Doing::Answer)));
        self.show_call("incoming", "calling");
        if self.habits.reject {
            self.report(call.reject().await);
        }
    }

    fn show(&mut self, call: Call, next: Option<(Duration, Doing)>) {
        let shown = call.snapshot().state;
        let next = next.map(|(after, doing)| (Instant::now() + after, doing));
        self.call = Some(OnScreen { call, shown, announced: false, muted: false, next });
    }

    fn changed(&mut self, snapshot: &CallSnapshot) {
        let Some(on) = self.call.as_mut().filter(|on| on.call.id() == snapshot.call) else { return };
        let invited = std::mem::replace(&mut on.announced, snapshot.awaits_invite) && !snapshot.awaits_invite;
        let before = std::mem::replace(&mut on.shown, snapshot.state);
        if invited {
            self.display.call("invite", snapshot, "the call is here");
        }
        if before == snapshot.state {
            return;
        }
        let (event, words) = match snapshot.state {
            CallState::Ringing => ("ringing", "ringing"),
            CallState::Active { .. } if !before.is_answered() => {
                on.next = self.habits.hang_up_after.map(|after| (Instant::now() + after, Doing::HangUp));
                ("answered", "talking")
            }
            CallState::Active { held_locally: true, .. } => ("held", "on hold"),
            CallState::Active { held_remotely: true, .. } => ("held", "the customer put you on hold"),
            CallState::Active { muted: true, .. } => ("muted", "talking, microphone off"),
            CallState::Active { .. } => ("talking", "talking"),
            CallState::Reconnecting => ("reconnecting", "connection lost, reconnecting"),
            CallState::Connecting | CallState::Incoming | CallState::Answering | CallState::Ended(_) => {
                return;
            }
        };
        self.display.call(event, snapshot, words);
    }

    fn over(&mut self, call: CallHandle, ended: Ended) -> Option<Last> {
        let on = self.call.take_if(|on| on.call.id() == call)?;
        self.calls_over += 1;
        self.display.ended(&on.call.snapshot(), &ended);
        Some(Last { answered: on.shown.is_answered(), ended })
    }

    async fn do_what_is_due(&mut self) {
        let Some(on) = self.call.as_mut() else { return };
        let Some((_, doing)) = on.next.take_if(|(at, _)| *at <= Instant::now()) else { return };
        let call = on.call.clone();
        let done = match doing {
            Doing::Answer => call.answer().await,
            Doing::HangUp => call.hang_up().await,
        };
        self.report(done);
    }

    async fn pressed(&mut self, key: Key) {
        let Some(on) = self.call.as_mut() else { return };
        let call = on.call.clone();
        let done = match key {
            Key::Answer => call.answer().await,
            Key::Reject => call.reject().await,
            Key::HangUp => call.hang_up().await,
            Key::Hold => call.hold().await,
            Key::Resume => call.resume().await,
            Key::Mute => {
                on.muted = !on.muted;
                let on = on.muted;
                call.mute(on).await
            }
            Key::Digit(digit) => call.send_dtmf(digit).await,
            Key::Transfer(order) => call.transfer_to_order(order).await,
            Key::Quit => Ok(()),
        };
        self.report(done);
    }

    fn show_call(&mut self, event: &str, words: &str) {
        if let Some(on) = &self.call {
            self.display.call(event, &on.call.snapshot(), words);
        }
    }

    fn is_on_screen(&self, call: CallHandle) -> bool {
        self.call.as_ref().is_some_and(|on| on.call.id() == call)
    }

    fn report(&mut self, done: Result<(), ApiError>) {
        if let Err(error) = done {
            self.display.error(error.text());
        }
    }

    fn because(&self) -> String {
        self.trouble.as_ref().map(|trouble| format!(" ({trouble})")).unwrap_or_default()
    }
}

/// How the last call went.
struct Last {
    answered: bool,
    ended: Ended,
}
