//! The demo's two acts.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tokio::process::Command;

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
}

impl Act {
    /// As in the summary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CourierCallsCustomer => "courier_calls_customer",
            Self::CustomerCallsBack => "customer_calls_back",
        }
    }

    const fn caller(self) -> Role {
        match self {
            Self::CourierCallsCustomer => Role::Courier,
            Self::CustomerCallsBack => Role::Customer,
        }
    }
}

/// Who says what. In each act and to each side something else, so that no recording can pass for another.
#[derive(Debug, Clone)]
pub struct Scripts {
    courier: Script,
    customer: Script,
}

impl Scripts {
    /// The words of an act.
    ///
    /// # Errors
    /// When the recorded speech is not installed.
    pub fn of(act: Act, sounds: &Sounds) -> anyhow::Result<Self> {
        let (courier, customer): (&[&str], &[&str]) = match act {
            Act::CourierCallsCustomer => (&["queue-periodic-announce"], &["demo-thanks", "vm-goodbye"]),
            Act::CustomerCallsBack => (&["tt-allbusy"], &["vm-intro", "queue-youarenext"]),
        };
        Ok(Self { courier: sounds.script(courier)?, customer: sounds.script(customer)? })
    }
}

/// Plays an act. What programs tell goes to the teller as it comes; evidence for the search of leaks is added.
///
/// # Errors
/// When a program cannot be run or nothing happens any more. A call that fails is no error but a bad summary.
pub async fn play(
    act: Act,
    stage: &Stage,
    cast: &Cast,
    story: &mut Story,
    options: Options<'_>,
    teller: &mut Teller,
) -> anyhow::Result<(ActSummary, Evidence)> {
    let scripts = Scripts::of(act, options.sounds)?;
    let file = |name: &str| cast.folder().join(format!("{}-{name}", act.name()));
    let (courier_says, customer_says) = (file("courier-says.wav"), file("customer-says.wav"));
    scripts.courier.write(&courier_says)?;
    scripts.customer.write(&customer_says)?;
    let (courier_heard, customer_heard) = (file("courier-heard.wav"), file("customer-heard.wav"));
    let tap = file("customer.sip");

    let mut courier = stage.courier_app(cast)?;
    if options.live {
        courier.arg("--live");
    } else {
        courier.arg("--play").arg(&courier_says).arg("--record").arg(&courier_heard);
    }
    let mut customer = stage.customer_phone(cast)?;
    customer.arg("--play").arg(&customer_says).arg("--record").arg(&customer_heard).arg("--tap").arg(&tap);

    let talk = scripts.courier.duration().max(scripts.customer.duration()) + AFTER_THE_LAST_WORD;
    let mut programs = match act {
        Act::CourierCallsCustomer => {
            let after = RINGS.as_millis().to_string();
            customer.args(["answer", "--after", &after, "--calls", "1"]);
            let customer = start(cast, story, act, Role::Customer, customer)?;
            story.expect(Role::Customer, "listening", PATIENCE).await?;
            courier.args(["contact", ORDER, "--hang-up-after", &seconds(talk)]);
            [start(cast, story, act, Role::Courier, courier)?, customer]
        }
        Act::CustomerCallsBack => {
            let after = RINGS.as_millis().to_string();
            courier.args(["wait", "--answer-after", &after, "--calls", "1"]);
            let courier = start(cast, story, act, Role::Courier, courier)?;
            let signed_in = story.expect(Role::Courier, "registered", PATIENCE).await;
            signed_in
                .with_context(|| format!("the courier's app could not sign in{}", courier.last_words()))?;
            customer.args(["call", &stage.company, "--hang-up-after", &seconds(talk)]);
            [courier, start(cast, story, act, Role::Customer, customer)?]
        }
    };
    let events = watch(act, &mut programs, story, teller, PATIENCE + talk).await?;

    let mut summary = summarise(act, &events);
    if !options.live {
        summary.courier_heard_wav = Some(courier_heard).filter(|path| path.exists());
    }
    summary.customer_heard_wav = Some(customer_heard).filter(|path| path.exists());
    judge(&mut summary, &scripts)?;
    let [courier, customer] = &programs;
    let pieces = |program: &Program, more: Option<PathBuf>| {
        let own = [program.log().to_owned(), program.told().to_owned()];
        own.into_iter().chain(more).map(Piece::File).collect()
    };
    let evidence = Evidence {
        courier_side: pieces(courier, None),
        customer_side: pieces(customer, Some(tap).filter(|tap| tap.exists())),
        ..Evidence::default()
    };
    Ok((summary, evidence))
}

/// What an act depends on.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The courier uses this computer's microphone and speaker.
    pub live: bool,
    /// What the others say.
    pub sounds: &'a Sounds,
}

fn start(cast: &Cast, story: &Story, act: Act, who: Role, command: Command) -> anyhow::Result<Program> {
    cast.start(who, &format!("{}-{who}", act.name()), command, story)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}

/// Until both programs have ended.
async fn watch(
    act: Act,
    programs: &mut [Program; 2],
    story: &mut Story,
    teller: &mut Teller,
    patience: Duration,
) -> anyhow::Result<Vec<Event>> {
    let mut events: Vec<Event> = Vec::new();
    let mut running = programs.len();
    while running > 0 {
        let event = story.next(patience).await?;
        if event.name == "exit" && event.who == Role::Gateway {
            anyhow::bail!("the gateway ended in the middle of a call");
        }
        teller.event(act, &event);
        if event.name == "exit" {
            running -= 1;
            let failed = event.fields.get("code").and_then(serde_json::Value::as_i64) != Some(0);
            if failed && running > 0 {
                // The other one waits for a call that will not come.
                for program in programs.iter_mut() {
                    if let Err(error) = program.stop().await {
                        teller.trouble(&error.to_string());
                    }
                }
            }
        }
        events.push(event);
    }
    Ok(events)
}

/// Reads the numbers off what the programs told.
fn summarise(act: Act, events: &[Event]) -> ActSummary {
    let of = |who: Role, name: &str| events.iter().find(|event| event.who == who && event.name == name);
    let at = |who: Role, name: &str| of(who, name).map(|event| event.t);
    let (caller, called) = match act.caller() {
        Role::Courier => (Role::Courier, Role::Customer),
        Role::Customer | Role::Gateway => (Role::Customer, Role::Courier),
    };
    let pressed = at(Role::Courier, "press").or_else(|| at(Role::Customer, "calling"));
    let ringing = at(caller, "ringing");
    let answered = at(called, "answered");
    let first_audio = |who| Some((at(who, "first_audio")? - answered?).max(0.0));
    let screen = |who| {
        // A phone shows what was dialled.
        let on_screen = |event: &'_ Event| {
            let shown = event.text("screen").or_else(|| event.text("number"));
            shown.map(str::to_owned)
        };
        events.iter().rev().filter(|event| event.who == who).find_map(on_screen)
    };
    ActSummary {
        name: act,
        connected: at(caller, "answered").is_some() && answered.is_some(),
        press_to_ringing_ms: pressed.zip(ringing).map(|(pressed, ringing)| tenths(ringing - pressed)),
        answer_to_audio_ms: first_audio(Role::Courier)
            .zip(first_audio(Role::Customer))
            .map(|(courier, customer)| tenths(courier.max(customer))),
        courier_heard_wav: None,
        customer_heard_wav: None,
        courier_screen: screen(Role::Courier),
        customer_screen: screen(Role::Customer),
        courier_heard_score: None,
        customer_heard_score: None,
        intelligible: false,
    }
}

fn judge(summary: &mut ActSummary, scripts: &Scripts) -> anyhow::Result<()> {
    let heard = |script: &Script, recording: &Option<PathBuf>| {
        recording.as_ref().map(|path| script.heard_in(path)).transpose()
    };
    let courier = heard(&scripts.customer, &summary.courier_heard_wav)?;
    let customer = heard(&scripts.courier, &summary.customer_heard_wav)?;
    summary.courier_heard_score = courier.map(|understanding| hundredths(understanding.score));
    summary.customer_heard_score = customer.map(|understanding| hundredths(understanding.score));
    summary.intelligible = [courier, customer].iter().all(|u| u.is_some_and(|u| u.intelligible));
    Ok(())
}

fn tenths(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

fn hundredths(score: f64) -> f64 {
    (score * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn event(who: Role, t: f64, name: &str, screen: Option<&str>) -> Event {
        let fields = screen.map(|screen| ("screen".to_owned(), json!(screen)));
        Event { who, t, name: name.to_owned(), fields: Map::from_iter(fields) }
    }

    #[test]
    fn the_numbers_of_a_call_are_read_off_its_events() {
        use Role::{Courier, Customer};
        let summary = summarise(
            Act::CourierCallsCustomer,
            &[
                event(Courier, 1000.0, "press", Some("Order 4711")),
                event(Customer, 1010.0, "incoming", Some("+49302312500")),
                event(Courier, 1012.5, "ringing", None),
                event(Customer, 2000.0, "answered", None),
                event(Courier, 2003.0, "answered", None),
                event(Customer, 2030.0, "first_audio", None),
                event(Courier, 2041.0, "first_audio", None),
            ],
        );
        assert!(summary.connected);
        assert_eq!(summary.press_to_ringing_ms, Some(12.5));
        assert_eq!(summary.answer_to_audio_ms, Some(41.0));
        assert_eq!(summary.courier_screen.as_deref(), Some("Order 4711"));
        assert_eq!(summary.customer_screen.as_deref(), Some("+49302312500"));
    }

    #[test]
    fn a_call_that_nobody_answers_is_not_connected() {
        let mut calling = event(Role::Customer, 1.0, "calling", None);
        calling.fields.insert("number".to_owned(), json!("+49302312500"));
        let events = [calling, event(Role::Customer, 9.0, "ringing", None)];
        let summary = summarise(Act::CustomerCallsBack, &events);
        assert!(!summary.connected);
        assert_eq!(summary.press_to_ringing_ms, Some(8.0));
        assert_eq!(summary.customer_screen.as_deref(), Some("+49302312500"));
        assert_eq!(summary.answer_to_audio_ms, None);
    }
}
