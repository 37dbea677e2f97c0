//! The courier's screen: a line for a person or an object for a program, whenever something happens.

use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use doorstep::{CallSnapshot, Ended, PushOutcome};
use serde_json::{Value, json};

/// Writes to stdout.
pub(crate) struct Display {
    json: bool,
}

impl Display {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// The system has started the app for a push.
    pub(crate) fn woken(&mut self) {
        self.show("woken", json!({}), "woken by a push");
    }

    /// What came of a push.
    pub(crate) fn push(&mut self, call_id: Option<&str>, outcome: PushOutcome) {
        let words = match outcome.end_reason() {
            Some(reason) => format!("push: {reason}"),
            None => "push: a call".to_owned(),
        };
        let reason = outcome.end_reason().map(|reason| reason.code());
        self.show("push", json!({ "call": call_id, "outcome": outcome.code(), "reason": reason }), &words);
    }

    pub(crate) fn connected(&mut self) {
        self.show("connected", json!({}), "connected");
    }

    pub(crate) fn registered(&mut self, expires_s: u64) {
        self.show("registered", json!({ "expires_s": expires_s }), "ready for calls");
    }

    pub(crate) fn press(&mut self, order: &str) {
        self.show("press", json!({ "order": order }), &format!("Order {order}: contact customer"));
    }

    /// A change in a call; `event` is its name, `words` what the screen shows beside the call's title.
    pub(crate) fn call(&mut self, event: &str, call: &CallSnapshot, words: &str) {
        let title = title(call);
        self.show(event, json!({ "screen": title }), &format!("{title}: {words}"));
    }

    pub(crate) fn digit(&mut self, digit: char) {
        self.show("dtmf", json!({ "digit": digit.to_string() }), &format!("the customer pressed {digit}"));
    }

    pub(crate) fn ended(&mut self, call: &CallSnapshot, ended: &Ended) {
        let title = title(call);
        let fields = json!({ "reason": ended.reason.code(), "text": ended.text, "screen": title });
        self.show("ended", fields, &format!("{title}: {}", ended.text));
    }

    /// Something went wrong, and may be tried again.
    pub(crate) fn error(&mut self, text: &str) {
        self.show("error", json!({ "text": text }), text);
    }

    /// The program's last word.
    pub(crate) fn failed(&mut self, text: &str) {
        if self.json {
            self.error(text);
        }
        let _stderr_may_be_closed = writeln!(io::stderr(), "courier-cli: {text}");
    }

    fn show(&mut self, event: &str, mut fields: Value, line: &str) {
        let mut stdout = io::stdout().lock();
        let written = if self.json {
            fields["event"] = event.into();
            fields["t"] = unix_ms().into();
            writeln!(stdout, "{fields}")
        } else {
            writeln!(stdout, "{line}")
        };
        // Whoever read the screen may be gone; calls go on.
        let _shown = written.and_then(|()| stdout.flush());
    }
}

/// What the screen calls the call: the company's label, else the order.
fn title(call: &CallSnapshot) -> String {
    match (&call.label, &call.order) {
        (Some(label), _) => label.expose().clone(),
        (None, Some(order)) => format!("Order {order}"),
        (None, None) => "Call".to_owned(),
    }
}

fn unix_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}
