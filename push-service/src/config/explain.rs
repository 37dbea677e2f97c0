//! What the server will do, in words, for `--check`. It shows no secret.

use std::fmt::Write as _;

use super::Config;
use crate::store::Place;

/// Says what a server of this configuration will do, a line per subject, warnings last.
pub fn explain(config: &Config) -> String {
    let mut text = String::new();
    let mut say = |subject: &str, words: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{subject:<9} {words}");
    };
    say("API", config.api.explain());
    say("store", store(config));
    say("Apple", apple(config));
    say("Google", google(config));
    say(
        "payload",
        config
            .gateway
            .as_ref()
            .map_or("names no gateway".to_owned(), |url| format!("names the gateway {url}")),
    );
    say(
        "limits",
        format!(
            "{} pushes in hand, {} requests at once to a provider, {} s to finish on SIGTERM, wakes kept for {} h",
            config.limits.pending,
            config.limits.sends,
            config.limits.shutdown.as_secs(),
            config.limits.retention.as_secs() / 3600
        ),
    );
    say(
        "log",
        format!("{} as {} on stderr", config.log.level, if config.log.json { "JSON" } else { "text" }),
    );
    for warning in warnings(config) {
        say("warning", warning);
    }
    text
}

/// What is allowed but should be known.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(config.api.warning());
    if config.providers.apns.is_none() {
        warnings.push("without [apns] no iPhone can be woken".to_owned());
    }
    if config.providers.fcm.is_none() {
        warnings.push("without [fcm] no Android phone can be woken".to_owned());
    }
    if config.gateway.as_ref().is_some_and(|url| url.starts_with("ws://")) {
        warnings.push("payload.gateway is without TLS: for trials on this machine only".to_owned());
    }
    if config.store.is_unverified() {
        warnings.push(
            "Postgres need not prove who it is: add sslmode=verify-full, and sslrootcert with its root, to store.database_url"
                .to_owned(),
        );
    }
    warnings
}

fn store(config: &Config) -> String {
    match &config.store {
        Place::File(path) => format!("{} (SQLite, this process alone)", path.display()),
        Place::Postgres(_) => "Postgres, shared with other instances".to_owned(),
    }
}

fn apple(config: &Config) -> String {
    let Some(apns) = &config.providers.apns else { return "none".to_owned() };
    let mut words = format!("VoIP pushes of team {} with key {}", apns.team, apns.key_id);
    if !apns.topics.is_empty() {
        let _ = write!(words, " to {}", apns.topics.join(", "));
    }
    for host in [&apns.host, &apns.sandbox_host].into_iter().flatten() {
        let _ = write!(words, ", by {host} instead of Apple's host");
    }
    if apns.proxy.is_some() {
        words.push_str(", through a proxy");
    }
    words
}

fn google(config: &Config) -> String {
    let Some(fcm) = &config.providers.fcm else { return "none".to_owned() };
    let mut words = format!("FCM by the service account in {}", fcm.service_account_file.display());
    for host in [&fcm.host, &fcm.token_uri].into_iter().flatten() {
        let _ = write!(words, ", by {host} instead of Google's host");
    }
    if fcm.proxy.is_some() {
        words.push_str(", through a proxy");
    }
    words
}
