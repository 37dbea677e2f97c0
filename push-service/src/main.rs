//! Wakes couriers' closed apps by Apple's and Google's pushes.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use doorstep_push::cli::{Cli, ConfigFile, Verb};
use doorstep_push::clock::unix_ms;
use doorstep_push::config::{self, Config};
use doorstep_push::provider::{Kind, Provider as _, Providers, Push, Verdict};
use doorstep_push::server::Server;
use doorstep_push::store::Store;
use doorstep_push::{api, metrics};
use doorstep_service::program::{self, Failure, Signals, print};
use serde_json::json;
use uuid::Uuid;

/// A test push is worth nothing later.
const TEST_LIFE_MS: i64 = 30_000;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Verb::Check { config }) => with_runtime(&config, check_credentials),
        Some(Verb::TestPush { config, device }) => {
            with_runtime(&config, |config| async move { test_push(config, &device).await })
        }
        Some(Verb::Openapi) => openapi(),
        Some(Verb::HashKey) => program::print_key_hash(),
        None if cli.check => check(&cli.config),
        None => with_runtime(&cli.config, |config| serve(config, cli.ready_json)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody can be told when stderr is closed.
            let _ = writeln!(std::io::stderr(), "doorstep-push: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn load(file: &ConfigFile) -> Result<Config, Failure> {
    Config::load(file.config.as_deref(), std::env::vars())
        .map_err(|problems| format!("the configuration is not good:\n{problems}"))
}

fn providers(config: &Config) -> Result<Providers, Failure> {
    Providers::new(&config.providers).map_err(|error| format!("the configuration is not good:\n{error}"))
}

fn check(file: &ConfigFile) -> Result<(), Failure> {
    let config = load(file)?;
    providers(&config)?;
    print(&format!("The configuration is good. The server will do this:\n\n{}", config::explain(&config)))
}

fn openapi() -> Result<(), Failure> {
    let document = api::document().to_pretty_json().map_err(|error| error.to_string())?;
    print(&format!("{document}\n"))
}

fn with_runtime<F: Future<Output = Result<(), Failure>>>(
    file: &ConfigFile,
    work: impl FnOnce(Config) -> F,
) -> Result<(), Failure> {
    let config = load(file)?;
    program::run(&config.log.clone(), work(config))
}

async fn check_credentials(config: Config) -> Result<(), Failure> {
    let checks = providers(&config)?.check().await;
    let mut bad = 0;
    for check in &checks {
        let environment =
            check.environment.map(|environment| format!(" ({environment:?})")).unwrap_or_default();
        let word = if check.good { "good" } else { "BAD" };
        bad += usize::from(!check.good);
        print(&format!("{:?}{environment}: {word}. {}\n", check.provider, check.words))?;
    }
    match (checks.len(), bad) {
        (0, _) => Err("neither [apns] nor [fcm] is set up: nobody can be woken".to_owned()),
        (_, 0) => Ok(()),
        (_, _) => Err("not all credentials are good".to_owned()),
    }
}

async fn test_push(config: Config, device: &str) -> Result<(), Failure> {
    let providers = providers(&config)?;
    let store = Store::look_into(&config.store).await.map_err(|error| error.to_string())?;
    let found = store.device(device).await.map_err(|error| error.to_string())?;
    let found = found.ok_or_else(|| format!("there is no device {device:?}"))?;
    let (id, now) = (Uuid::new_v4(), unix_ms());
    let push = Push {
        id,
        target: found.target(),
        kind: Kind::Incoming,
        call: format!("test-{id}"),
        order: None,
        label: Some("Test".to_owned().into()),
        gateway: config.gateway.clone(),
        sent_at: u64::try_from(now).unwrap_or_default(),
        expires_at: u64::try_from(now.saturating_add(TEST_LIFE_MS)).unwrap_or_default(),
    };
    let verdict = providers.send(&push).await;
    store.close().await;
    let status = |status: Option<u16>| status.map_or("no answer".to_owned(), |status| status.to_string());
    match verdict {
        Verdict::Sent { provider_id, status } => print(&format!("{status}: taken as {provider_id}\n")),
        Verdict::Retry { status: answer, reason, .. } => {
            Err(format!("{}: {reason}; it may go later", status(answer)))
        }
        Verdict::DeviceGone { status, reason, .. } => {
            Err(format!("{status}: {reason}; the device's token is dead"))
        }
        Verdict::Rejected { status: answer, reason } => Err(format!("{}: {reason}", status(answer))),
        Verdict::Misconfigured { status: answer, reason, remedy } => {
            Err(format!("{}: {reason}. {remedy}", status(answer)))
        }
    }
}

async fn serve(config: Config, ready_json: bool) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    for warning in config::warnings(&config) {
        tracing::warn!("{warning}");
    }
    let providers = Arc::new(providers(&config)?);
    let metrics = metrics::install().map_err(|error| error.to_string())?;
    let server = Server::start(&config, providers, metrics).await.map_err(|error| error.to_string())?;
    tracing::info!(api = %server.address, "ready");
    if ready_json {
        let scheme = if server.tls { "https" } else { "http" };
        let line = json!({ "event": "ready", "api": format!("{scheme}://{}", server.address) });
        print(&format!("{line}\n"))?;
    }
    loop {
        tokio::select! {
            _ = signals.hang_up.recv() => server.reload(),
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
        }
    }
    tracing::info!("stopping: what is in hand is sent");
    tokio::select! {
        () = server.stop() => Ok(()),
        _ = signals.interrupt.recv() => Err("stopped at once by a second interrupt".to_owned()),
    }
}
