//! A Postgres that goes away for a while under a running push service: wakes get 503 and none is lost that was taken; when it is back, so
//! is the service, by itself.

use std::collections::HashSet;
use std::time::Duration;

use doorstep_push_fakes::{Act, Scripted};
use reqwest::Method;
use tokio::sync::mpsc;

use crate::support::postgres::Postgres;
use crate::support::{HANG, PushBuilder, World, wake};

const LIFE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_before_an_outage_is_sent_after_it_and_nothing_else_is() {
    let Some(postgres) = Postgres::start() else { return };
    let world = World::new().await;
    let mut builder = PushBuilder::new(&world);
    let push = builder.postgres(&postgres.url()).start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    let (came, mut coming) = mpsc::unbounded_channel();
    world.apns.script().rule(move |_, _| {
        came.send(()).unwrap();
        Act::Judge
    });
    push.post("/v1/wakes", &wake("before", "courier-17", LIFE)).await;
    assert_eq!(push.ended("before").await["devices"][0]["state"], "sent");
    coming.recv().await.unwrap();

    // One is put off by Apple beyond the outage's begin, one is on its way to it.
    let busy = Scripted::new(503, "ServiceUnavailable").retry_after(Duration::from_secs(1));
    world.apns.script().next(1, busy);
    assert_eq!(push.post("/v1/wakes", &wake("put-off", "courier-17", LIFE)).await.0, 202);
    world.apns.log().wait_for_answered(2).await;
    world.apns.script().hold();
    assert_eq!(push.post("/v1/wakes", &wake("on-its-way", "courier-17", LIFE)).await.0, 202);
    tokio::time::timeout(HANG, coming.recv()).await.expect("the push comes").unwrap();
    postgres.stop();
    world.apns.script().release();

    let (status, problem) = push.post("/v1/wakes", &wake("during", "courier-17", LIFE)).await;
    assert_eq!((status, &problem["type"]), (503, &"urn:doorstep:problem:unavailable".into()));
    let readiness = push.readiness(503).await;
    assert_eq!(readiness["store"], "down", "{readiness}");
    assert_eq!(push.get("/healthz").await.0, 200);
    let read = push.attempt(Method::GET, "/v1/wakes/before", None).await.unwrap();
    assert_eq!(read.0, 503, "{}", read.1);

    assert!(postgres.begin(), "no start");
    push.readiness(200).await;
    for call in ["put-off", "on-its-way"] {
        assert_eq!(push.ended(call).await["devices"][0]["state"], "sent", "{call}");
    }
    assert_eq!(push.post("/v1/wakes", &wake("after", "courier-17", LIFE)).await.0, 202);
    assert_eq!(push.ended("after").await["devices"][0]["state"], "sent");
    assert_eq!(push.get("/v1/wakes/during").await.0, 404);

    let delivered = world.apns.log().delivered();
    let of = |call: &str| delivered.iter().filter(|push| push.payload()["call"] == call).collect::<Vec<_>>();
    for call in ["before", "put-off", "after"] {
        assert_eq!(of(call).len(), 1, "{call}");
    }
    assert!(of("during").is_empty(), "refused is not sent");
    // Apple had taken it when nothing could be written down: that is what a kill would have left, too.
    let ids: HashSet<_> = of("on-its-way").iter().map(|push| push.headers["apns-id"].clone()).collect();
    assert!((1..=2).contains(&of("on-its-way").len()) && ids.len() == 1, "{ids:?}");
}
