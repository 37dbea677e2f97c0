//! Push-service, and what stands in for Apple and Google behind it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::process::Command;

use super::{READY, Stage, hex, random_hex};
use crate::phone_os::Carrier;
use crate::program::{Cast, Event, Program, Role, Story};

/// For push-service to hear of a device.
const KNOWN: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Who wakes closed apps.
#[derive(Debug)]
pub struct Wakes {
    /// The stand-ins for Apple and Google.
    pub provider: Program,
    /// Push-service.
    pub service: Program,
    /// Push-service's database.
    pub store: PathBuf,
    /// Where push-service answers.
    api: String,
    /// The gateway's key there.
    key: String,
    apns_param: String,
    fcm_param: String,
}

/// Where the stand-ins for Apple and Google run, if not beside push-service.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// What starts their program there: `ip netns exec NAME`.
    pub through: Vec<String>,
    /// Where they listen.
    pub address: IpAddr,
}

impl Elsewhere {
    fn command(&self, here: &Command) -> anyhow::Result<Command> {
        let (first, rest) = self.through.split_first().context("nothing to start the providers with")?;
        let mut command = Command::new(first);
        command.args(rest).arg(here.as_std().get_program());
        command.args(["--listen", &self.address.to_string()]);
        Ok(command)
    }
}

impl Wakes {
    pub(super) async fn set_up(
        cast: &Cast,
        story: &mut Story,
        folder: &Path,
        log_level: &str,
        elsewhere: Option<&Elsewhere>,
    ) -> anyhow::Result<Self> {
        let keys = folder.join("providers");
        std::fs::create_dir_all(&keys)?;
        let mut command = cast.command("doorstep-push-fakes")?;
        if let Some(elsewhere) = elsewhere {
            command = elsewhere.command(&command)?;
        }
        command.arg("--dir").arg(&keys);
        let provider = cast.start(Role::Provider, "provider", command, story)?;
        let ready = story.expect(Role::Provider, "ready", READY).await;
        let ready = ready.with_context(|| format!("no providers{}", provider.last_words()))?;
        let text = |path: &[&str]| find(&ready, path).map(str::to_owned);
        let (team, project) = (text(&["apns", "team"])?, text(&["fcm", "project"])?);
        let topic = text(&["apns", "topics", "0"])?;

        let (key, store) = (random_hex(), folder.join("push.db"));
        let ca = text(&["ca_file"])?;
        let config = json!({
            "api": { "listen": "127.0.0.1:0", "keys": [hex(&Sha256::digest(&key))] },
            "store": { "path": store },
            "log": { "level": log_level, "format": "json" },
            "apns": {
                "key_file": text(&["apns", "key_file"])?,
                "key_id": text(&["apns", "key_id"])?,
                "team": team,
                "host": text(&["apns", "host"])?,
                "ca_file": ca,
            },
            "fcm": {
                "service_account_file": text(&["fcm", "service_account_file"])?,
                "host": text(&["fcm", "host"])?,
                "token_uri": text(&["fcm", "token_uri"])?,
                "ca_file": ca,
            },
        });
        let path = folder.join("push.toml");
        std::fs::write(&path, toml::to_string(&toml::Table::try_from(config)?)?)?;
        let mut command = cast.command("doorstep-push")?;
        command.arg("--config").arg(&path).arg("--ready-json");
        let service = cast.start(Role::Push, "push", command, story)?;
        let ready = story.expect(Role::Push, "ready", READY).await;
        let ready = ready.with_context(|| format!("push-service did not come up{}", service.last_words()))?;
        let api = ready.text("api").context("push-service's ready line names no `api`")?.to_owned();
        Ok(Self {
            provider,
            service,
            store,
            api,
            key,
            apns_param: format!("{team}.{topic}"),
            fcm_param: project,
        })
    }

    /// Further lines of the gateway's configuration.
    pub(super) fn config(&self) -> [(String, String); 2] {
        let text = |text: &str| toml::Value::from(text).to_string();
        [("push.url".to_owned(), text(&self.api)), ("push.key".to_owned(), text(&self.key))]
    }
}

impl Stage {
    /// RFC 8599 `pn-param` of the courier's app.
    ///
    /// # Errors
    /// When nobody wakes apps on this stage.
    pub fn push_param(&self, carrier: Carrier) -> anyhow::Result<&str> {
        let wakes = self.wakes()?;
        Ok(match carrier {
            Carrier::Apns => &wakes.apns_param,
            Carrier::Fcm => &wakes.fcm_param,
        })
    }

    /// Who wakes closed apps.
    ///
    /// # Errors
    /// When nobody does on this stage.
    pub fn wakes(&self) -> anyhow::Result<&Wakes> {
        self.wakes.as_ref().context("nobody wakes apps on this stage")
    }

    /// Stops push-service and then its providers, and shows them.
    ///
    /// # Errors
    /// When one had to be killed, or ended with an error.
    pub async fn stop_wakes(&mut self) -> anyhow::Result<Vec<&Program>> {
        let Some(wakes) = &mut self.wakes else { return Ok(Vec::new()) };
        wakes.service.stop().await?;
        wakes.provider.stop().await?;
        Ok(vec![&wakes.service, &wakes.provider])
    }

    /// Waits until push-service knows that the courier's app is to be reached by this carrier.
    ///
    /// # Errors
    /// When it is not told in time.
    pub async fn until_device_is_known(&self, carrier: Carrier) -> anyhow::Result<()> {
        let look = async {
            let mut looks = tokio::time::interval(LOOK);
            loop {
                // It has no way to tell by itself.
                looks.tick().await;
                let devices = self.ask_push(&format!("/v1/users/{}/devices", self.courier)).await?;
                let known = devices.as_ref().is_some_and(|devices| names(devices, carrier));
                if known {
                    return anyhow::Ok(());
                }
            }
        };
        let known = tokio::time::timeout(KNOWN, look).await;
        known.unwrap_or_else(|_| bail!("push-service was told of no device of the courier's"))
    }

    /// When push-service took the wake of a call, from 1970 on; `None` if it knows none.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn wake_accepted_at(&self, call: &str) -> anyhow::Result<Option<Duration>> {
        let wake = self.ask_push(&format!("/v1/wakes/{call}")).await?;
        let at = wake.as_ref().and_then(|wake| wake.get("accepted_at")?.as_str());
        let at = at.map(|at| OffsetDateTime::parse(at, &Rfc3339)).transpose()?;
        Ok(at.and_then(|at| Duration::try_from(at - OffsetDateTime::UNIX_EPOCH).ok()))
    }

    /// Push-service's answer to a GET; `None` where it knows nothing of it.
    async fn ask_push(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let wakes = self.wakes()?;
        let request = self.http.get(format!("{}{path}", wakes.api)).bearer_auth(&wakes.key);
        let response = request.send().await.context("push-service's API does not answer")?;
        match response.status().as_u16() {
            200 => Ok(Some(serde_json::from_str(&response.text().await?)?)),
            404 => Ok(None),
            status => bail!("push-service refuses GET {path}: {status} {}", response.text().await?),
        }
    }
}

/// Whether a list of devices has one of this carrier's.
fn names(devices: &Value, carrier: Carrier) -> bool {
    let list = devices.as_array().or_else(|| devices.get("devices")?.as_array());
    let of = |device: &Value| device.get("provider").and_then(Value::as_str) == Some(carrier.name());
    list.is_some_and(|list| list.iter().any(of))
}

fn find<'a>(event: &'a Event, path: &[&str]) -> anyhow::Result<&'a str> {
    let (first, rest) = path.split_first().context("no path")?;
    let mut value = event.fields.get(*first);
    for name in rest {
        value = value.and_then(|value| match name.parse::<usize>() {
            Ok(place) => value.get(place),
            Err(_) => value.get(name),
        });
    }
    value
        .and_then(Value::as_str)
        .with_context(|| format!("the providers' ready line names no {}", path.join(".")))
}
