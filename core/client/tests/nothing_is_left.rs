//! Clients come and go, and leave no task, socket or thread. Alone in its program, since it counts what the process holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[allow(dead_code, unreachable_pub, reason = "shared with the other tests, which use more of it")]
#[path = "it/support/mod.rs"]
mod support;

use std::{fs, time::Duration};

use doorstep::Client;
use support::gateway::{Gateway, Order};
use support::within;
use tokio::runtime::Handle;

const ROUNDS: usize = 200;
const WARM_UP: usize = 8;
/// How long what a round has begun may take to end on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    tasks: usize,
    files: usize,
    threads: usize,
}

fn held() -> Held {
    let tasks = Handle::current().metrics().num_alive_tasks();
    let files = fs::read_dir("/proc/self/fd").unwrap().count();
    let named = |name: &str| name.starts_with("doorstep");
    let threads = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok())
        .filter(|name| named(name))
        .count();
    Held { tasks, files, threads }
}

/// One client's life; each round ends it at another point.
async fn round(gateway: &Gateway, number: usize) {
    let mut config = gateway.config();
    config.register = number.is_multiple_of(2);
    let client = Client::connect(config).await.unwrap();
    let events = client.events();
    if number.is_multiple_of(4) {
        // Dropped while it connects.
        return;
    }
    let call = client.contact_customer("4711").await.unwrap();
    if number % 4 == 1 {
        drop((client, events));
        within(call.ended()).await;
        return;
    }
    within(call.state().wait_for(|call| call.media_connected)).await.unwrap();
    if number % 4 == 2 {
        gateway.order(Order::Answer).await;
        within(call.answered()).await.unwrap();
    }
    within(client.shutdown()).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_leave_nothing_behind() {
    let gateway = Gateway::start().await;
    let mut most = Held { files: usize::MAX, ..held() };
    for number in 0..ROUNDS {
        round(&gateway, number).await;
        let left = settled(number, most).await;
        // What the process opens once and keeps is no client's.
        if number + 1 == WARM_UP {
            most.files = left.files;
        }
    }
}

/// What is held once all that a round has begun has come to its end: no more than `most`.
async fn settled(number: usize, most: Held) -> Held {
    let fits = |now: Held| now.tasks <= most.tasks && now.files <= most.files && now.threads <= most.threads;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    // Nobody tells when a task that belongs to nobody has ended: one has to look.
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let now = held();
        if fits(now) {
            return now;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "round {number} leaves {now:?}, and {most:?} was there before it"
        );
    }
}
