//! The courier's app in a terminal: a complete example of the Rust SDK.
//!
//! [`args`] makes a [`doorstep::Config`] of the command line, [`courier`] makes calls with it, [`display`] shows what
//! happens and [`keys`] reads what the courier presses.

mod args;
mod courier;
mod display;
mod keys;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use args::Args;
use courier::Courier;
use display::Display;

fn main() -> ExitCode {
    let args = Args::parse();
    // The ICE and DTLS libraries warn with the far side's address.
    let filter = tracing_subscriber::EnvFilter::new(format!("{},rtc=off", args.log));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut display = Display::new(args.json);
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")
        .and_then(|runtime| runtime.block_on(run(args, &mut display)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            display.failed(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args, display: &mut Display) -> anyhow::Result<()> {
    let config = args.config()?;
    let stays_registered = args.action.stays_registered();
    let client = match args.action.push()? {
        Some(push) => {
            display.woken();
            // What comes of it is told by an event.
            let (client, _) = doorstep::Client::woken(config, push)?;
            client
        }
        None => doorstep::Client::connect(config).await?,
    };
    let done = Courier::new(client.clone(), display).run(args.action).await;
    // Whatever has happened: calls end with BYE.
    if stays_registered {
        client.leave().await
    } else {
        client.shutdown().await
    }
    done
}
