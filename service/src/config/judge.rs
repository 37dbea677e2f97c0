//! Single values are judged, and what is wrong is collected with its place.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use doorstep_sensitive::Sensitive;

use super::problem::Problem;
use super::read::Places;
use crate::http::parse_key_hash;
use crate::log::Log;
use crate::tls::{Certificate, TlsFiles};

/// Stands in for an address that was refused; never used, since the whole is refused.
pub const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Judges values and keeps what is wrong with them.
#[derive(Debug)]
pub struct Judge<'a> {
    places: &'a Places,
    problems: Vec<Problem>,
}

impl<'a> Judge<'a> {
    /// Knows where each value came from.
    pub fn new(places: &'a Places) -> Self {
        Self { places, problems: Vec::new() }
    }

    /// All that was wrong.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// A key's value is not taken: what was found (never a secret), and what may stand there.
    pub fn refuse(&mut self, key: &str, found: &str, allowed: &str) {
        self.problems.push(Problem {
            place: self.places.of(key),
            key: key.into(),
            found: found.into(),
            allowed: allowed.into(),
        });
    }

    /// `address:port`.
    pub fn address(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            self.refuse(
                key,
                &format!("{text:?}"),
                "address:port, such as \"127.0.0.1:7443\" or \"[::]:7443\"",
            );
        }
        address
    }

    /// An address of this machine.
    pub fn ip(&mut self, key: &str, text: &str) -> Option<IpAddr> {
        let ip = text.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified());
        if ip.is_none() {
            self.refuse(key, &format!("{text:?}"), "an IP address of this machine, such as \"192.0.2.10\"");
        }
        ip
    }

    /// A network, or one address.
    pub fn network(&mut self, key: &str, text: &str) -> Option<ipnet::IpNet> {
        let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(ipnet::IpNet::from));
        if network.is_none() {
            self.refuse(key, &format!("{text:?}"), "networks such as \"192.0.2.0/24\" or single addresses");
        }
        network
    }

    /// A number in that range.
    pub fn range(&mut self, key: &str, value: u64, range: RangeInclusive<u64>) -> u64 {
        if !range.contains(&value) {
            self.refuse(key, &value.to_string(), &format!("{} to {}", range.start(), range.end()));
        }
        value
    }

    /// A number of things in that range.
    pub fn size(&mut self, key: &str, value: u64, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.range(key, value, range)).unwrap_or(usize::MAX)
    }

    /// A time in that range of seconds.
    pub fn seconds(&mut self, key: &str, value: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.range(key, value, range))
    }

    /// A secret that is written here or lies in a file (the key with `_file`).
    pub fn secret(
        &mut self,
        key: &str,
        inline: Option<&Sensitive<String>>,
        file: Option<&str>,
    ) -> Option<Sensitive<String>> {
        match (inline, file) {
            (None, None) => None,
            (Some(secret), None) => Some(secret.clone()),
            (Some(_), Some(_)) => {
                self.refuse(key, "a secret in the configuration and in a file", "one of the two");
                None
            }
            (None, Some(path)) => match std::fs::read_to_string(path) {
                Ok(text) => Some(Sensitive::new(text.trim().to_owned())),
                Err(error) => {
                    self.refuse(&format!("{key}_file"), &format!("{path}: {error}"), "a readable file");
                    None
                }
            },
        }
    }

    /// A certificate and its key, both or none.
    pub fn tls_files(&mut self, section: &str, cert: Option<&str>, key: Option<&str>) -> Option<TlsFiles> {
        match (cert, key) {
            (None, None) => None,
            (Some(cert), Some(key)) => {
                let files = TlsFiles { cert: PathBuf::from(cert), key: PathBuf::from(key) };
                if let Err(error) = Certificate::load(files.clone()) {
                    self.refuse(
                        &format!("{section}.tls_cert"),
                        &error.to_string(),
                        "PEM files with a certificate chain and its private key",
                    );
                }
                Some(files)
            }
            (Some(_), None) => {
                self.refuse(
                    &format!("{section}.tls_key"),
                    "a certificate without a key",
                    "tls_cert and tls_key together",
                );
                None
            }
            (None, Some(_)) => {
                self.refuse(
                    &format!("{section}.tls_cert"),
                    "a key without a certificate",
                    "tls_cert and tls_key together",
                );
                None
            }
        }
    }

    /// The hashes of the API's keys; `maker` is the command that makes one.
    pub fn api_keys(&mut self, section: &str, texts: &[String], maker: &str) -> Vec<[u8; 32]> {
        let mut keys = Vec::new();
        for text in texts {
            match parse_key_hash(text) {
                Some(key) => keys.push(key),
                None => self.refuse(
                    &format!("{section}.keys"),
                    "a key that is no SHA-256 hash",
                    &format!("64 hexadecimal digits each; {maker} makes one of a key"),
                ),
            }
        }
        keys
    }

    /// Beyond loopback an API needs TLS and a key.
    pub fn guarded(&mut self, section: &str, listen: SocketAddr, has_tls: bool, has_keys: bool) {
        if listen.ip().is_loopback() {
            return;
        }
        if !has_tls {
            self.refuse(
                &format!("{section}.listen"),
                "an address beyond loopback without TLS",
                "tls_cert and tls_key beside it, or a loopback address",
            );
        }
        if !has_keys {
            self.refuse(
                &format!("{section}.keys"),
                "no key for an API beyond loopback",
                "the SHA-256 of at least one key",
            );
        }
    }

    /// How the log is written.
    pub fn log(&mut self, section: &str, level: &str, format: &str) -> Log {
        if let Err(error) = level.parse::<tracing_subscriber::filter::Targets>() {
            self.refuse(
                &format!("{section}.level"),
                &format!("{level:?} ({error})"),
                "off, error, warn, info, debug or trace, also per module",
            );
        }
        let json = match format {
            "text" => false,
            "json" => true,
            other => {
                self.refuse(&format!("{section}.format"), &format!("{other:?}"), "text or json");
                false
            }
        };
        Log { level: level.to_owned(), json }
    }
}
