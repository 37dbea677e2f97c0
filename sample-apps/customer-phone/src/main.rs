//! A plain SIP/RTP phone on the carrier's side, for the demo and the tests.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand, ValueEnum};
use customer_phone::{
    CallId, EndReason, Gossip, OnCall, Phone, PhoneConfig, PhoneEvent, PhoneEventKind, PhoneEvents, Transport,
};
use doorstep_media::sdp::Codec;
use serde_json::{Value, json};
use tokio::time::Instant;

/// A plain telephone on the carrier's side of a gateway: SIP and RTP, one number.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    /// Where it listens for SIP; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "HOST:PORT")]
    bind: SocketAddr,
    /// The gateway's SIP address towards the carrier.
    #[arg(long, value_name = "HOST:PORT")]
    trunk: SocketAddr,
    /// What carries SIP.
    #[arg(long, value_enum, default_value = "udp")]
    transport: CliTransport,
    /// This phone's number.
    #[arg(long, value_name = "+E164")]
    number: String,
    /// What its owner says once a call is answered.
    #[arg(long, value_name = "FILE.wav")]
    play: Option<PathBuf>,
    /// Where to keep what its owner hears of the first call.
    #[arg(long, value_name = "FILE.wav")]
    record: Option<PathBuf>,
    /// Where to note every SIP message, as it was on the wire.
    #[arg(long, value_name = "FILE")]
    tap: Option<PathBuf>,
    /// Voice codecs, most preferred first.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "pcma,pcmu,opus")]
    codecs: Vec<CliCodec>,
    /// One JSON object per event on stdout.
    #[arg(long)]
    json: bool,
    /// What to log, to stderr.
    #[arg(long, env = "RUST_LOG", default_value = "warn")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  customer-phone --trunk 127.0.0.1:5060 --number +4917612345678 answer --after 1500
  customer-phone --trunk 127.0.0.1:5060 --number +4917612345678 call +4930901820 --hang-up-after 10";

#[derive(Subcommand)]
enum Command {
    /// Waits to be called.
    Answer {
        /// Answers so many milliseconds after the first ring.
        #[arg(long, default_value_t = 1000, value_name = "MS")]
        after: u64,
        /// Is in use.
        #[arg(long, conflicts_with = "no_answer")]
        busy: bool,
        /// Rings, and nobody answers.
        #[arg(long)]
        no_answer: bool,
        /// Ends after so many calls; never when left out.
        #[arg(long, value_name = "N")]
        calls: Option<u64>,
        /// Hangs up so many seconds after answering.
        #[arg(long, value_name = "S")]
        hang_up_after: Option<f64>,
        /// Keys to press once a call is answered.
        #[arg(long, value_name = "DIGITS")]
        dtmf: Option<String>,
    },
    /// Calls a number.
    Call {
        /// Whom.
        number: String,
        /// Hangs up so many seconds after the answer.
        #[arg(long, value_name = "S")]
        hang_up_after: Option<f64>,
        /// Keys to press once the call is answered.
        #[arg(long, value_name = "DIGITS")]
        dtmf: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum CliTransport {
    Udp,
    Tcp,
}

#[derive(Clone, Copy, ValueEnum)]
enum CliCodec {
    Pcma,
    Pcmu,
    Opus,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The ICE and DTLS libraries warn with the far side's address.
    let filter = tracing_subscriber::EnvFilter::new(format!("{},rtc=off", cli.log));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")
        .and_then(|runtime| runtime.block_on(run(cli)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("customer-phone: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let (phone, events) = Phone::start(config(&cli)).await?;
    let say = Say { json: cli.json };
    say.event(SystemTime::now(), json!({"event": "listening", "addr": phone.local_addr().to_string()}));
    let plan = Plan::of(&cli.command);
    let mut session = Session { phone, events, say, plan, hang_ups: BTreeMap::new() };
    let ended = session.run(&cli.command).await;
    let Session { phone, mut events, say, .. } = session;
    phone.shutdown().await;
    // What ended by the shutdown is told, too.
    while let Some(event) = events.next().await {
        say.phone(&event);
    }
    ended
}

fn config(cli: &Cli) -> PhoneConfig {
    let on_call = match cli.command {
        Command::Answer { busy: true, .. } => OnCall::Busy,
        Command::Answer { no_answer: true, .. } => OnCall::Ring,
        Command::Answer { after, .. } => OnCall::Answer { after: Duration::from_millis(after) },
        Command::Call { .. } => OnCall::Busy,
    };
    PhoneConfig {
        bind: cli.bind,
        media_ip: None,
        trunk: cli.trunk,
        transport: match cli.transport {
            CliTransport::Udp => Transport::Udp,
            CliTransport::Tcp => Transport::Tcp,
        },
        number: cli.number.clone(),
        display_name: None,
        codecs: cli
            .codecs
            .iter()
            .map(|codec| match codec {
                CliCodec::Pcma => Codec::Pcma,
                CliCodec::Pcmu => Codec::Pcmu,
                CliCodec::Opus => Codec::Opus,
            })
            .collect(),
        play: cli.play.clone(),
        record: cli.record.clone(),
        tap: cli.tap.clone(),
        packets: None,
        instance: None,
        push: None,
        gossip: Gossip::default(),
        on_call,
        chorus: None,
        tells_progress: false,
    }
}

/// What to do in a call once it is answered, and when to stop.
struct Plan {
    hang_up_after: Option<Duration>,
    dtmf: Option<String>,
    calls: Option<u64>,
}

impl Plan {
    fn of(command: &Command) -> Self {
        let seconds = |after: Option<f64>| after.and_then(|s| Duration::try_from_secs_f64(s).ok());
        match command {
            Command::Answer { hang_up_after, dtmf, calls, .. } => {
                Self { hang_up_after: seconds(*hang_up_after), dtmf: dtmf.clone(), calls: *calls }
            }
            Command::Call { hang_up_after, dtmf, .. } => {
                Self { hang_up_after: seconds(*hang_up_after), dtmf: dtmf.clone(), calls: Some(1) }
            }
        }
    }
}

struct Session {
    phone: Phone,
    events: PhoneEvents,
    say: Say,
    plan: Plan,
    hang_ups: BTreeMap<CallId, Instant>,
}

impl Session {
    /// Until the plan is done or a signal asks to stop.
    async fn run(&mut self, command: &Command) -> anyhow::Result<()> {
        let mut stop = Stop::new()?;
        let mut ended = 0;
        if let Command::Call { number, .. } = command {
            self.phone.call(number).await?;
        }
        loop {
            let due = self.hang_ups.iter().min_by_key(|(_, at)| **at).map(|(call, at)| (*call, *at));
            tokio::select! {
                event = self.events.next() => {
                    let event = event.context("the phone has stopped by itself")?;
                    self.say.phone(&event);
                    if let Some(reason) = self.react(event).await {
                        ended += 1;
                        if matches!(command, Command::Call { .. }) {
                            return outcome(&reason);
                        }
                        if self.plan.calls == Some(ended) {
                            return Ok(());
                        }
                    }
                }
                () = stop.asked() => return Ok(()),
                () = tokio::time::sleep_until(due.map_or_else(Instant::now, |(_, at)| at)), if due.is_some() => {
                    if let Some((call, _)) = due {
                        self.hang_ups.remove(&call);
                        if let Err(error) = self.phone.hang_up(call).await {
                            tracing::debug!(%error, "the call was over already");
                        }
                    }
                }
            }
        }
    }

    async fn react(&mut self, event: PhoneEvent) -> Option<EndReason> {
        match event.kind {
            PhoneEventKind::Answered => {
                if let Some(after) = self.plan.hang_up_after {
                    self.hang_ups.insert(event.call, Instant::now() + after);
                }
                if let Some(digits) = &self.plan.dtmf
                    && let Err(error) = self.phone.send_digits(event.call, digits).await
                {
                    tracing::warn!(%error, "the keys could not be pressed");
                }
                None
            }
            PhoneEventKind::Ended { reason } => {
                self.hang_ups.remove(&event.call);
                Some(reason)
            }
            PhoneEventKind::Incoming { .. }
            | PhoneEventKind::Calling { .. }
            | PhoneEventKind::Invited
            | PhoneEventKind::Progress { .. }
            | PhoneEventKind::Ringing
            | PhoneEventKind::FirstAudio
            | PhoneEventKind::Digit { .. }
            | PhoneEventKind::Held { .. }
            | PhoneEventKind::MediaChanged { .. }
            | PhoneEventKind::Transfer { .. } => None,
        }
    }
}

/// Whether the one call that this phone made came to something.
fn outcome(reason: &EndReason) -> anyhow::Result<()> {
    match reason {
        EndReason::HungUpHere | EndReason::HungUpThere | EndReason::RefusedHere => Ok(()),
        EndReason::Refused { .. }
        | EndReason::NoCommonCodec
        | EndReason::TimedOut
        | EndReason::ConnectionLost => bail!("the call failed: {reason}"),
    }
}

/// Tells what happens, for people or for programs.
struct Say {
    json: bool,
}

impl Say {
    fn phone(&self, event: &PhoneEvent) {
        let value = match &event.kind {
            PhoneEventKind::Incoming { screen } => json!({"event": "incoming", "screen": screen}),
            PhoneEventKind::Calling { number } => json!({"event": "calling", "number": number}),
            PhoneEventKind::Invited => json!({"event": "invited"}),
            PhoneEventKind::Progress { status } => json!({"event": "progress", "status": status}),
            PhoneEventKind::Ringing => json!({"event": "ringing"}),
            PhoneEventKind::Answered => json!({"event": "answered"}),
            PhoneEventKind::FirstAudio => json!({"event": "first_audio"}),
            PhoneEventKind::Digit { digit } => json!({"event": "dtmf", "digit": digit.to_string()}),
            PhoneEventKind::Held { held } => json!({"event": "held", "held": held}),
            PhoneEventKind::MediaChanged { accepted } => {
                json!({"event": "media_changed", "accepted": accepted})
            }
            PhoneEventKind::Transfer { status } => json!({"event": "transfer", "status": status}),
            PhoneEventKind::Ended { reason } => json!({"event": "ended", "reason": reason.to_string()}),
        };
        self.event(event.at, value);
    }

    fn event(&self, at: SystemTime, mut value: Value) {
        if self.json {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            value["t"] = json!(since.as_secs_f64() * 1000.0);
            println!("{value}");
            return;
        }
        let Some(fields) = value.as_object() else { return };
        let details = fields.iter().filter(|(key, _)| *key != "event");
        let details: Vec<_> = details.map(|(key, value)| format!("{key} {value}")).collect();
        println!(
            "{:<14} {}",
            fields.get("event").and_then(Value::as_str).unwrap_or_default(),
            details.join(", ")
        );
    }
}

/// SIGINT or SIGTERM.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn asked(&mut self) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn asked(&mut self) {
        // An error means that no signal can come.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
