//! Reads the numbers off what the programs told.

use super::Act;
use crate::program::{Event, Role};
use crate::summary::{ActSummary, WakeSummary};

/// All but what was heard.
pub(super) fn summarise(act: Act, events: &[Event]) -> ActSummary {
    let at = |who: Role, name: &str| first(events, who, name);
    let (caller, called) = act.sides();
    let pressed = at(Role::Courier, "press").or_else(|| at(Role::Customer, "calling"));
    let answered = at(called, "answered");
    let heard_after = |who, answered: Option<f64>| Some((at(who, "first_audio")? - answered?).max(0.0));
    let both = || Some(heard_after(caller, answered)?.max(heard_after(called, answered)?));
    let answer_to_audio = match act {
        // The caller hears the message first; when the contact centre hears something, the customer's patience says.
        Act::CourierUnreachable => heard_after(caller, at(caller, "answered")),
        Act::CourierCallsCustomer
        | Act::CustomerCallsBack
        | Act::ClosedAppCallbackApns
        | Act::ClosedAppCallbackFcm => both(),
    };
    let screen = |who| {
        // A phone shows what was dialled.
        let on_screen = |event: &'_ Event| {
            let shown = event.text("screen").or_else(|| event.text("number"));
            shown.map(str::to_owned)
        };
        events.iter().rev().filter(|event| event.who == who).find_map(on_screen)
    };
    ActSummary {
        connected: at(caller, "answered").is_some() && answered.is_some(),
        press_to_ringing_ms: between(pressed, at(caller, "ringing")),
        answer_to_audio_ms: answer_to_audio.map(tenths),
        courier_screen: screen(Role::Courier),
        customer_screen: screen(Role::Customer),
        wake: wake(events).filter(|_| act.is_woken()),
        ..ActSummary::new(act)
    }
}

/// Of an act in which a push was sent.
fn wake(events: &[Event]) -> Option<WakeSummary> {
    let at = |who: Role, name: &str| first(events, who, name);
    let pushed = at(Role::Provider, "push")?;
    let accepted = at(Role::Push, "wake_accepted");
    Some(WakeSummary {
        invite_to_wake_ms: between(at(Role::Customer, "calling"), accepted),
        wake_to_push_ms: between(accepted, Some(pushed)),
        push_to_ringing_ms: between(Some(pushed), at(Role::Courier, "incoming")),
        push_to_connected_ms: between(Some(pushed), at(Role::Courier, "connected")),
        push_to_invite_ms: between(Some(pushed), at(Role::Courier, "invite")),
    })
}

fn first(events: &[Event], who: Role, name: &str) -> Option<f64> {
    events.iter().find(|event| event.who == who && event.name == name).map(|event| event.t)
}

fn between(from: Option<f64>, to: Option<f64>) -> Option<f64> {
    Some(tenths(to? - from?))
}

fn tenths(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

pub(super) fn hundredths(score: f64) -> f64 {
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
        assert_eq!(summary.wake, None);
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

    #[test]
    fn the_way_of_a_wake_is_read_off_its_events() {
        use Role::{Courier, Customer, Provider, Push};
        let summary = summarise(
            Act::ClosedAppCallbackApns,
            &[
                event(Customer, 1000.0, "calling", None),
                event(Push, 1004.0, "wake_accepted", None),
                event(Provider, 1010.0, "push", None),
                event(Courier, 1050.0, "incoming", None),
                event(Courier, 1070.0, "connected", None),
                event(Courier, 1075.5, "invite", None),
            ],
        );
        let wake = summary.wake.unwrap();
        assert_eq!((wake.invite_to_wake_ms, wake.wake_to_push_ms), (Some(4.0), Some(6.0)));
        assert_eq!((wake.push_to_ringing_ms, wake.push_to_invite_ms), (Some(40.0), Some(65.5)));
        assert_eq!(wake.push_to_connected_ms, Some(60.0));
    }
}
