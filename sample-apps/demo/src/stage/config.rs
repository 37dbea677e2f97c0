//! The gateway's configuration, as it is written for a stage.

use std::net::IpAddr;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Config<'a> {
    pub(super) edge: Edge<'a>,
    pub(super) auth: Auth<'a>,
    pub(super) trunk: Trunk,
    pub(super) media: Media,
    pub(super) api: Api,
    pub(super) store: Store<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fallback: Option<Fallback<'a>>,
    pub(super) log: Log<'a>,
}

#[derive(Serialize)]
pub(super) struct Fallback<'a> {
    pub(super) contact_centre: &'a str,
    pub(super) caller_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct Edge<'a> {
    pub(super) listen: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_cert: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_key: Option<&'a Path>,
    pub(super) insecure_loopback: bool,
}

#[derive(Serialize)]
pub(super) struct Auth<'a> {
    pub(super) jwt_secret: &'a str,
    pub(super) issuer: &'static str,
    pub(super) audience: &'static str,
}

#[derive(Serialize)]
pub(super) struct Trunk {
    pub(super) udp: String,
    pub(super) tcp: String,
    pub(super) carrier: String,
    pub(super) sources: Vec<String>,
    pub(super) trust_asserted_identity: bool,
}

#[derive(Serialize)]
pub(super) struct Media {
    pub(super) edge_ips: Vec<&'static str>,
    pub(super) trunk_ip: IpAddr,
}

#[derive(Serialize)]
pub(super) struct Api {
    pub(super) listen: &'static str,
    pub(super) keys: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Store<'a> {
    pub(super) path: &'a Path,
}

#[derive(Serialize)]
pub(super) struct Log<'a> {
    pub(super) level: &'a str,
    pub(super) format: &'static str,
}

/// `more` goes over it: `("limits.ring_s", "2")`.
pub(super) fn write(path: &Path, config: &Config<'_>, more: &[(String, String)]) -> anyhow::Result<()> {
    let mut table = toml::Table::try_from(config)?;
    for (key, value) in more {
        let (section, name) = key.split_once('.').with_context(|| format!("{key} names no section"))?;
        let value: toml::Table = format!("{name} = {value}").parse()?;
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        section.as_table_mut().with_context(|| format!("{key} is no section"))?.extend(value);
    }
    Ok(std::fs::write(path, toml::to_string(&table)?)?)
}
