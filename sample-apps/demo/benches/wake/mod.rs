//! The benchmark itself.

mod courier;
mod stage;

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::path::figures::{Times, Trips};
use crate::path::{Benchmark, Ends, number};

/// Between two calls, so that the gateway sees that the app is closed again.
const BETWEEN: Duration = Duration::from_millis(500);

pub(crate) struct Wake;

impl Benchmark for Wake {
    const NAME: &'static str = "wake";

    async fn stage() -> anyhow::Result<()> {
        stage::run().await
    }

    async fn courier() -> anyhow::Result<()> {
        courier::run().await
    }

    async fn measure(n: u32, ends: &mut Ends<'_>) -> anyhow::Result<Value> {
        let there = ends.path.left();
        ends.stage.tell(&json!({"namespace": there.name(), "address": there.address()})).await?;
        let ready = ends.stage.expect("ready").await?;
        let port = u16::try_from(ready["port"].as_u64().context("no port")?)?;
        ends.courier.tell(&ready).await?;
        let rtt = number(&ends.courier.expect("rtt").await?, "ms")?;
        ends.courier.expect("installed").await?;
        ends.stage.tell(&json!({"do": "wait_for_device"})).await?;
        ends.stage.expect("device_known").await?;

        println!("round trip {rtt:.1} ms, {n} calls");
        let mut calls = Calls::default();
        for _ in 0..n {
            tokio::time::sleep(BETWEEN).await;
            calls.make(port, ends).await?;
        }
        calls.print();
        Ok(calls.json(rtt, n))
    }
}

/// What they showed.
#[derive(Default)]
struct Calls {
    invite_to_push: Times,
    push_to_invite: Times,
    trips: Trips,
    invite_to_screen: Times,
    invite_to_ringing: Times,
}

impl Calls {
    async fn make(&mut self, port: u16, ends: &mut Ends<'_>) -> anyhow::Result<()> {
        ends.stage.tell(&json!({"do": "call"})).await?;
        let called = number(&ends.stage.expect("calling").await?, "at")?;
        let push = ends.stage.expect("push").await?;
        ends.courier.tell(&json!({"do": "wake", "payload": push["payload"]})).await?;
        let rings = ends.courier.expect("rings").await?;
        let [pushed, shown, invited] =
            [number(&rings, "pushed")?, number(&rings, "shown")?, number(&rings, "invited")?];
        self.invite_to_push.note(number(&push, "at")? - called);
        self.push_to_invite.note(invited - pushed);
        self.trips.note(ends.path, port, pushed, invited)?;
        self.invite_to_screen.note(shown - called);
        self.invite_to_ringing.note(invited - called);
        ends.stage.tell(&json!({"do": "give_up"})).await?;
        ends.stage.over().await?;
        ends.courier.expect("over").await?;
        Ok(())
    }

    fn print(&self) {
        println!("customer's INVITE to push at provider:  {}", self.invite_to_push);
        println!("push in the app to INVITE in the app:   {}, {}", self.trips, self.push_to_invite);
        println!("customer's INVITE to the app's screen:  {}", self.invite_to_screen);
        println!("customer's INVITE to INVITE in the app: {}", self.invite_to_ringing);
    }

    fn json(&self, rtt: f64, n: u32) -> Value {
        json!({
            "rtt_ms": rtt,
            "n": n,
            "push_to_invite_round_trips": self.trips.median(),
            "push_to_invite_round_trips_max": self.trips.most(),
            "push_to_invite_ms_p50": self.push_to_invite.percentile(50),
            "invite_to_push_ms_p50": self.invite_to_push.percentile(50),
            "invite_to_screen_ms_p50": self.invite_to_screen.percentile(50),
            "invite_to_ringing_ms_p50": self.invite_to_ringing.percentile(50),
            "invite_to_ringing_ms_p95": self.invite_to_ringing.percentile(95),
        })
    }
}
