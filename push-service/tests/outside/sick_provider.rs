use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use doorstep_push_fakes::{Act, Scripted};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{PushBuilder, World, wake};

const WAKES: usize = 10_000;
/// Requests at once of the test's own.
const ASKING: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wakes_at_an_apple_that_is_sick_are_all_accounted_for() {
    let world = World::new().await;
    let push = Arc::new(PushBuilder::new(&world).start());
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    world.apns.script().rule(|number, _| match number % 12 {
        0 => Act::Drop,
        1 => Scripted::new(429, "TooManyRequests").retry_after(Duration::from_secs(1)).into(),
        2 => Scripted::new(500, "InternalServerError").into(),
        3 => Scripted::new(503, "ServiceUnavailable").retry_after(Duration::from_secs(1)).into(),
        4 => Act::After(Duration::from_millis(300), Box::new(Act::Judge)),
        5 if number % 48 == 5 => Act::GoAway,
        _ => Act::Judge,
    });
    let asking = Arc::new(Semaphore::new(ASKING));
    let mut wakes = JoinSet::new();
    for number in 0..WAKES {
        let (push, asking) = (Arc::clone(&push), Arc::clone(&asking));
        wakes.spawn(async move {
            let _permit = asking.acquire().await.unwrap();
            let body = wake(&format!("call-{number}"), "courier-17", Duration::from_secs(40));
            let (status, answer) = push.post("/v1/wakes", &body).await;
            assert_eq!(status, 202, "{answer}");
            body["expires_at"].as_u64().unwrap()
        });
    }
    let deadlines = wakes.join_all().await;
    assert_eq!(deadlines.len(), WAKES);
    let mut states: HashMap<String, usize> = HashMap::new();
    for number in 0..WAKES {
        let ended = push.ended(&format!("call-{number}")).await;
        *states.entry(ended["devices"][0]["state"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let sent = states.get("sent").copied().unwrap_or_default();
    let expired = states.get("expired").copied().unwrap_or_default();
    assert_eq!(sent + expired, WAKES, "{states:?}");
    let mut ids: HashMap<String, usize> = HashMap::new();
    for delivered in world.apns.log().delivered() {
        *ids.entry(delivered.headers["apns-id"].clone()).or_default() += 1;
    }
    assert!(ids.len() >= sent, "{} pushes reached the phone, {sent} were told to have been sent", ids.len());
    assert!(sent > WAKES / 2, "{states:?}");
}
