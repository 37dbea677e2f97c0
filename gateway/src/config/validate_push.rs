//! What happens to callers who reach no courier at once: waking the app, and the recording.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::judge::Judge;
use super::raw;
use super::{Environment, Message, Push};
use crate::media::Clip;

impl Judge<'_> {
    pub(super) fn message(&mut self, path: Option<&str>) -> Option<Message> {
        let path = PathBuf::from(path?);
        match Clip::load(&path) {
            Ok(clip) => Some(Message { path, clip }),
            Err(error) => {
                self.refuse("fallback.message", &format!("{}: {error}", path.display()), Clip::ALLOWED);
                None
            }
        }
    }

    pub(super) fn push(&mut self, raw: &raw::Push) -> Option<Push> {
        let key = self.secret("push.key", raw.key.as_ref(), raw.key_file.as_deref());
        let timeout = Duration::from_millis(self.range("push.timeout_ms", raw.timeout_ms, 100..=30_000));
        let environment = match raw.environment.as_str() {
            "production" => Environment::Production,
            "sandbox" => Environment::Sandbox,
            other => {
                self.refuse("push.environment", &format!("{other:?}"), "production or sandbox");
                Environment::Production
            }
        };
        let ca_file = raw.ca_file.as_ref().map(PathBuf::from);
        if let Some(path) = &ca_file {
            self.roots("push.ca_file", path);
        }
        let Some(text) = &raw.url else {
            if key.is_some() || ca_file.is_some() {
                self.refuse("push.url", "a key or roots without a URL", "url = \"https://…\" beside it");
            }
            return None;
        };
        let url = self.push_url(text);
        if key.is_none() && raw.key_file.is_none() {
            self.refuse("push.key", "no key", "key or key_file, as push-service knows it");
        }
        Some(Push { url: url?, key: key?, ca_file, timeout, environment })
    }

    /// The key and couriers' tokens go there: beyond this machine only by TLS.
    fn push_url(&mut self, text: &str) -> Option<Url> {
        let found = Url::parse(text).ok().filter(|url| {
            let loopback = match url.host_str() {
                Some("localhost") => true,
                Some(host) => host
                    .trim_start_matches('[')
                    .trim_end_matches(']')
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback()),
                None => false,
            };
            let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
            plain && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
        });
        if found.is_none() {
            self.refuse(
                "push.url",
                "a URL that cannot be used",
                "https://host:port, or http:// on a loopback address; no user or query in it",
            );
        }
        found
    }

    fn roots(&mut self, key: &str, path: &Path) {
        if let Err(error) = doorstep_service::tls::client_config(Some(path)) {
            self.refuse(key, &error.to_string(), "a PEM file with root certificates");
        }
    }
}
