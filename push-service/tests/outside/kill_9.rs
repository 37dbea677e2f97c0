use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use reqwest::Method;
use tokio::task::JoinSet;

use crate::support::{PushBuilder, World, wake};

const KILLS: usize = 50;
/// Who ask at once.
const ASKING: usize = 16;
/// Pushes that are answered before a kill: this many at least, and up to as many again.
const PUSHES: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_and_double_no_push_more_than_once() {
    let world = Arc::new(World::new().await);
    // Far enough away that a kill finds some on their way.
    world.apns.script().delay(Duration::from_millis(3));
    let builder = PushBuilder::new(&world);
    let mut accepted: Vec<String> = Vec::new();
    let mut deadlines: HashMap<String, u64> = HashMap::new();
    // The first connection of each life of the service.
    let mut lives: Vec<u64> = Vec::new();
    for round in 0..KILLS {
        lives.push(world.apns.connections_opened());
        let push = builder.start();
        if round == 0 {
            push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
        }
        let reached = world.apns.log().answered() + PUSHES + (round as u64 * 17) % PUSHES;
        let push = Arc::new(push);
        let stop = Arc::new(AtomicBool::new(false));
        let mut askers = JoinSet::new();
        for asker in 0..ASKING {
            let (push, stop) = (Arc::clone(&push), Arc::clone(&stop));
            askers.spawn(async move {
                let mut own = Vec::new();
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let call = format!("{round}-{asker}-{number}");
                    let body = wake(&call, "courier-17", Duration::from_secs(300));
                    let deadline = body["expires_at"].as_u64().unwrap();
                    match push.attempt(Method::POST, "/v1/wakes", Some(&body)).await {
                        Ok((202, _)) => own.push((call, deadline, true)),
                        // The answer was lost in the kill, or it was full: it may have been accepted or not.
                        Ok(_) | Err(_) => own.push((call, deadline, false)),
                    }
                    number += 1;
                }
                own
            });
        }
        let waited = tokio::time::timeout(crate::support::HANG, world.apns.log().wait_for_answered(reached));
        waited.await.expect("the pushes do not come");
        push.signal("KILL");
        stop.store(true, Ordering::Relaxed);
        for (call, deadline, known) in askers.join_all().await.into_iter().flatten() {
            deadlines.insert(call.clone(), deadline);
            if known {
                accepted.push(call);
            }
        }
        Arc::try_unwrap(push).unwrap_or_else(|_| panic!("an asker is left")).gone().await;
    }
    lives.push(world.apns.connections_opened());
    let push = builder.start();
    for call in &accepted {
        let ended = push.ended(call).await;
        assert_eq!(ended["devices"][0]["state"], "sent", "{ended}");
    }
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    let mut times: HashMap<(String, usize), usize> = HashMap::new();
    for delivered in world.apns.log().delivered() {
        let call = delivered.payload()["call"].as_str().unwrap().to_owned();
        let at = u64::try_from(delivered.at.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        assert!(at < deadlines[&call], "{call} was sent too late");
        ids.entry(call.clone()).or_default().insert(delivered.headers["apns-id"].clone());
        let life = lives.iter().filter(|first| **first <= delivered.connection).count();
        *times.entry((call, life)).or_default() += 1;
    }
    assert!(accepted.len() >= KILLS, "only {} were accepted", accepted.len());
    for call in &accepted {
        assert!(ids.contains_key(call), "{call} was accepted and never reached the phone");
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "a duplicate has another id");
    // Whatever a kill left undecided is sent once more by the next life, and never twice by one.
    assert!(times.values().all(|times| *times == 1), "one life sent a push twice");
    let doubles = times.len() - ids.len();
    println!(
        "{} wakes accepted, {} pushes, {doubles} of them doubles, in {KILLS} kills",
        accepted.len(),
        times.len()
    );
}
