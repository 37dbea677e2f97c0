//! Clients come and go, and leave no task, socket or thread. Alone in its program, since it counts what the process holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[allow(dead_code, unreachable_pub, reason = "shared with the other tests, which use more of it")]
#[path = "it/support/mod.rs"]
mod support;

use std::fs;

use doorstep::Client;
use support::gateway::{Gateway, Order};
use support::within;
use tokio::runtime::Handle;

const ROUNDS: usize = 200;
const WARM_UP: usize = 8;

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
    let mut before = held();
    for number in 0..ROUNDS {
        if number == WARM_UP {
            before = settled(None).await;
        }
        round(&gateway, number).await;
    }
    settled(Some(before)).await;
}

/// What is held once all that was begun has come to its end: no more than `limit`.
async fn settled(limit: Option<Held>) -> Held {
    let fewer = |now: Held| match limit {
        Some(limit) => now.tasks <= limit.tasks && now.files <= limit.files && now.threads <= limit.threads,
        None => now.threads == 0,
    };
    for _ in 0..3_000 {
        if fewer(held()) {
            return held();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{:?} is left of {limit:?}", held());
}
