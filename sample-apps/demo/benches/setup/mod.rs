//! The benchmark itself.

mod courier;
mod stage;

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::path::figures::{Times, Trips};
use crate::path::{Benchmark, Ends, number};

/// How long a person lets it ring before answering.
pub(crate) const RINGS: Duration = Duration::from_millis(1000);

pub(crate) struct Setup;

impl Benchmark for Setup {
    const NAME: &'static str = "setup";

    async fn stage() -> anyhow::Result<()> {
        stage::run().await
    }

    async fn courier() -> anyhow::Result<()> {
        courier::run().await
    }

    async fn measure(n: u32, ends: &mut Ends<'_>) -> anyhow::Result<Value> {
        let ready = ends.stage.expect("ready").await?;
        let port = u16::try_from(ready["port"].as_u64().context("no port")?)?;
        ends.courier.tell(&ready).await?;
        let rtt = number(&ends.courier.expect("rtt").await?, "ms")?;
        println!("round trip {rtt:.1} ms, {n} calls of each kind");
        let calls = Calls::make(n, port, ends).await?;
        calls.print();
        Ok(calls.json(rtt, n))
    }
}

/// What they showed.
#[derive(Default)]
struct Calls {
    warm: Ringing,
    cold: Ringing,
    /// Who answers is the other; in `own` the same person.
    courier_hears: Times,
    customer_hears: Times,
    courier_hears_own: Times,
    customer_hears_own: Times,
}

/// From the press to ringing.
#[derive(Default)]
struct Ringing {
    times: Times,
    trips: Trips,
}

impl Calls {
    /// One after the other.
    async fn make(n: u32, port: u16, ends: &mut Ends<'_>) -> anyhow::Result<Self> {
        let mut calls = Self::default();
        for _ in 0..n {
            ends.courier.tell(&json!({"do": "call"})).await?;
            calls.warm.note(port, ends).await?;
            let answered = number(&ends.stage.expect("answered").await?, "at")?;
            calls.courier_hears.note(number(&ends.courier.expect("heard").await?, "at")? - answered);
            calls.customer_hears_own.note(number(&ends.stage.expect("first_audio").await?, "at")? - answered);
            hang_up(ends).await?;
        }
        for _ in 0..n {
            ends.courier.tell(&json!({"do": "take"})).await?;
            ends.stage.tell(&json!({"do": "call"})).await?;
            let answered = number(&ends.courier.expect("answered").await?, "at")?;
            calls.customer_hears.note(number(&ends.stage.expect("first_audio").await?, "at")? - answered);
            calls.courier_hears_own.note(number(&ends.courier.expect("heard").await?, "at")? - answered);
            hang_up(ends).await?;
        }
        for _ in 0..n {
            ends.courier.tell(&json!({"do": "cold"})).await?;
            calls.cold.note(port, ends).await?;
            ends.courier.expect("over").await?;
            ends.stage.over().await?;
        }
        Ok(calls)
    }

    fn print(&self) {
        println!("pressed to ringing, connected:        {}, {}", self.warm.trips, self.warm.times);
        println!("pressed to ringing, not connected:    {}, {}", self.cold.trips, self.cold.times);
        println!("customer answers, courier hears:      {}", self.courier_hears);
        println!("courier answers, customer hears:      {}", self.customer_hears);
        println!("courier answers and hears:            {}", self.courier_hears_own);
        println!("customer answers and hears:           {}", self.customer_hears_own);
    }

    fn json(&self, rtt: f64, n: u32) -> Value {
        json!({
            "rtt_ms": rtt,
            "n": n,
            "warm": self.warm.json(),
            "cold": self.cold.json(),
            "answer_to_audio": {
                "courier_p50_ms": self.courier_hears.percentile(50),
                "courier_p95_ms": self.courier_hears.percentile(95),
                "customer_p50_ms": self.customer_hears.percentile(50),
                "customer_p95_ms": self.customer_hears.percentile(95),
            },
            "answer_to_own_ear": {
                "courier_p50_ms": self.courier_hears_own.percentile(50),
                "customer_p50_ms": self.customer_hears_own.percentile(50),
            },
        })
    }
}

impl Ringing {
    /// Of the app that says when it was pressed and when it rang; the path says how many round trips lay between.
    async fn note(&mut self, port: u16, ends: &mut Ends<'_>) -> anyhow::Result<()> {
        let ringing = ends.courier.expect("ringing").await?;
        let (pressed, rang) = (number(&ringing, "pressed")?, number(&ringing, "at")?);
        self.times.note(rang - pressed);
        self.trips.note(ends.path, port, pressed, rang)
    }

    fn json(&self) -> Value {
        json!({
            "round_trips": self.trips.median(),
            "round_trips_max": self.trips.most(),
            "p50_ms": self.times.percentile(50),
            "p95_ms": self.times.percentile(95),
        })
    }
}

async fn hang_up(ends: &mut Ends<'_>) -> anyhow::Result<()> {
    ends.courier.tell(&json!({"do": "hang_up"})).await?;
    ends.courier.expect("over").await?;
    ends.stage.over().await
}
