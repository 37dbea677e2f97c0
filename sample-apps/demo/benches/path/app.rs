//! What any courier's app on the slow path needs to know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use doorstep::{Config, Credentials, StaticToken};
use serde_json::Value;
use tokio::net::TcpStream;

/// How often the round trip is measured.
const PROBES: usize = 11;

/// Of an app that has been told the stage's `edge`, `token` and `pin`.
pub(crate) fn config(ready: &Value) -> anyhow::Result<Config> {
    let text = |field: &str| ready[field].as_str().with_context(|| format!("not told the {field}"));
    let token = Credentials::Token(Arc::new(StaticToken::new(text("token")?)));
    let mut config = Config::new(text("edge")?.parse()?, token);
    config.transport.tls.pins = vec![text("pin")?.parse()?];
    config.transport.tls.pins_suffice = true;
    Ok(config)
}

/// The median time that a TCP connection takes to be there, in milliseconds.
pub(crate) async fn round_trip(ready: &Value) -> anyhow::Result<f64> {
    let edge = ready["edge"].as_str().context("not told the edge")?;
    let address = edge.trim_start_matches("wss://").split('/').next().unwrap_or_default();
    let mut times = Vec::new();
    for _ in 0..PROBES {
        let started = Instant::now();
        TcpStream::connect(address).await?;
        times.push(started.elapsed());
    }
    times.sort();
    let median: Duration = times.get(PROBES / 2).copied().unwrap_or_default();
    Ok((median.as_secs_f64() * 10_000.0).round() / 10.0)
}
