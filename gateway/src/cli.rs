//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  doorstep-gateway --config gateway.toml --check     is the configuration good, and what will the gateway do?
  doorstep-gateway --config gateway.toml             run until SIGTERM; SIGHUP reads certificates and keys again
  DOORSTEP_EDGE__LISTEN=127.0.0.1:0 doorstep-gateway --config gateway.toml --ready-json
  doorstep-gateway token --config gateway.toml --courier courier-17 --ttl 3600
  doorstep-gateway hash-key < key.txt                a line for api.keys
  doorstep-gateway openapi > openapi.json

Every key of the configuration is explained in docs/gateway.md.";

/// Joins a courier's app to a customer's phone so that neither sees the other's number.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What else than to run.
    #[command(subcommand)]
    pub command: Option<Verb>,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Judge the configuration, say in words what the gateway will do, and leave.
    #[arg(long)]
    pub check: bool,
    /// Print one JSON line on stdout when everything listens, with the addresses.
    #[arg(long)]
    pub ready_json: bool,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// TOML file; DOORSTEP_SECTION__KEY in the environment goes over it. Without a file only the environment counts.
    #[arg(long, value_name = "FILE", env = "DOORSTEP_CONFIG")]
    pub config: Option<PathBuf>,
}

/// What else the program does.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a token for trials, signed with the configuration's auth.jwt_secret.
    Token {
        /// Where the secret is.
        #[command(flatten)]
        config: ConfigFile,
        /// The courier's id (sub).
        #[arg(long)]
        courier: String,
        /// Seconds until it ends.
        #[arg(long, default_value_t = 3600)]
        ttl: u64,
    },
    /// Print the API's OpenAPI document.
    Openapi,
    /// Read an API key from stdin and print its SHA-256 for api.keys.
    HashKey,
}
