//! Values that only the gateway has are judged here, the others by the [common judge](doorstep_service::config::Judge).

use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, DerefMut};

use doorstep_service::config::{self as common, NOWHERE, Places};
use doorstep_sip::Sensitive;
use doorstep_sip::msg::Host;

use super::HostPort;
use crate::masking::{E164, NumberPlan};

pub(super) struct Judge<'a>(common::Judge<'a>);

impl<'a> Deref for Judge<'a> {
    type Target = common::Judge<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Judge<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<'a> Judge<'a> {
    pub(super) fn new(places: &'a Places) -> Self {
        Self(common::Judge::new(places))
    }

    pub(super) fn into_problems(self) -> Vec<common::Problem> {
        self.0.into_problems()
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
