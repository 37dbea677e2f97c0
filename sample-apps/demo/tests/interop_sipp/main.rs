//! SIPp as the customer's phone: each scenario is played to the letter, and SIPp complains of anything that it does not
//! foresee.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorstep::{CallState, EndReason};
use doorstep_demo::phones::{Direction, Scenario, Sipp, installed};

use support::{ORDER, Scene, answered, courier_script, ended, until};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop_sipp/scenarios")
        .join(name)
        .with_extension("xml")
}

struct Phone<'a> {
    scenario: &'a str,
    direction: Direction,
    codecs: &'a str,
    status: &'a str,
}

impl Phone<'_> {
    const fn called(scenario: &str) -> Phone<'_> {
        Phone { scenario, direction: Direction::Called, codecs: "8 101", status: "" }
    }

    const fn calls(scenario: &str) -> Phone<'_> {
        Phone { scenario, direction: Direction::Calls, codecs: "0 8 101", status: "" }
    }

    fn start(&self, scene: &Scene) -> Sipp {
        let (file, echo) = (file(self.scenario), true);
        let Self { direction, codecs, status, .. } = *self;
        let scenario = Scenario { file: &file, direction, codecs, status, echo };
        Sipp::start(&scene.stage, &scenario, scene.folder()).unwrap()
    }
}

fn is_active(state: CallState, on_hold: bool) -> bool {
    matches!(state, CallState::Active { held_remotely, .. } if held_remotely == on_hold)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_knows_only_pcma_answers_and_sends_back_what_it_hears() {
    if !installed(&["sipp"]) {
        return;
    }
    let scene = Scene::set_up().await;
    let phone = Phone::called("answers").start(&scene);
    let call = scene.client.contact_customer(ORDER).await.unwrap();
    answered(&call).await;
    // The speech takes its time, and so does its echo.
    tokio::time::sleep(courier_script().duration() + Duration::from_millis(700)).await;
    call.hang_up().await.unwrap();
    phone.end().await.unwrap();
    let folder = scene.end().await;
    let heard = courier_script().heard_in(&folder.path().join("courier-heard.wav")).unwrap();
    assert!(heard.intelligible, "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_phone_reach_the_courier_as_reasons() {
    if !installed(&["sipp"]) {
        return;
    }
    for (status, expected) in [
        ("486 Busy Here", EndReason::Busy),
        ("600 Busy Everywhere", EndReason::Busy),
        ("603 Decline", EndReason::CustomerUnreachable),
        ("404 Not Found", EndReason::CustomerUnreachable),
        ("480 Temporarily Unavailable", EndReason::CustomerUnreachable),
        ("503 Service Unavailable", EndReason::TrunkDown),
    ] {
        let scene = Scene::set_up().await;
        let phone = Phone { status, ..Phone::called("refuses") }.start(&scene);
        let call = scene.client.contact_customer(ORDER).await.unwrap();
        assert_eq!(ended(&call).await, expected, "{status}");
        phone.end().await.unwrap();
        scene.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_courier_who_gives_up_cancels_the_ringing() {
    if !installed(&["sipp"]) {
        return;
    }
    let scene = Scene::set_up().await;
    let phone = Phone::called("rings_until_cancelled").start(&scene);
    let call = scene.client.contact_customer(ORDER).await.unwrap();
    until(&call, "ringing", |call| call.state == CallState::Ringing).await;
    call.hang_up().await.unwrap();
    assert_eq!(ended(&call).await, EndReason::HungUpHere);
    phone.end().await.unwrap();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_nobody_answers_stops_ringing_in_the_end() {
    if !installed(&["sipp"]) {
        return;
    }
    let scene = Scene::with(&[("limits.ring_s", "5")]).await;
    let phone = Phone::called("rings_until_cancelled").start(&scene);
    let call = scene.client.contact_customer(ORDER).await.unwrap();
    assert_eq!(ended(&call).await, EndReason::CustomerUnreachable);
    phone.end().await.unwrap();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phones_hold_and_resume_are_seen_by_the_courier() {
    if !installed(&["sipp"]) {
        return;
    }
    let scene = Scene::set_up().await;
    let phone = Phone::called("holds_and_resumes").start(&scene);
    let call = scene.client.contact_customer(ORDER).await.unwrap();
    answered(&call).await;
    until(&call, "hold", |call| is_active(call.state, true)).await;
    until(&call, "the end of the hold", |call| is_active(call.state, false)).await;
    call.hang_up().await.unwrap();
    phone.end().await.unwrap();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_calls_back_and_hangs_up() {
    the_phone_calls("calls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_calls_without_an_offer() {
    the_phone_calls("calls_without_an_offer").await;
}

async fn the_phone_calls(scenario: &str) {
    if !installed(&["sipp"]) {
        return;
    }
    let mut scene = Scene::set_up().await;
    let phone = Phone::calls(scenario).start(&scene);
    let call = scene.incoming().await;
    assert_eq!(call.snapshot().order.map(|order| order.to_string()).as_deref(), Some(ORDER));
    call.answer().await.unwrap();
    answered(&call).await;
    assert_eq!(ended(&call).await, EndReason::HungUpThere);
    phone.end().await.unwrap();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_gives_up_stops_the_courier_from_ringing() {
    if !installed(&["sipp"]) {
        return;
    }
    let mut scene = Scene::set_up().await;
    let phone = Phone::calls("calls_and_gives_up").start(&scene);
    let call = scene.incoming().await;
    assert_eq!(ended(&call).await, EndReason::Cancelled);
    phone.end().await.unwrap();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_offers_nothing_known_gets_488_and_nobody_is_rung() {
    if !installed(&["sipp"]) {
        return;
    }
    let scene = Scene::set_up().await;
    Phone::calls("calls_with_unknown_codecs").start(&scene).end().await.unwrap();
    assert!(scene.client.calls().is_empty());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_courier_who_declines_lets_the_phone_know() {
    if !installed(&["sipp"]) {
        return;
    }
    let mut scene = Scene::set_up().await;
    let phone = Phone { status: "480", ..Phone::calls("calls_in_vain") }.start(&scene);
    let call = scene.incoming().await;
    call.reject().await.unwrap();
    assert_eq!(ended(&call).await, EndReason::DeclinedHere);
    phone.end().await.unwrap();
    scene.end().await;
}
