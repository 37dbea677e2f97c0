//! Runs gateway, courier and customer as separate processes and tells what happened.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use doorstep_demo::act::{Act, LABEL, ORDER, Options, Theatre};
use doorstep_demo::phone_os::PhoneOs;
use doorstep_demo::secrets::{self, Evidence, Piece};
use doorstep_demo::summary::Summary;
use doorstep_demo::timeline::{Style, Teller, prologue};
use doorstep_demo::{Cast, Sounds, Stage, StageOptions, Story};

/// Masked calls through a gateway, from a courier's app to a customer's phone and back, with the app open, closed and out
/// of reach.
#[derive(Parser)]
#[command(name = "doorstep-demo", version, after_help = EXAMPLES)]
struct Cli {
    /// The courier speaks and listens through this computer's microphone and speaker.
    #[arg(long)]
    live: bool,
    /// No colours, whatever the terminal.
    #[arg(long)]
    headless: bool,
    /// One JSON object per event on stdout, the summary last.
    #[arg(long)]
    json: bool,
    /// Where recordings and logs go.
    #[arg(long, default_value = "demo-out", value_name = "FOLDER")]
    out: PathBuf,
}

const EXAMPLES: &str = "Examples:
  doorstep-demo                       tells the calls as a timeline
  doorstep-demo --live                you are the courier
  doorstep-demo --headless --json     for programs; exit status 0 only if all went well";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = tokio::runtime::Runtime::new()
        .context("the runtime could not be started")
        .and_then(|runtime| runtime.block_on(run(&cli)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well. Every program is stopped, also when the story is cut short.
async fn run(cli: &Cli) -> anyhow::Result<bool> {
    let folder = std::path::absolute(&cli.out)?;
    let cast = Cast::new(&folder)?;
    let colours = !cli.headless && std::env::var_os("NO_COLOR").is_none() && std::io::stdout().is_terminal();
    let style = if cli.json { Style::Json } else { Style::Words { colours } };
    let mut teller = Teller::new(style, Box::new(std::io::stdout()));
    let done = tokio::select! {
        done = tell(cli, &cast, &mut teller) => done,
        stopped = stop_asked() => Err(stopped.err().unwrap_or_else(|| anyhow::anyhow!("stopped before the end"))),
    };
    cast.end().await;
    done
}

async fn tell(cli: &Cli, cast: &Cast, teller: &mut Teller) -> anyhow::Result<bool> {
    let sounds = Sounds::find()?;
    let mut story = Story::default();
    teller.preparing("Starting the gateway, push-service, and stand-ins for Apple and Google …");
    let message = Some(sounds.script(&["vm-nobodyavail", "pbx-transfer"])?);
    let options = StageOptions { wakes: true, message, ..StageOptions::default() };
    let mut stage = Stage::set_up(cast, &mut story, &options).await?;
    stage.place_order(ORDER, LABEL).await?;
    teller.preparing(&prologue(&stage.company));

    let mut summary = Summary::default();
    let mut evidence = Evidence::default();
    let mut phone = PhoneOs::new();
    for act in Act::ALL {
        teller.act(act);
        let options = Options { live: cli.live, sounds: &sounds };
        let mut theatre =
            Theatre { stage: &stage, cast, story: &mut story, teller, phone: &mut phone, options };
        let (act_summary, seen) = theatre.play(act).await?;
        teller.act_summary(&act_summary);
        summary.acts.push(act_summary);
        evidence.courier_side.extend(seen.courier_side);
        evidence.customer_side.extend(seen.customer_side);
        evidence.centre_side.extend(seen.centre_side);
    }
    for path in [&format!("/v1/orders/{ORDER}"), "/v1/orders", "/v1/calls"] {
        let (_, text) = stage.get(path).await?;
        evidence.api_answers.push(Piece::Text(format!("the answer to GET {path}"), text));
    }
    stage.gateway.stop().await?;
    evidence.gateway_logs.push(Piece::File(stage.gateway.log().to_owned()));
    evidence.gateway_logs.push(Piece::File(stage.gateway.told().to_owned()));
    for program in stage.stop_wakes().await? {
        evidence.push_side.extend([program.log(), program.told()].map(|file| Piece::File(file.to_owned())));
    }

    let findings = secrets::search(&stage, &evidence)?;
    teller.findings(&findings);
    summary.leaks = findings.leaks.len();
    // A live courier's ears cannot be judged.
    let understood = |act: &doorstep_demo::summary::ActSummary| cli.live || act.intelligible;
    summary.ok = findings.leaks.is_empty() && summary.acts.iter().all(|act| act.connected && understood(act));
    teller.summary(&summary, cast.folder())?;
    Ok(summary.ok)
}

/// Ctrl-C or SIGTERM.
#[cfg(unix)]
async fn stop_asked() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => Ok(stopped?),
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_asked() -> anyhow::Result<()> {
    Ok(tokio::signal::ctrl_c().await?)
}
