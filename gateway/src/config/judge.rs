//! Single values are judged, and what is wrong is collected with its place.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use doorstep_sip::Sensitive;
use doorstep_sip::msg::Host;

use super::HostPort;
use super::problem::Problem;
use super::read::Places;
use crate::masking::{E164, NumberPlan};
use crate::tls::{Certificate, TlsFiles};

/// Stands in for an address that was refused; never used, since the whole is refused.
pub(super) const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(super) struct Judge<'a> {
    places: &'a Places,
    problems: Vec<Problem>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(places: &'a Places) -> Self {
        Self { places, problems: Vec::new() }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    pub(super) fn refuse(&mut self, key: &str, found: &str, allowed: &str) {
        self.problems.push(Problem {
            place: self.places.of(key),
            key: key.into(),
            found: found.into(),
            allowed: allowed.into(),
        });
    }

    pub(super) fn address(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
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

    pub(super) fn ip(&mut self, key: &str, text: &str) -> Option<IpAddr> {
        let ip = text.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified());
        if ip.is_none() {
            self.refuse(key, &format!("{text:?}"), "an IP address of this machine, such as \"192.0.2.10\"");
        }
        ip
    }

    pub(super) fn network(&mut self, key: &str, text: &str) -> Option<ipnet::IpNet> {
        let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(ipnet::IpNet::from));
        if network.is_none() {
            self.refuse(key, &format!("{text:?}"), "networks such as \"192.0.2.0/24\" or single addresses");
        }
        network
    }

    pub(super) fn host_port(&mut self, key: &str, text: &str) -> Option<HostPort> {
        let found = parse_host_port(text);
        if found.is_none() {
            self.refuse(key, &format!("{text:?}"), "host or host:port, such as \"sip.example.com:5060\"");
        }
        found
    }

    pub(super) fn host(&mut self, key: &str, text: &str) -> Host {
        parse_host(text).unwrap_or_else(|| {
            self.refuse(key, &format!("{text:?}"), "a host name or address, such as \"voice.example.com\"");
            Host::Address(NOWHERE.ip())
        })
    }

    /// Without a country, that of the first company number; the gateway's own home without either.
    pub(super) fn number_plan(&mut self, country: Option<&str>, company: &[E164]) -> NumberPlan {
        let plan = match country {
            Some(country) => NumberPlan::of(country),
            None => Ok(company.iter().find_map(E164::plan).unwrap_or(NumberPlan::GERMANY)),
        };
        plan.unwrap_or_else(|_| {
            self.refuse(
                "trunk.country",
                &format!("{:?}", country.unwrap_or_default()),
                "an ISO 3166 code of two letters, such as DE",
            );
            NumberPlan::GERMANY
        })
    }

    pub(super) fn number(&mut self, key: &str, text: &Sensitive<String>) -> Option<E164> {
        let number = E164::parse(text.expose()).ok();
        if number.is_none() {
            self.refuse(key, "a number that is not E.164", "an international number such as \"+4930123456\"");
        }
        number
    }

    pub(super) fn range(&mut self, key: &str, value: u64, range: RangeInclusive<u64>) -> u64 {
        if !range.contains(&value) {
            self.refuse(key, &value.to_string(), &format!("{} to {}", range.start(), range.end()));
        }
        value
    }

    pub(super) fn size(&mut self, key: &str, value: u64, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.range(key, value, range)).unwrap_or(usize::MAX)
    }

    pub(super) fn seconds(&mut self, key: &str, value: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.range(key, value, range))
    }

    pub(super) fn secret(
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

    pub(super) fn tls_files(
        &mut self,
        section: &str,
        cert: Option<&str>,
        key: Option<&str>,
    ) -> Option<TlsFiles> {
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
}

fn parse_host_port(text: &str) -> Option<HostPort> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(HostPort { host: Host::Address(address.ip()), port: Some(address.port()) });
    }
    if let Some(host) = parse_host(text) {
        return Some(HostPort { host, port: None });
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse::<u16>().ok().filter(|port| *port != 0)?;
    Some(HostPort { host: Host::domain(host).ok()?, port: Some(port) })
}

fn parse_host(text: &str) -> Option<Host> {
    match text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) => Some(Host::Address(ip)),
        Err(_) => Host::domain(text).ok(),
    }
}
