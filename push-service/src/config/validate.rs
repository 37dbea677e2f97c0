//! [`Raw`] is judged: each value for itself, then what must go together. Everything wrong is collected.

use std::path::PathBuf;
use std::time::Duration;

use doorstep_service::config::{ApiConfig, Judge, Places, Problems};

use super::Config;
use super::raw::{self, Raw};
use crate::provider::ProviderSettings;
use crate::provider::apns::ApnsSettings;
use crate::provider::fcm::FcmSettings;
use crate::queue::Limits;
use crate::store::Place;

pub(super) fn validate(raw: &Raw, places: &Places) -> Result<Config, Problems> {
    let mut judge = Judge::new(places);
    let config = Config {
        api: ApiConfig::judge(&mut judge, &raw.api, 7490, "doorstep-push hash-key"),
        store: store(&mut judge, &raw.store),
        limits: limits(&mut judge, raw),
        gateway: gateway(&mut judge, raw.payload.gateway.as_deref()),
        providers: ProviderSettings { apns: apns(&mut judge, &raw.apns), fcm: fcm(&mut judge, &raw.fcm) },
        log: judge.log("log", &raw.log.level, &raw.log.format),
    };
    let problems = judge.into_problems();
    if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
}

fn store(judge: &mut Judge<'_>, raw: &raw::Store) -> Place {
    let url = judge.secret("store.database_url", raw.database_url.as_ref(), raw.database_url_file.as_deref());
    if let Some(url) = url {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme)) {
            judge.refuse(
                "store.database_url",
                "no URL of a Postgres database",
                "postgres://USER:PASSWORD@HOST/DATABASE",
            );
        }
        return Place::Postgres(url);
    }
    let path = PathBuf::from(&raw.path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.file_name().is_none() {
        judge.refuse("store.path", "no file's name", "the path of a file");
    } else if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        judge.refuse(
            "store.path",
            &format!("no folder {}", folder.display()),
            "a file in a folder that exists",
        );
    }
    Place::File(path)
}

fn limits(judge: &mut Judge<'_>, raw: &Raw) -> Limits {
    Limits {
        pending: judge.size("queue.pending", raw.queue.pending, 1..=1_000_000),
        sends: judge.size("queue.sends", raw.queue.sends, 1..=10_000),
        shutdown: judge.seconds("queue.shutdown_s", raw.queue.shutdown_s, 1..=600),
        retention: Duration::from_secs(
            3600 * judge.range("store.retention_h", raw.store.retention_h, 1..=8760),
        ),
    }
}

fn gateway(judge: &mut Judge<'_>, url: Option<&str>) -> Option<String> {
    let url = url?;
    let known = ["wss://", "ws://"].iter().any(|scheme| url.starts_with(scheme) && url.len() > scheme.len());
    if !known || url.len() > 200 || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        judge.refuse(
            "payload.gateway",
            &format!("{url:?}"),
            "the gateway's wss:// URL, up to 200 characters",
        );
    }
    Some(url.to_owned())
}

/// Whether a file can be read is said here, since a service that finds out at the first call is of no use.
fn file(judge: &mut Judge<'_>, key: &str, path: &str) -> PathBuf {
    if let Err(error) = std::fs::File::open(path) {
        judge.refuse(key, &format!("{path}: {error}"), "a readable file");
    }
    PathBuf::from(path)
}

fn apns(judge: &mut Judge<'_>, raw: &raw::Apns) -> Option<ApnsSettings> {
    let parts = [("key_file", &raw.key_file), ("key_id", &raw.key_id), ("team", &raw.team)];
    let others = [&raw.host, &raw.sandbox_host, &raw.ca_file, &raw.proxy];
    if parts.iter().all(|(_, value)| value.is_none())
        && others.iter().all(|value| value.is_none())
        && raw.topics.is_empty()
    {
        return None;
    }
    for (name, _) in parts.iter().filter(|(_, value)| value.is_none()) {
        judge.refuse(&format!("apns.{name}"), "nothing", "key_file, key_id and team together");
    }
    for (name, id) in [("key_id", &raw.key_id), ("team", &raw.team)] {
        let bad = |id: &&String| id.len() != 10 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if let Some(id) = id.as_ref().filter(bad) {
            judge.refuse(
                &format!("apns.{name}"),
                &format!("{id:?}"),
                "ten letters and digits, as Apple shows it",
            );
        }
    }
    for topic in raw.topics.iter().filter(|topic| !topic.ends_with(".voip")) {
        judge.refuse(
            "apns.topics",
            &format!("{topic:?}"),
            "topics of VoIP pushes: the bundle's id and .voip",
        );
    }
    Some(ApnsSettings {
        key_file: file(judge, "apns.key_file", raw.key_file.as_deref()?),
        key_id: raw.key_id.clone()?,
        team: raw.team.clone()?,
        topics: raw.topics.clone(),
        host: raw.host.clone(),
        sandbox_host: raw.sandbox_host.clone(),
        ca_file: raw.ca_file.as_deref().map(|path| file(judge, "apns.ca_file", path)),
        proxy: raw.proxy.clone(),
    })
}

fn fcm(judge: &mut Judge<'_>, raw: &raw::Fcm) -> Option<FcmSettings> {
    let Some(account) = &raw.service_account_file else {
        if raw.host.is_some() || raw.token_uri.is_some() || raw.ca_file.is_some() || raw.proxy.is_some() {
            judge.refuse("fcm.service_account_file", "nothing", "the service account's JSON file");
        }
        return None;
    };
    Some(FcmSettings {
        service_account_file: file(judge, "fcm.service_account_file", account),
        host: raw.host.clone(),
        token_uri: raw.token_uri.clone(),
        ca_file: raw.ca_file.as_deref().map(|path| file(judge, "fcm.ca_file", path)),
        proxy: raw.proxy.clone(),
    })
}
