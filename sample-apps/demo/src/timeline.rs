//! Tells the story: as lines for people, or as JSON for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::act::{Act, LABEL, ORDER};
use crate::program::{Event, Role};
use crate::secrets::Findings;
use crate::summary::{ActSummary, Summary};

/// How the story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Lines for people, with colours or without.
    Words {
        /// Whether the terminal has colours.
        colours: bool,
    },
    /// One JSON object per event.
    Json,
}

/// Tells what happens as it happens.
pub struct Teller {
    style: Style,
    out: Box<dyn Write + Send>,
    /// When the caller pressed the button.
    start: Option<f64>,
    answered: Option<f64>,
    /// What nobody could read any more: the reason is told at the end.
    failed: Option<io::Error>,
    told: BTreeMap<(Role, String), u32>,
    /// What each screen shows.
    screens: BTreeMap<Role, String>,
}

impl Teller {
    /// Tells to `out`.
    pub fn new(style: Style, out: Box<dyn Write + Send>) -> Self {
        Self {
            style,
            out,
            start: None,
            answered: None,
            failed: None,
            told: BTreeMap::new(),
            screens: BTreeMap::new(),
        }
    }

    /// What is going on before the story begins.
    pub fn preparing(&mut self, what: &str) {
        match self.style {
            Style::Words { .. } => {
                let line = self.dim(what);
                self.line(&line);
            }
            Style::Json => {}
        }
    }

    /// Something is wrong, and what it was.
    pub fn trouble(&mut self, what: &str) {
        match self.style {
            Style::Words { .. } => {
                let line = format!("  {} {what}", self.paint("1;31", "trouble:"));
                self.line(&line);
            }
            Style::Json => self.line(&json!({"event": "trouble", "text": what}).to_string()),
        }
    }

    /// An act begins.
    pub fn act(&mut self, act: Act) {
        self.start = None;
        self.answered = None;
        self.told.clear();
        self.screens.clear();
        match self.style {
            Style::Words { .. } => {
                let title = match act {
                    Act::CourierCallsCustomer => "Act 1 · The courier stands at the door and nobody opens",
                    Act::CustomerCallsBack => "Act 2 · The customer calls back",
                    Act::ClosedAppCallbackApns => {
                        "Act 3 · The customer calls back, the courier's app is closed, and Apple wakes it"
                    }
                    Act::ClosedAppCallbackFcm => "Act 3, once more · With Google",
                    Act::CourierUnreachable => "Act 4 · The courier's phone is switched off",
                };
                let title = self.paint("1", title);
                self.line("");
                self.line(&title);
            }
            Style::Json => self.line(&json!({"event": "act", "act": act}).to_string()),
        }
    }

    /// Something happened.
    pub fn event(&mut self, act: Act, event: &Event) {
        if matches!(event.name.as_str(), "press" | "calling") && self.start.is_none() {
            self.start = Some(event.t);
        }
        if event.name == "answered" && self.answered.is_none() {
            self.answered = Some(event.t);
        }
        match self.style {
            Style::Words { .. } => {
                let times = self.told.entry((event.who, event.name.clone())).or_default();
                *times += 1;
                if *times == 1 || event.name == "dtmf" {
                    self.words(act, event);
                }
            }
            Style::Json => {
                let mut value = Value::Object(event.fields.clone());
                value["t"] = json!(event.t);
                value["act"] = json!(act);
                value["who"] = json!(event.who.name());
                value["event"] = json!(event.name);
                self.line(&value.to_string());
            }
        }
    }

    fn words(&mut self, act: Act, event: &Event) {
        let Some(text) = words(act, event, self.answered) else { return };
        let Some(start) = self.start else { return };
        let colour = match event.who {
            Role::Courier => "36",
            Role::Customer => "35",
            Role::Centre => "33",
            Role::Gateway | Role::Push | Role::Provider => "2",
        };
        let who = self.paint(colour, &format!("{:<9}", event.who.name()));
        let line = format!("  {:>6.0} ms  {who} {text}", event.t - start);
        self.line(&line);
        let shown = event.text("screen").filter(|screen| !screen.is_empty());
        if let Some(screen) =
            shown.filter(|screen| self.screens.get(&event.who).is_none_or(|old| old != screen))
        {
            self.screens.insert(event.who, screen.to_owned());
            let screen = self.paint("1", screen);
            self.line(&format!("                       screen: [ {screen} ]"));
        }
    }

    /// An act is over.
    pub fn act_summary(&mut self, summary: &ActSummary) {
        let Style::Words { .. } = self.style else { return };
        let ms = |ms: Option<f64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0} ms"));
        self.line("");
        self.line(&format!(
            "  press to ringing {}, answer to first sound {}",
            ms(summary.press_to_ringing_ms),
            ms(summary.answer_to_audio_ms)
        ));
        if let Some(wake) = &summary.wake {
            self.line(&format!(
                "  the carrier's INVITE to the wake {}, to the provider {}; from there the app rings after {} and has the call \
                 after {}",
                ms(wake.invite_to_wake_ms),
                ms(wake.wake_to_push_ms),
                ms(wake.push_to_ringing_ms),
                ms(wake.push_to_invite_ms)
            ));
        }
        let percent = |score: Option<f64>| {
            score.map_or_else(|| "?".to_owned(), |score| format!("{:.0} %", score * 100.0))
        };
        if let Some(fallback) = &summary.fallback {
            self.line(&format!(
                "  the message reached the customer ({} like the file)",
                percent(fallback.message_score)
            ));
            if let Some(path) = &fallback.centre_heard_wav {
                let score = percent(fallback.centre_heard_score);
                self.line(&format!(
                    "  what the contact centre heard ({score} like what was said): {}",
                    near(path)
                ));
            }
        }
        for (who, path, score) in [
            ("courier", &summary.courier_heard_wav, summary.courier_heard_score),
            ("customer", &summary.customer_heard_wav, summary.customer_heard_score),
        ] {
            let Some(path) = path else { continue };
            let score = percent(score);
            self.line(&format!("  what the {who} heard ({score} like what was said): {}", near(path)));
        }
    }

    /// What was searched for leaks, and what was found.
    pub fn findings(&mut self, findings: &Findings) {
        match self.style {
            Style::Words { .. } => {
                self.line("");
                if findings.leaks.is_empty() {
                    let searched = findings.bytes / 1024;
                    self.line(&format!(
                        "Neither saw the other's number: {searched} kB of signalling, logs and answers searched, nothing found."
                    ));
                }
                for leak in &findings.leaks {
                    let line = format!("{} {leak}", self.paint("1;31", "LEAK"));
                    self.line(&line);
                }
            }
            Style::Json => {
                for leak in &findings.leaks {
                    self.line(&json!({"event": "leak", "text": leak.to_string()}).to_string());
                }
            }
        }
    }

    /// The end.
    ///
    /// # Errors
    /// When anything of it all could not be written.
    pub fn summary(&mut self, summary: &Summary, folder: &Path) -> anyhow::Result<()> {
        match self.style {
            Style::Words { .. } => {
                let verdict = if summary.ok {
                    self.paint(
                        "32",
                        "Every call carried speech both ways, and nothing crossed that must not.",
                    )
                } else {
                    self.paint("1;31", "Not everything went as it should.")
                };
                self.line(&verdict);
                self.line(&format!("Recordings and logs: {}", near(folder)));
            }
            Style::Json => {
                let line = serde_json::to_string(summary)?;
                self.line(&line);
            }
        }
        if let Err(error) = self.out.flush() {
            self.failed.get_or_insert(error);
        }
        match self.failed.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn line(&mut self, line: &str) {
        let written = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.style {
            Style::Words { colours: true } => format!("\x1b[{code}m{text}\x1b[0m"),
            Style::Words { colours: false } | Style::Json => text.to_owned(),
        }
    }
}

/// What a person would say of it; `None` for what only programs want to know.
fn words(act: Act, event: &Event, answered: Option<f64>) -> Option<String> {
    let text = match (event.who, event.name.as_str()) {
        (Role::Push, "wake_accepted") => "has taken the wake".to_owned(),
        (Role::Provider, "push") => "has the push for the courier's phone".to_owned(),
        (Role::Courier, "woken") => "the phone starts the app".to_owned(),
        (Role::Courier, "connected") if act.is_woken() => "the app is connected".to_owned(),
        (Role::Courier, "invite") => "the call is at the app".to_owned(),
        (Role::Courier, "press") => format!("presses “contact customer” for order {ORDER}"),
        (Role::Customer, "calling") => {
            format!("calls the company's number {}", event.text("number").unwrap_or_default())
        }
        (_, "incoming") => match event.who {
            Role::Courier => "the app rings".to_owned(),
            Role::Customer | Role::Centre | Role::Gateway | Role::Push | Role::Provider => {
                "the phone rings".to_owned()
            }
        },
        (_, "ringing") => "hears it ring".to_owned(),
        (who, "answered") => {
            if who == act.sides().1 {
                "answers".to_owned()
            } else {
                "is connected".to_owned()
            }
        }
        (_, "first_audio") => {
            // The contact centre waits for the customer to speak.
            let after = answered.filter(|_| event.who != Role::Centre);
            let after = after.map(|answered| (event.t - answered).max(0.0));
            let after = after.map(|ms| format!(", {ms:.0} ms after the answer")).unwrap_or_default();
            format!("hears the first sound{after}")
        }
        (_, "dtmf") => format!("hears key {}", event.text("digit").unwrap_or_default()),
        (_, "ended") => format!("the call is over: {}", reason(event)),
        (_, "error") => format!("error: {}", event.text("text").unwrap_or_default()),
        (_, "exit") if event.fields.get("code").and_then(Value::as_i64) != Some(0) => {
            "the program failed".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

fn reason(event: &Event) -> String {
    let text = event.text("text").filter(|text| !text.is_empty());
    text.or_else(|| event.text("reason")).unwrap_or("no reason given").to_owned()
}

/// A path as seen from here, where that is shorter.
fn near(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// What the story is about, in a line.
#[must_use]
pub fn prologue(company: &str) -> String {
    format!(
        "A courier has “{LABEL}” to deliver. The courier knows no number of the customer's, the customer none of the \
         courier's; both see {company}, the company's."
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Map;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told(style: Style) -> String {
        let paper = Paper::default();
        let mut teller = Teller::new(style, Box::new(paper.clone()));
        let act = Act::CourierCallsCustomer;
        teller.act(act);
        for (who, t, name, fields) in [
            (Role::Courier, 1_000.0, "press", json!({"order": "4711"})),
            (Role::Customer, 1_020.0, "incoming", json!({"screen": "+493023125012"})),
            (Role::Customer, 2_520.0, "answered", json!({})),
            (Role::Courier, 2_560.0, "first_audio", json!({})),
        ] {
            let fields: Map<String, Value> = fields.as_object().unwrap().clone();
            teller.event(act, &Event { who, t, name: name.to_owned(), fields });
        }
        teller.summary(&Summary::default(), Path::new("/x")).unwrap();
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn people_read_who_did_what_when() {
        let told = told(Style::Words { colours: false });
        assert!(told.contains("      0 ms  courier   presses “contact customer” for order 4711"), "{told}");
        assert!(told.contains("     20 ms  customer  the phone rings"), "{told}");
        assert!(told.contains("[ +493023125012 ]"), "{told}");
        assert!(
            told.contains("   1560 ms  courier   hears the first sound, 40 ms after the answer"),
            "{told}"
        );
        assert!(!told.contains('\x1b'), "{told}");
    }

    #[test]
    fn programs_read_one_object_per_line_and_the_summary_last() {
        let told = told(Style::Json);
        let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[1]["who"], "courier");
        assert_eq!(lines[1]["act"], "courier_calls_customer");
        assert_eq!(lines.last().unwrap()["leaks"], 0);
        assert_eq!(lines.last().unwrap()["ok"], false);
    }
}
