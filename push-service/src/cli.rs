//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  doorstep-push --config push.toml --check           is the configuration good, and what will the server do?
  doorstep-push check --config push.toml             do Apple and Google take the credentials?
  doorstep-push --config push.toml                   run until SIGTERM; SIGHUP reads the certificate again
  DOORSTEP_PUSH_API__LISTEN=127.0.0.1:0 doorstep-push --config push.toml --ready-json
  doorstep-push test-push --config push.toml --device 0b1c…
  doorstep-push hash-key < key.txt                   a line for api.keys
  doorstep-push openapi > openapi.json

Every key of the configuration is explained in docs/push.md.";

/// Wakes couriers' closed apps by Apple's and Google's pushes.
#[derive(Debug, Parser)]
#[command(name = "doorstep-push", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What else than to run.
    #[command(subcommand)]
    pub command: Option<Verb>,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Judge the configuration, say in words what the server will do, and leave.
    #[arg(long)]
    pub check: bool,
    /// Print one JSON line on stdout when the server listens, with its address.
    #[arg(long)]
    pub ready_json: bool,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// TOML file; DOORSTEP_PUSH_SECTION__KEY in the environment goes over it. Without a file only the environment counts.
    #[arg(long, value_name = "FILE", env = "DOORSTEP_PUSH_CONFIG")]
    pub config: Option<PathBuf>,
}

/// What else the program does.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Ask Apple and Google (or the hosts of the configuration) whether they take the credentials. Nothing reaches a phone.
    Check {
        /// Where the credentials are.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Send one push to a registered device and print the provider's answer. The app rings for a call that is not there.
    TestPush {
        /// Where the credentials and the devices are.
        #[command(flatten)]
        config: ConfigFile,
        /// The device's id, as it was registered.
        #[arg(long)]
        device: String,
    },
    /// Print the API's OpenAPI document.
    Openapi,
    /// Read an API key from stdin and print its SHA-256 for api.keys.
    HashKey,
}
