//! baresip as the customer's phone: a telephone of other people's, with real media.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::time::Duration;

use doorstep::{CallState, EndReason, Event};
use doorstep_demo::phones::{Baresip, Call as Do, installed};
use doorstep_demo::{Script, Sounds};

use tempfile::TempDir;

use support::{ORDER, PATIENCE, Scene, answered, courier_script, ended, until};

const G711: &str = "PCMA/8000/1,PCMU/8000/1";

/// A gateway, a courier, and a phone with these codecs; `None` where there is no baresip.
async fn set_up(codecs: &str) -> Option<(Scene, Baresip)> {
    if !installed(&["baresip"]) {
        return None;
    }
    let scene = Scene::set_up().await;
    let speech: PathBuf = scene.folder().join("customer-says.wav");
    // baresip hangs up where its file ends.
    customer_script().then_silent_for(Duration::from_secs(60)).write(&speech).unwrap();
    let phone = Baresip::start(&scene.stage, codecs, &speech, scene.folder()).await.unwrap();
    Some((scene, phone))
}

/// The courier has called, and the phone rings.
async fn the_phone_rings() -> Option<(Scene, Baresip, doorstep::Call)> {
    let (scene, mut phone) = set_up(G711).await?;
    let call = scene.client.contact_customer(ORDER).await.unwrap();
    phone.expect("CALL_INCOMING").await.unwrap();
    Some((scene, phone, call))
}

/// Puts both away; the folder with the recordings.
async fn put_away(scene: Scene, phone: Baresip) -> TempDir {
    phone.quit().await.unwrap();
    scene.end().await
}

/// What the customer says.
fn customer_script() -> Script {
    Sounds::find().unwrap().script(&["vm-intro"]).unwrap()
}

/// Waits for a key of the customer's.
async fn digit(scene: &mut Scene) -> char {
    let wait = async {
        loop {
            if let Event::DigitReceived { digit, .. } = scene.events.next().await.expect("a running client") {
                return digit;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("a key in time")
}

/// Both have said everything.
async fn everything_is_said() {
    let longest = courier_script().duration().max(customer_script().duration());
    tokio::time::sleep(longest + Duration::from_millis(700)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_understand_each_other_over_pcma() {
    both_understand_each_other("PCMA/8000/1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_understand_each_other_over_opus() {
    both_understand_each_other("opus/48000/2").await;
}

async fn both_understand_each_other(codecs: &str) {
    let Some((scene, mut phone)) = set_up(codecs).await else { return };
    let call = scene.client.contact_customer(ORDER).await.unwrap();
    let rings = phone.expect("CALL_INCOMING").await.unwrap();
    assert!(rings.peer.contains(&scene.stage.company), "the phone shows {}", rings.peer);
    assert!(!rings.peer.contains(&scene.stage.courier), "the phone shows {}", rings.peer);
    phone.act(Do::Accept).await.unwrap();
    answered(&call).await;
    everything_is_said().await;
    assert_eq!(call.end().map(|end| end.reason), None, "{}", phone.log());
    call.hang_up().await.unwrap();
    phone.expect("CALL_CLOSED").await.unwrap();
    let heard = phone.heard().unwrap();
    let customer = courier_script().heard_in(&heard).unwrap();
    let folder = put_away(scene, phone).await;
    let courier = customer_script().heard_in(&folder.path().join("courier-heard.wav")).unwrap();
    assert!(customer.intelligible && courier.intelligible, "customer {customer:?}, courier {courier:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_calls_back_presses_keys_holds_and_hangs_up() {
    let Some((mut scene, mut phone)) = set_up(G711).await else { return };
    phone.call_company().await.unwrap();
    let call = scene.incoming().await;
    phone.expect("CALL_RINGING").await.unwrap();
    call.answer().await.unwrap();
    phone.expect("CALL_ESTABLISHED").await.unwrap();
    answered(&call).await;
    for key in ['5', '#'] {
        phone.act(Do::Key(key)).await.unwrap();
        assert_eq!(digit(&mut scene).await, key);
    }
    let held = |on: bool| move |call: &doorstep::CallSnapshot| matches!(call.state, CallState::Active { held_remotely, .. } if held_remotely == on);
    phone.act(Do::Hold).await.unwrap();
    until(&call, "hold", held(true)).await;
    phone.act(Do::Resume).await.unwrap();
    until(&call, "the end of the hold", held(false)).await;
    phone.act(Do::HangUp).await.unwrap();
    assert_eq!(ended(&call).await, EndReason::HungUpThere);
    put_away(scene, phone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_couriers_keys_and_hold_reach_the_phone() {
    let Some((scene, mut phone, call)) = the_phone_rings().await else { return };
    phone.act(Do::Accept).await.unwrap();
    answered(&call).await;
    call.send_dtmf("7").await.unwrap();
    assert_eq!(phone.expect("CALL_DTMF_START").await.unwrap().param, "7");
    let held = |on: bool| move |call: &doorstep::CallSnapshot| matches!(call.state, CallState::Active { held_locally, .. } if held_locally == on);
    call.hold().await.unwrap();
    until(&call, "the hold", held(true)).await;
    call.resume().await.unwrap();
    until(&call, "the end of the hold", held(false)).await;
    call.hang_up().await.unwrap();
    phone.expect("CALL_CLOSED").await.unwrap();
    put_away(scene, phone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_declines_ends_the_couriers_ringing() {
    let Some((scene, mut phone, call)) = the_phone_rings().await else { return };
    phone.act(Do::HangUp).await.unwrap();
    // baresip says 486.
    assert_eq!(ended(&call).await, EndReason::Busy);
    put_away(scene, phone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_courier_who_gives_up_stops_the_phones_ringing() {
    let Some((scene, mut phone, call)) = the_phone_rings().await else { return };
    call.hang_up().await.unwrap();
    phone.expect("CALL_CLOSED").await.unwrap();
    assert_eq!(ended(&call).await, EndReason::HungUpHere);
    put_away(scene, phone).await;
}
