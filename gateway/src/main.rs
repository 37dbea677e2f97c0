//! Joins a courier's WebRTC call to a customer's phone so that neither sees the other's number.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use doorstep_gateway::cli::{Cli, ConfigFile, Verb};
use doorstep_gateway::config::{self, Config};
use doorstep_gateway::server::{Addresses, Server};
use doorstep_gateway::{api, auth, metrics};
use doorstep_service::log;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A sentence for the person who started the program.
type Failure = String;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Verb::Token { config, courier, ttl }) => token(&config, &courier, ttl),
        Some(Verb::Openapi) => openapi(),
        Some(Verb::HashKey) => hash_key(),
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

fn hash_key() -> Result<(), Failure> {
    let mut key = String::new();
    std::io::stdin().lock().read_line(&mut key).map_err(|error| error.to_string())?;
    match key.trim() {
        "" => Err("an API key is expected on stdin".to_owned()),
        key if key.len() < 20 => Err("an API key must have 20 characters or more, at random".to_owned()),
        key => print(&format!("{}\n", api::hash_key(key))),
    }
}

fn run(file: &ConfigFile, ready_json: bool) -> Result<(), Failure> {
    let config = load(file)?;
    log::init(&config.log).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))?;
    let done = runtime.block_on(serve(config, ready_json));
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn serve(config: Config, ready_json: bool) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| format!("signals cannot be taken: {error}"))?;
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

struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
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

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| format!("stdout: {error}"))
}
