//! A server that is killed at any moment, again and again under load: what was accepted is sent, in time, and what is sent twice was on its way
//! when its server was killed. A push that is on its way cannot be told from one that has arrived, so that is as few as there can be
//! (docs/adr/0011); `queue.sends` says how many may be on their way.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use reqwest::Method;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::task::JoinSet;

use crate::support::{PushBuilder, World, wake};

const KILLS: usize = 50;
/// Who ask at once.
const ASKING: usize = 16;
/// Pushes that are answered before a kill where many are on their way: this many at least, and up to as many again.
const PUSHES: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_doubles_at_most_one_push_where_one_is_on_its_way_at_a_time() {
    survives_kills(1, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_doubles_only_what_was_on_its_way() {
    survives_kills(8, PUSHES).await;
}

/// With so many pushes on their way at once, and at least that many answered before a kill.
async fn survives_kills(sends: usize, pushes: u64) {
    let world = Arc::new(World::new().await);
    // Far enough away that a kill finds some on their way.
    world.apns.script().delay(Duration::from_millis(3));
    let mut builder = PushBuilder::new(&world);
    builder.line("queue", format!("sends = {sends}"));
    let mut accepted: Vec<String> = Vec::new();
    let mut deadlines: HashMap<String, u64> = HashMap::new();
    // The first connection of each life of the service.
    let mut lives: Vec<u64> = Vec::new();
    // By life: what the store did not know the end of when it was killed.
    let mut undecided: Vec<HashSet<String>> = Vec::new();
    for round in 0..KILLS {
        lives.push(world.apns.connections_opened());
        let push = builder.start();
        if round == 0 {
            push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
        }
        let reached = world.apns.log().answered() + pushes + (round as u64 * 17) % pushes;
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
        undecided.push(still_queued(&world.dir.path().join("push.db")).await);
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
        let life = lives.iter().filter(|first| **first <= delivered.connection).count() - 1;
        *times.entry((call, life)).or_default() += 1;
    }
    assert!(accepted.len() >= KILLS, "only {} were accepted", accepted.len());
    for call in &accepted {
        assert!(ids.contains_key(call), "{call} was accepted and never reached the phone");
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "a duplicate has another id");
    assert!(times.values().all(|times| *times == 1), "one life sent a push twice");
    let mut lives_of: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    for (call, life) in times.keys() {
        lives_of.entry(call).or_default().insert(*life);
    }
    let mut on_their_way = vec![0; KILLS];
    for (call, lives) in &lives_of {
        let last = lives.last().copied().unwrap();
        for life in lives.iter().copied().filter(|life| *life < KILLS) {
            let open = undecided[life].contains(*call);
            on_their_way[life] += usize::from(open);
            assert!(open || life == last, "{call} was sent again though its end was written down");
        }
    }
    assert!(on_their_way.iter().all(|count| *count <= sends), "more than {sends}: {on_their_way:?}");
    println!(
        "{} wakes accepted, {} pushes, {} of them doubles, in {KILLS} kills with {sends} on their way at once",
        accepted.len(),
        times.len(),
        times.len() - ids.len()
    );
}

/// The calls whose push has no end in the store of a server that is dead.
async fn still_queued(store: &Path) -> HashSet<String> {
    let options = SqliteConnectOptions::new().filename(store);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let calls = sqlx::query_scalar("SELECT call FROM deliveries WHERE state = 'queued'");
    let calls: Vec<String> = calls.fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    calls.into_iter().collect()
}
