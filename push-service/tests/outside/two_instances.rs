use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::postgres::Postgres;
use crate::support::{PushBuilder, World, wake};

const LIFE: Duration = Duration::from_secs(120);

fn builder(world: &World, postgres: &Postgres) -> PushBuilder {
    let mut builder = PushBuilder::new(world);
    builder.postgres(&postgres.url());
    builder
}

fn times(world: &World) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for delivered in world.apns.log().delivered() {
        *times.entry(delivered.payload()["call"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn two_on_one_postgres_send_each_wake_once() {
    let Some(postgres) = Postgres::start() else { return };
    let world = World::new().await;
    let builder = builder(&world, &postgres);
    let instances = [Arc::new(builder.start()), Arc::new(builder.start())];
    instances[0].put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    let mut asked = JoinSet::new();
    let asking = Arc::new(Semaphore::new(64));
    let expires_at = crate::support::now_ms() + 120_000;
    for number in 0..2000 {
        // Every fifth is asked of both at once.
        let both = number % 5 == 0;
        for (index, push) in instances.iter().enumerate() {
            if both || number % 2 == index {
                let push = Arc::clone(push);
                let body = serde_json::json!({
                    "call": format!("call-{number}"), "user": "courier-17", "expires_at": expires_at,
                });
                let asking = Arc::clone(&asking);
                asked.spawn(async move {
                    let _permit = asking.acquire().await.unwrap();
                    push.post("/v1/wakes", &body).await.0
                });
            }
        }
    }
    let statuses = asked.join_all().await;
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    for number in 0..2000 {
        let other = &instances[number % 2];
        assert_eq!(other.ended(&format!("call-{number}")).await["devices"][0]["state"], "sent");
    }
    let times = times(&world);
    assert_eq!(times.len(), 2000);
    assert!(times.values().all(|times| *times == 1), "one was sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_instance_had_in_hand_the_other_sends() {
    let Some(postgres) = Postgres::start() else { return };
    let world = World::new().await;
    let builder = builder(&world, &postgres);
    let mut first = builder.start();
    let second = builder.start();
    first.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    for (round, dies) in [true, false].into_iter().enumerate() {
        world.apns.script().hold();
        for number in 0..50 {
            let body = wake(&format!("call-{round}-{number}"), "courier-17", LIFE);
            assert_eq!(first.attempt(Method::POST, "/v1/wakes", Some(&body)).await.unwrap().0, 202);
        }
        if dies {
            first.kill_9().await;
        } else {
            // It drains, finds that it cannot in time, and leaves them.
            first.signal("TERM");
            tokio::time::timeout(crate::support::HANG, first.gone()).await.unwrap();
        }
        world.apns.script().release();
        for number in 0..50 {
            let ended = second.ended(&format!("call-{round}-{number}")).await;
            assert_eq!(ended["devices"][0]["state"], "sent", "{ended}");
        }
        first = builder.start();
    }
    let times = times(&world);
    assert_eq!(times.len(), 100);
    assert!(
        times.values().all(|times| *times <= 2),
        "one was sent more than once besides the kill's duplicate"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn either_of_two_may_take_a_wake_that_the_other_calls_off() {
    let Some(postgres) = Postgres::start() else { return };
    let world = World::new().await;
    let builder = builder(&world, &postgres);
    let (first, second) = (builder.start(), builder.start());
    first.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    let busy =
        doorstep_push_fakes::Scripted::new(503, "ServiceUnavailable").retry_after(Duration::from_secs(2));
    world.apns.script().next(1, busy);
    first.post("/v1/wakes", &wake("call-1", "courier-17", LIFE)).await;
    world.apns.log().wait_for_answered(1).await;
    assert_eq!(second.delete("/v1/wakes/call-1").await.0, 204);
    let ended = first.ended("call-1").await;
    assert_eq!(ended["devices"][0]["state"], "cancelled", "{ended}");
    // A wake after it shows that the first has come past the time of the one called off.
    first.post("/v1/wakes", &wake("call-2", "courier-17", LIFE)).await;
    first.ended("call-2").await;
    let (_, metrics) = first.get("/metrics").await;
    assert!(metrics.as_str().unwrap().contains("doorstep_push_pending"));
    assert!(!times(&world).contains_key("call-1"));
}
