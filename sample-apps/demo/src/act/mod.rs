//! The demo's acts.

mod closed_app;
mod reading;
mod talk;
mod unreachable;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::process::Command;

use crate::phone_os::PhoneOs;
use crate::program::{Cast, Event, Program, Role, Story};
use crate::secrets::{Evidence, Piece};
use crate::speech::{Script, Sounds};
use crate::stage::Stage;
use crate::summary::ActSummary;
use crate::timeline::Teller;

/// The order that the story is about.
pub const ORDER: &str = "4711";
/// What the company wants the courier's screen to show of it.
pub const LABEL: &str = "Order 4711";

/// How long a person lets it ring before answering.
const RINGS: Duration = Duration::from_millis(1500);
/// How long the caller stays on the line after the last word.
const AFTER_THE_LAST_WORD: Duration = Duration::from_millis(1000);
/// For programs to start and sign in, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// The courier presses "contact customer".
    CourierCallsCustomer,
    /// The customer calls the company's number.
    CustomerCallsBack,
    /// The same while the courier's app is closed, on a phone that Apple wakes.
    ClosedAppCallbackApns,
    /// The same on a phone that Google wakes.
    ClosedAppCallbackFcm,
    /// The customer calls, and the courier's phone is switched off.
    CourierUnreachable,
}

impl Act {
    /// In order.
    pub const ALL: [Self; 5] = [
        Self::CourierCallsCustomer,
        Self::CustomerCallsBack,
        Self::ClosedAppCallbackApns,
        Self::ClosedAppCallbackFcm,
        Self::CourierUnreachable,
    ];

    /// As in the summary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CourierCallsCustomer => "courier_calls_customer",
            Self::CustomerCallsBack => "customer_calls_back",
            Self::ClosedAppCallbackApns => "closed_app_callback_apns",
            Self::ClosedAppCallbackFcm => "closed_app_callback_fcm",
            Self::CourierUnreachable => "courier_unreachable",
        }
    }

    /// Whether a push starts the courier's app.
    pub(crate) const fn is_woken(self) -> bool {
        match self {
            Self::ClosedAppCallbackApns | Self::ClosedAppCallbackFcm => true,
            Self::CourierCallsCustomer | Self::CustomerCallsBack | Self::CourierUnreachable => false,
        }
    }

    /// Who calls, and who takes the call in the end.
    pub(crate) const fn sides(self) -> (Role, Role) {
        match self {
            Self::CourierCallsCustomer => (Role::Courier, Role::Customer),
            Self::CustomerCallsBack | Self::ClosedAppCallbackApns | Self::ClosedAppCallbackFcm => {
                (Role::Customer, Role::Courier)
            }
            Self::CourierUnreachable => (Role::Customer, Role::Centre),
        }
    }
}

/// What an act depends on.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The courier uses this computer's microphone and speaker.
    pub live: bool,
    /// What the others say.
    pub sounds: &'a Sounds,
}

/// All that the acts are played with.
pub struct Theatre<'a> {
    /// The gateway and what is around it.
    pub stage: &'a Stage,
    /// The programs.
    pub cast: &'a Cast,
    /// What they tell.
    pub story: &'a mut Story,
    /// Tells it on.
    pub teller: &'a mut Teller,
    /// The courier's phone.
    pub phone: &'a mut PhoneOs,
    /// What an act depends on.
    pub options: Options<'a>,
}

impl Theatre<'_> {
    /// Plays an act. What programs tell goes to the teller as it comes.
    ///
    /// # Errors
    /// When a program cannot be run or nothing happens any more. A call that fails is no error but a bad summary.
    pub async fn play(&mut self, act: Act) -> anyhow::Result<(ActSummary, Evidence)> {
        match act {
            Act::CourierCallsCustomer | Act::CustomerCallsBack => self.talk(act).await,
            Act::ClosedAppCallbackApns | Act::ClosedAppCallbackFcm => self.closed_app(act).await,
            Act::CourierUnreachable => self.unreachable().await,
        }
    }

    fn file(&self, act: Act, name: &str) -> PathBuf {
        self.cast.folder().join(format!("{}-{name}", act.name()))
    }

    /// What two sides say and hear in an act, as files.
    fn props(&self, act: Act, scripts: Scripts) -> anyhow::Result<Props> {
        let props = Props {
            courier_says: self.file(act, "courier-says.wav"),
            courier_heard: self.file(act, "courier-heard.wav"),
            customer_says: self.file(act, "customer-says.wav"),
            customer_heard: self.file(act, "customer-heard.wav"),
            tap: self.file(act, "customer.sip"),
            scripts,
        };
        props.scripts.courier.write(&props.courier_says)?;
        props.scripts.customer.write(&props.customer_says)?;
        Ok(props)
    }

    /// Lets the courier's app speak and listen, by these files or by this computer's sound.
    fn give_voice(&self, courier: &mut Command, props: &Props) {
        if self.options.live {
            courier.arg("--live");
        } else {
            courier.arg("--play").arg(&props.courier_says).arg("--record").arg(&props.courier_heard);
        }
    }

    /// The customer's phone with its voice; what it is to do is added.
    fn customer(&self, props: &Props) -> anyhow::Result<Command> {
        let mut customer = self.stage.customer_phone(self.cast)?;
        customer.arg("--play").arg(&props.customer_says).arg("--record").arg(&props.customer_heard);
        customer.arg("--tap").arg(&props.tap);
        Ok(customer)
    }

    fn start(&self, act: Act, who: Role, name: &str, command: Command) -> anyhow::Result<Program> {
        self.cast.start(who, &format!("{}-{name}", act.name()), command, self.story)
    }

    /// The next event. An end of the gateway is the end of the story.
    async fn next(&mut self, patience: Duration) -> anyhow::Result<Event> {
        loop {
            let event = self.story.next(patience).await?;
            if event.name == "exit" && !event.who.plays() {
                anyhow::bail!("the {}'s program ended in the middle of a call", event.who);
            }
            // That a call is over is for an app that still rings, and comes when nobody waits for it.
            let kind = event.fields.get("payload").and_then(|payload| payload.get("kind")?.as_str());
            if event.who != Role::Provider || kind != Some("cancel") {
                return Ok(event);
            }
        }
    }

    /// Until all of these have ended.
    async fn watch(
        &mut self,
        act: Act,
        programs: &mut [&mut Program],
        events: &mut Vec<Event>,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let mut running = programs.len();
        while running > 0 {
            let event = self.next(patience).await?;
            self.teller.event(act, &event);
            if event.name == "exit" {
                running -= 1;
                let failed = event.fields.get("code").and_then(serde_json::Value::as_i64) != Some(0);
                if failed && running > 0 {
                    self.stop(programs).await;
                }
            }
            events.push(event);
        }
        Ok(())
    }

    /// The others wait for a call that will not come.
    async fn stop(&mut self, programs: &mut [&mut Program]) {
        for program in programs {
            if let Err(error) = program.stop().await {
                self.teller.trouble(&error.to_string());
            }
        }
    }
}

/// Who says what. In each act and to each side something else, so that no recording can pass for another.
#[derive(Debug, Clone)]
struct Scripts {
    courier: Script,
    customer: Script,
}

impl Scripts {
    fn new(sounds: &Sounds, courier: &[&str], customer: &[&str]) -> anyhow::Result<Self> {
        Ok(Self { courier: sounds.script(courier)?, customer: sounds.script(customer)? })
    }

    fn longest(&self) -> Duration {
        self.courier.duration().max(self.customer.duration())
    }
}

/// See [`Theatre::props`].
struct Props {
    scripts: Scripts,
    courier_says: PathBuf,
    courier_heard: PathBuf,
    customer_says: PathBuf,
    customer_heard: PathBuf,
    /// Every SIP message of the customer's phone.
    tap: PathBuf,
}

impl Props {
    /// Puts the recordings of the two into the summary, and how well each holds what the other said.
    fn judge(&self, summary: &mut ActSummary, live: bool) -> anyhow::Result<()> {
        let there = |path: &PathBuf| Some(path.clone()).filter(|path| path.exists());
        summary.courier_heard_wav = there(&self.courier_heard).filter(|_| !live);
        summary.customer_heard_wav = there(&self.customer_heard);
        let heard = |script: &Script, recording: &Option<PathBuf>| {
            recording.as_ref().map(|path| script.heard_in(path)).transpose()
        };
        let courier = heard(&self.scripts.customer, &summary.courier_heard_wav)?;
        let customer = heard(&self.scripts.courier, &summary.customer_heard_wav)?;
        summary.courier_heard_score = courier.map(|understanding| reading::hundredths(understanding.score));
        summary.customer_heard_score = customer.map(|understanding| reading::hundredths(understanding.score));
        summary.intelligible = [courier, customer].iter().all(|u| u.is_some_and(|u| u.intelligible));
        Ok(())
    }

    /// What the programs of the two left.
    fn evidence(&self, courier: &[&Program], customer: &[&Program]) -> Evidence {
        let pieces = |programs: &[&Program]| -> Vec<Piece> {
            let files = programs.iter().flat_map(|p| [p.log().to_owned(), p.told().to_owned()]);
            files.map(Piece::File).collect()
        };
        let mut customer_side = pieces(customer);
        customer_side.extend(Some(self.tap.clone()).filter(|tap| tap.exists()).map(Piece::File));
        Evidence { courier_side: pieces(courier), customer_side, ..Evidence::default() }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}
