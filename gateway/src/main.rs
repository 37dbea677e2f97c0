//! Joins a courier's WebRTC call to a customer's phone so that neither sees the other's number.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use doorstep_gateway::cli::{Cli, ConfigFile, Verb};
use doorstep_gateway::config::{self, Config};
use doorstep_gateway::server::{Addresses, Server};
use doorstep_gateway::{api, auth, metrics};
use doorstep_service::program::{self, Failure, Signals, print};
use serde_json::json;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Verb::Token { config, courier, ttl }) => token(&config, &courier, ttl),
        Some(Verb::Openapi) => openapi(),
        Some(Verb::HashKey) => program::print_key_hash(),
        None if cli.check => check(&cli.config),
        None => run(&cli.config, cli.ready_json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody can be told when stderr is closed.
            let _ = writeln!(std::io::stderr(), "doorstep-gateway: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn load(file: &ConfigFile) -> Result<Config, Failure> {
    Config::load(file.config.as_deref(), std::env::vars())
        .map_err(|problems| format!("the configuration is not good:\n{problems}"))
}

fn check(file: &ConfigFile) -> Result<(), Failure> {
    let config = load(file)?;
    print(&format!("The configuration is good. The gateway will do this:\n\n{}", config::explain(&config)))
}

fn token(file: &ConfigFile, courier: &str, ttl: u64) -> Result<(), Failure> {
    let config = load(file)?;
    let token =
        auth::mint(&config.auth, courier, Duration::from_secs(ttl)).map_err(|error| error.to_string())?;
    print(&format!("{token}\n"))
}

fn openapi() -> Result<(), Failure> {
    let document = api::document().to_pretty_json().map_err(|error| error.to_string())?;
    print(&format!("{document}\n"))
}

fn run(file: &ConfigFile, ready_json: bool) -> Result<(), Failure> {
    let config = load(file)?;
    program::run(&config.log.clone(), serve(config, ready_json))
}

async fn serve(config: Config, ready_json: bool) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    for warning in config::warnings(&config) {
        tracing::warn!("{warning}");
    }
    let metrics = metrics::install().map_err(|error| error.to_string())?;
    let mut server = Server::start(config, metrics).await.map_err(|error| error.to_string())?;
    tracing::info!(
        edge = %server.addresses.edge,
        api = %server.addresses.api,
        udp = server.addresses.trunk.udp.map(tracing::field::display),
        tcp = server.addresses.trunk.tcp.map(tracing::field::display),
        tls = server.addresses.trunk.tls.map(tracing::field::display),
        "ready"
    );
    if ready_json {
        print(&ready_line(&server.addresses))?;
    }
    loop {
        tokio::select! {
            _ = signals.hang_up.recv() => server.reload(),
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            () = server.failed() => return Err("the gateway's driver failed; its log says why".to_owned()),
        }
    }
    tracing::info!("stopping: calls are ended");
    tokio::select! {
        () = server.stop() => Ok(()),
        _ = signals.interrupt.recv() => Err("stopped at once by a second interrupt".to_owned()),
    }
}

fn ready_line(addresses: &Addresses) -> String {
    let scheme = |name: &str, tls: bool| format!("{name}{}", if tls { "s" } else { "" });
    let trunk = &addresses.trunk;
    let line = json!({
        "event": "ready",
        "edge": format!("{}://{}{}", scheme("ws", addresses.edge_tls), addresses.edge, doorstep_gateway::edge::PATH),
        "trunk": { "udp": trunk.udp, "tcp": trunk.tcp, "tls": trunk.tls },
        "api": format!("{}://{}", scheme("http", addresses.api_tls), addresses.api),
    });
    format!("{line}\n")
}
