//! Many masked calls at once through the gateway's own program: `cargo xtask bench gateway [--json] [-- --calls N]`.
//!
//! Couriers sign in over WebSockets and speak Opus over WebRTC, each by a connection of its own; the customers' phones
//! speak PCMU over plain RTP behind one carrier address. Both are phones of `customer-phone` in this process, whose owners
//! are a [`Chorus`]: voice that was coded once, so that the load costs less than what is measured. Everything is on
//! loopback and without TLS on the WebSocket.
//!
//! CPU and memory are those of the gateway's process alone (`/proc`, so Linux only). Loss is counted from end to end: all
//! are silent, then sing for a while, then are silent again until nothing arrives any more, and every packet that was
//! sung must have been heard on the other side. Set-up is from the INVITE that leaves a courier's phone to the 180 that it
//! gets, for further calls at an even pace while all the others go on.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Parser;
use customer_phone::{
    CallId, Chorus, ChorusFigures, EndReason, OnCall, Phone, PhoneConfig, PhoneEvent, PhoneEventKind,
    PhoneEvents, SignIn, Transport,
};
use doorstep_demo::{Cast, Stage, StageOptions, Story};
use doorstep_media::sdp::Codec;
use doorstep_sip::Sensitive;
use doorstep_sip::msg::Host;
use doorstep_testkit::speech::{Lcg, synthetic_speech};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

/// How long a single step may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two calls while they come up.
const RAMP: Duration = Duration::from_millis(100);
/// Between two of the further calls.
const PACE: Duration = Duration::from_millis(200);
/// Couriers who make the further calls in turn.
const SPARE: usize = 8;
/// No packet for so long: none is under way any more.
const QUIET: Duration = Duration::from_millis(500);
/// Clock ticks of `/proc/PID/stat`, which Linux gives to programs as hundredths of a second on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// Joins many calls and measures what they cost the gateway.
#[derive(Parser)]
struct Args {
    /// How many calls at once.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// How long they are measured, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Further calls, for the set-up times.
    #[arg(long, default_value_t = 200)]
    set_ups: usize,
    /// The last line is one JSON object.
    #[arg(long)]
    json: bool,
    /// Cargo's own.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if args.calls == 0 || args.seconds == 0 || args.set_ups == 0 {
        bail!("nothing to measure");
    }
    let folder = tempfile::tempdir().context("no room for temporary files")?;
    let cast = Cast::new(folder.path())?;
    let measured = measure(&args, &cast).await;
    cast.end().await;
    let figures = measured?;
    figures.tell(&args)?;
    Ok(ExitCode::SUCCESS)
}

struct Figures {
    /// Share of a core that the gateway took for all calls, in percent; and this process.
    cpu: f64,
    load_cpu: f64,
    rss_mb: f64,
    /// Sent and heard: couriers to customers, and back.
    ways: [(u64, u64); 2],
    /// In order.
    set_ups: Vec<Duration>,
}

async fn measure(args: &Args, cast: &Cast) -> anyhow::Result<Figures> {
    let options = StageOptions {
        log_level: "info".to_owned(),
        plain_edge: true,
        config: vec![("limits.calls".to_owned(), (args.calls + SPARE).to_string())],
        ..StageOptions::default()
    };
    let mut stage = Stage::set_up(cast, &mut Story::default(), &options).await?;
    let gateway = stage.gateway.pid().context("the gateway is gone")?;
    let (couriers_sing, customers_sing) =
        (Arc::new(Chorus::new(&song(1))?), Arc::new(Chorus::new(&song(2))?));
    let both = [&couriers_sing, &customers_sing];

    let (customers, mut events) = Phone::start(PhoneConfig {
        bind: stage.phone,
        codecs: vec![Codec::Pcmu],
        on_call: OnCall::Answer { after: Duration::ZERO },
        chorus: Some(customers_sing.clone()),
        ..PhoneConfig::new(&stage.customer, stage.trunk)
    })
    .await?;
    // They do as they are configured; but a phone whose events nobody reads stops.
    let reader = tokio::spawn(async move { while events.next().await.is_some() {} });
    let mut couriers = Vec::new();
    for number in 0..args.calls + SPARE {
        couriers.push(Courier::start(&stage, number, &couriers_sing).await?);
    }
    let mut spare = couriers.split_off(args.calls);

    sing(both, true);
    let mut couriers = ramp_up(couriers).await?;
    let before = silence(both).await;
    let (gateway_before, load_before, begun) =
        (cpu_ticks(gateway)?, cpu_ticks(std::process::id())?, Instant::now());
    sing(both, true);
    sleep(Duration::from_secs(args.seconds)).await;
    let elapsed = begun.elapsed().as_secs_f64();
    let share = |ticks: u64| ticks as f64 / TICKS_PER_SECOND / elapsed * 100.0;
    let cpu = share(cpu_ticks(gateway)? - gateway_before);
    let load_cpu = share(cpu_ticks(std::process::id())? - load_before);
    let rss_mb = rss_mb(gateway)?;
    let after = silence(both).await;

    sing(both, true);
    let set_ups = further_calls(&mut spare, args.set_ups).await?;
    for courier in &mut couriers {
        courier.still_talks()?;
    }
    sing(both, false);
    for courier in couriers.into_iter().chain(spare) {
        courier.phone.shutdown().await;
    }
    customers.shutdown().await;
    reader.await?;
    stage.gateway.stop().await?;
    let ways = [
        (after[0].sent - before[0].sent, after[1].heard - before[1].heard),
        (after[1].sent - before[1].sent, after[0].heard - before[0].heard),
    ];
    Ok(Figures { cpu, load_cpu, rss_mb, ways, set_ups })
}

/// Speech that is nowhere digital silence, not even between the words.
fn song(seed: u64) -> Vec<i16> {
    let mut room = Lcg::new(seed);
    synthetic_speech(seed, 8_000, 10_000)
        .into_iter()
        .map(|sample| sample.saturating_add(room.between(-60.0, 60.0) as i16))
        .collect()
}

fn sing(choruses: [&Arc<Chorus>; 2], on: bool) {
    choruses.iter().for_each(|chorus| chorus.sing(on));
}

/// Makes all silent, waits until no packet is under way any more, and says what was sent and heard so far.
async fn silence(choruses: [&Arc<Chorus>; 2]) -> [ChorusFigures; 2] {
    sing(choruses, false);
    let mut last = choruses.map(|chorus| chorus.figures());
    loop {
        sleep(QUIET).await;
        let now = choruses.map(|chorus| chorus.figures());
        if now == last {
            return now;
        }
        last = now;
    }
}

/// One courier's phone.
struct Courier {
    phone: Phone,
    events: PhoneEvents,
    order: String,
}

impl Courier {
    async fn start(stage: &Stage, number: usize, chorus: &Arc<Chorus>) -> anyhow::Result<Self> {
        let (courier, order) = (format!("courier-{number}"), format!("order-{number}"));
        stage.put_order(&order, &courier, &stage.customer, "Order").await?;
        let (phone, events) = Phone::start(PhoneConfig {
            transport: Transport::WebSocket {
                sign_in: SignIn::Token(Sensitive::new(stage.token(&courier, Duration::from_secs(3600))?)),
                domain: Host::domain("doorstep.invalid")?,
            },
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            codecs: vec![Codec::Opus],
            on_call: OnCall::Ring,
            chorus: Some(chorus.clone()),
            tells_progress: true,
            ..PhoneConfig::new(&courier, stage.edge_addr()?)
        })
        .await?;
        phone.register().await?;
        Ok(Self { phone, events, order: format!("order.{order}") })
    }

    /// Calls the customer until the call is answered; tells how long it was from INVITE to 180.
    async fn call(&mut self) -> anyhow::Result<(CallId, Duration)> {
        let call = self.phone.call(&self.order).await?;
        let mut invited = None;
        let mut set_up = None;
        loop {
            let event = self.next().await?;
            let since = |invited: std::time::SystemTime| event.at.duration_since(invited);
            match event.kind {
                PhoneEventKind::Invited => invited = Some(event.at),
                PhoneEventKind::Progress { status: 180 } if set_up.is_none() => {
                    set_up = Some(since(invited.context("an answer to nothing")?)?);
                }
                PhoneEventKind::Answered => {
                    return Ok((call, set_up.context("the call was answered without having rung")?));
                }
                PhoneEventKind::Ended { reason } => bail!("a call was not answered: {reason}"),
                PhoneEventKind::Incoming { .. }
                | PhoneEventKind::Calling { .. }
                | PhoneEventKind::Progress { .. }
                | PhoneEventKind::Ringing
                | PhoneEventKind::FirstAudio
                | PhoneEventKind::Digit { .. }
                | PhoneEventKind::Held { .. }
                | PhoneEventKind::MediaChanged { .. }
                | PhoneEventKind::Transfer { .. } => {}
            }
        }
    }

    async fn hang_up(&mut self, call: CallId) -> anyhow::Result<()> {
        self.phone.hang_up(call).await?;
        loop {
            if let PhoneEventKind::Ended { reason } = self.next().await?.kind {
                if reason != EndReason::HungUpHere {
                    bail!("a call ended by itself: {reason}");
                }
                return Ok(());
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<PhoneEvent> {
        let next = timeout(PATIENCE, self.events.next()).await;
        next.ok().flatten().context("the gateway does not answer a courier any more")
    }

    /// Nothing has ended its call.
    fn still_talks(&mut self) -> anyhow::Result<()> {
        while let Some(event) = self.events.try_next() {
            if let PhoneEventKind::Ended { reason } = event.kind {
                bail!("a call was lost: {reason}");
            }
        }
        Ok(())
    }
}

/// Lets the couriers call one after the other at an even pace, without waiting for each other.
async fn ramp_up(couriers: Vec<Courier>) -> anyhow::Result<Vec<Courier>> {
    let mut calling = JoinSet::new();
    let mut pace = interval(RAMP);
    for mut courier in couriers {
        pace.tick().await;
        calling.spawn(async move { courier.call().await.map(|_| courier) });
    }
    let mut up = Vec::new();
    while let Some(courier) = calling.join_next().await {
        up.push(courier??);
    }
    Ok(up)
}

/// Makes so many calls beside those that go on, and hangs each up once it is answered.
async fn further_calls(spare: &mut [Courier], count: usize) -> anyhow::Result<Vec<Duration>> {
    let mut set_ups = Vec::with_capacity(count);
    let mut pace = interval(PACE);
    for number in 0..count {
        pace.tick().await;
        let place = number % spare.len();
        let courier = spare.get_mut(place).context("no courier is left")?;
        let (call, set_up) = courier.call().await?;
        set_ups.push(set_up);
        courier.hang_up(call).await?;
    }
    set_ups.sort();
    Ok(set_ups)
}

impl Figures {
    fn tell(&self, args: &Args) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        let calls = args.calls;
        let per_call = self.cpu / calls as f64;
        let (sent, heard) = self.ways.iter().fold((0, 0), |sum, way| (sum.0 + way.0, sum.1 + way.1));
        let loss = lost_percent(sent, heard);
        let (p50, p99) = (self.percentile(50), self.percentile(99));
        writeln!(
            out,
            "{calls} calls for {} s: the gateway took {:.1} % of a core, {per_call:.2} % a call, {:.1} MB; both ends of \
             the calls took {:.0} %",
            args.seconds, self.cpu, self.rss_mb, self.load_cpu
        )?;
        for (way, (sent, heard)) in ["courier to customer", "customer to courier"].iter().zip(self.ways) {
            writeln!(out, "{way}: {sent} packets sent, {heard} heard")?;
        }
        writeln!(
            out,
            "from INVITE to 180 meanwhile: p50 {p50:.1} ms, p99 {p99:.1} ms (n = {})",
            self.set_ups.len()
        )?;
        if args.json {
            let round = |value: f64, digits: i32| {
                let scale = 10_f64.powi(digits);
                (value * scale).round() / scale
            };
            let line = serde_json::json!({
                "calls": calls,
                "cpu_percent_per_call": round(per_call, 3),
                "loss_percent": round(loss, 4),
                "rss_mb": round(self.rss_mb, 1),
                "setup_p50_ms": round(p50, 2),
                "setup_p99_ms": round(p99, 2),
            });
            writeln!(out, "{line}")?;
        }
        // More than was sent cannot be heard, and calls that carry nothing are none.
        let expected = calls as u64 * args.seconds * 50 * 2 * 9 / 10;
        if heard > sent || sent < expected {
            bail!("{sent} packets sent and {heard} heard: the load did not run as it should");
        }
        Ok(())
    }

    /// In milliseconds: the smallest set-up time that so many percent do not exceed.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.set_ups.len() * percent).div_ceil(100).max(1);
        self.set_ups.get(rank - 1).map_or(0.0, |set_up| set_up.as_secs_f64() * 1000.0)
    }
}

fn lost_percent(sent: u64, heard: u64) -> f64 {
    sent.saturating_sub(heard) as f64 / sent.max(1) as f64 * 100.0
}

/// User and system time of a process so far, in clock ticks.
fn cpu_ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("no such process any more")?;
    // Fields 14 and 15; the name, field 2, may hold anything.
    let fields = stat.rsplit_once(')').context("no process' state")?.1.split_ascii_whitespace();
    fields.skip(11).take(2).map(|ticks| Ok(ticks.parse::<u64>()?)).sum()
}

fn rss_mb(pid: u32) -> anyhow::Result<f64> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).context("no such process any more")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no memory told")?;
    let kb: f64 = line.split_ascii_whitespace().nth(1).context("no memory told")?.parse()?;
    Ok(kb / 1024.0)
}
