//! Many pushes at a time to a service with bad days: each is answered, and what was taken is known.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorstep_push::provider::{Provider, Push, Verdict};
use doorstep_push_fakes::{Act, Scripted};
use tokio::task::JoinSet;

use super::stage::Stage;

/// Sends until the push is taken, as the queue would, without its waiting.
async fn deliver(provider: Arc<impl Provider>, push: Push) -> u32 {
    for attempt in 1..200 {
        match provider.send(&push).await {
            Verdict::Sent { .. } => return attempt,
            Verdict::Retry { .. } => tokio::task::yield_now().await,
            other @ (Verdict::DeviceGone { .. }
            | Verdict::Rejected { .. }
            | Verdict::Misconfigured { .. }) => {
                panic!("{other:?}")
            }
        }
    }
    panic!("never taken");
}

#[tokio::test]
async fn every_push_of_a_storm_is_taken_and_only_an_unheard_answer_doubles_one() {
    let stage = Stage::new().await;
    let providers = stage.providers();
    stage.apns.set_max_streams(40);
    stage.apns.script().rule(|number, _| match number % 50 {
        7 => Scripted::new(503, "ServiceUnavailable").into(),
        13 => Scripted::new(429, "TooManyRequests").into(),
        21 => Scripted::new(500, "InternalServerError").into(),
        29 => Act::Reset,
        _ if number % 101 == 55 => Act::Drop,
        _ if number % 211 == 99 => Act::AcceptAndDrop,
        _ if number % 307 == 200 => Act::GoAway,
        _ => Act::Judge,
    });
    let mut sends = JoinSet::new();
    let pushes: Vec<Push> = (0..1000).map(|_| stage.apple()).collect();
    for push in pushes.clone() {
        sends.spawn(deliver(Arc::clone(&providers), push));
    }
    while let Some(sent) = sends.join_next().await {
        sent.unwrap();
    }
    let mut taken: HashMap<String, u32> = HashMap::new();
    for push in stage.apns.log().delivered() {
        *taken.entry(push.headers["apns-id"].clone()).or_default() += 1;
    }
    assert_eq!(taken.len(), pushes.len());
    assert!(pushes.iter().all(|push| taken.contains_key(&push.id.to_string())));
}

/// Figures, not a promise: `cargo test --release -p doorstep-push --test providers -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn five_thousand_at_a_time() {
    let stage = Stage::new().await;
    for (name, delay, push) in [
        ("apns", Duration::ZERO, stage.apple()),
        ("apns, 50 ms away", Duration::from_millis(50), stage.apple()),
        ("fcm", Duration::ZERO, stage.google()),
        ("fcm, 50 ms away", Duration::from_millis(50), stage.google()),
    ] {
        let providers = stage.providers();
        assert!(matches!(providers.send(&push).await, Verdict::Sent { .. }));
        stage.apns.script().delay(delay);
        stage.fcm.script().delay(delay);
        let before = stage.apns.connections_opened() + stage.fcm.connections_opened();
        let begun = Instant::now();
        let mut sends = JoinSet::new();
        for _ in 0..5000 {
            let (providers, push) = (Arc::clone(&providers), push.clone());
            sends.spawn(async move { providers.send(&push).await });
        }
        while let Some(verdict) = sends.join_next().await {
            assert!(matches!(verdict.unwrap(), Verdict::Sent { .. }));
        }
        let took = begun.elapsed();
        let connections = stage.apns.connections_opened() + stage.fcm.connections_opened() - before;
        println!(
            "{name}: 5000 pushes in {:.2} s ({:.0}/s), {connections} further connections",
            took.as_secs_f64(),
            5000.0 / took.as_secs_f64()
        );
    }
}
