use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Cast, Program, Role, Story};

/// How long the gateway may take to be ready, on a slow machine that still compiles something else.
const READY: Duration = Duration::from_secs(30);
/// The usual SIP port; the addresses are this run's own, so that it is free.
const SIP: u16 = 5060;

/// What may differ from the demo.
#[derive(Debug, Clone)]
pub struct StageOptions {
    /// What the gateway logs.
    pub log_level: String,
    /// Couriers connect without TLS, so that a tap can read along.
    pub plain_edge: bool,
    /// Further lines of the gateway's configuration, by section.
    pub config: Vec<(String, String)>,
}

impl Default for StageOptions {
    fn default() -> Self {
        Self { log_level: "debug".to_owned(), plain_edge: false, config: Vec::new() }
    }
}

/// A gateway that runs, with its company, a courier and a customer who know nothing of each other.
#[derive(Debug)]
pub struct Stage {
    /// The gateway's program.
    pub gateway: Program,
    /// Where couriers connect.
    pub edge: String,
    /// Where the carrier sends SIP to.
    pub trunk: SocketAddr,
    /// Where the customer's phone listens.
    pub phone: SocketAddr,
    /// The company's number, which either side sees.
    pub company: String,
    /// The customer's number, which the courier must never see.
    pub customer: String,
    /// The courier's id, which the customer must never see.
    pub courier: String,
    api: String,
    api_key: String,
    jwt_secret: String,
    pin: Option<String>,
    secrets: TempDir,
    http: reqwest::Client,
}

impl Stage {
    /// Starts a gateway.
    ///
    /// # Errors
    /// When anything that it needs is missing, or it does not come up; the text says why.
    pub async fn set_up(cast: &Cast, story: &mut Story, options: &StageOptions) -> anyhow::Result<Self> {
        let secrets = TempDir::new().context("no room for temporary files")?;
        let (trunk, phone) = own_addresses()?;
        let (api_key, jwt_secret) = (random_hex(), random_hex());
        let identity = (!options.plain_edge).then(|| Identity::make(secrets.path())).transpose()?;
        let store = secrets.path().join("gateway.db");
        let numbers = Numbers::random();
        let config = Config {
            edge: Edge {
                listen: "127.0.0.1:0",
                tls_cert: identity.as_ref().map(|identity| identity.cert.as_path()),
                tls_key: identity.as_ref().map(|identity| identity.key.as_path()),
                insecure_loopback: options.plain_edge,
            },
            auth: Auth { jwt_secret: &jwt_secret, issuer: ISSUER, audience: AUDIENCE },
            trunk: Trunk {
                udp: trunk.to_string(),
                tcp: trunk.to_string(),
                carrier: phone.to_string(),
                sources: vec![phone.ip().to_string()],
                trust_asserted_identity: true,
            },
            media: Media { edge_ips: vec!["127.0.0.1"], trunk_ip: trunk.ip() },
            api: Api { listen: "127.0.0.1:0", keys: vec![hex(&Sha256::digest(&api_key))] },
            store: Store { path: &store },
            log: Log { level: &options.log_level, format: "json" },
        };
        let path = secrets.path().join("gateway.toml");
        write_config(&path, &config, &options.config)?;

        let gateway = start_gateway(cast, story, &path)?;
        let ready = match story.expect(Role::Gateway, "ready", READY).await {
            Ok(ready) => ready,
            Err(error) => bail!("the gateway did not come up: {error}{}", gateway.last_words()),
        };
        let text = |field: &str| {
            let found = ready.text(field).map(str::to_owned);
            found.with_context(|| format!("the gateway's ready line names no `{field}`"))
        };
        Ok(Self {
            edge: text("edge")?,
            api: text("api")?,
            gateway,
            trunk,
            phone,
            company: numbers.company,
            customer: numbers.customer,
            courier: format!("courier-{}", random_hex().get(..8).unwrap_or_default()),
            api_key,
            jwt_secret,
            pin: identity.map(|identity| identity.pin),
            secrets,
            http: reqwest::Client::new(),
        })
    }

    /// The company's backend tells the gateway of its number and of an order of this stage's courier and customer.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn place_order(&self, order: &str, label: &str) -> anyhow::Result<()> {
        self.put_order(order, &self.courier, &self.customer, label).await
    }

    /// The same for any courier and customer.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn put_order(
        &self,
        order: &str,
        courier: &str,
        customer: &str,
        label: &str,
    ) -> anyhow::Result<()> {
        self.put_number().await?;
        let closes = time_text(SystemTime::now() + Duration::from_secs(3600));
        let body = json!({
            "courier": courier,
            "customer": customer,
            "label": label,
            "caller_id": self.company,
            "closes_at": closes,
        });
        self.put(&format!("/v1/orders/{order}"), &body).await
    }

    /// The company's number joins the pool.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn put_number(&self) -> anyhow::Result<()> {
        self.put(&format!("/v1/numbers/{}", self.company), &json!({})).await
    }

    /// Where couriers connect, as an address.
    ///
    /// # Errors
    /// When the gateway told of none.
    pub fn edge_addr(&self) -> anyhow::Result<SocketAddr> {
        let address = self.edge.split("://").nth(1).and_then(|rest| rest.split('/').next());
        address.context("no edge")?.parse().with_context(|| format!("{} names no address", self.edge))
    }

    /// What the API answers to a GET: status and text.
    ///
    /// # Errors
    /// When the gateway cannot be reached.
    pub async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let request = self.http.get(format!("{}{path}", self.api)).bearer_auth(&self.api_key);
        let response = request.send().await.context("the gateway's API does not answer")?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Sends a PUT to the API.
    ///
    /// # Errors
    /// When the gateway cannot be reached, or refuses.
    pub async fn put(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        let (status, text) = self.try_put(path, body).await?;
        if !(200..300).contains(&status) {
            bail!("the gateway's API refuses PUT {path}: {status} {text}");
        }
        Ok(())
    }

    /// Sends a PUT to the API: status and text, whatever they are.
    ///
    /// # Errors
    /// When the gateway cannot be reached.
    pub async fn try_put(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<(u16, String)> {
        let request = self.http.put(format!("{}{path}", self.api)).bearer_auth(&self.api_key).json(body);
        let response = request.send().await.context("the gateway's API does not answer")?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Sends a DELETE to the API.
    ///
    /// # Errors
    /// When the gateway cannot be reached, or refuses.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let request = self.http.delete(format!("{}{path}", self.api)).bearer_auth(&self.api_key);
        let response = request.send().await.context("the gateway's API does not answer")?;
        let status = response.status();
        if !status.is_success() {
            bail!("the gateway's API refuses DELETE {path}: {status} {}", response.text().await?);
        }
        Ok(())
    }

    /// A token for a courier, as the company's backend makes it.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, courier: &str, valid: Duration) -> anyhow::Result<String> {
        let expires = SystemTime::now().duration_since(UNIX_EPOCH)? + valid;
        let claims = json!({"sub": courier, "iss": ISSUER, "aud": AUDIENCE, "exp": expires.as_secs()});
        let key = jsonwebtoken::EncodingKey::from_secret(self.jwt_secret.as_bytes());
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        jsonwebtoken::encode(&header, &claims, &key).context("the token cannot be signed")
    }

    /// What the gateway's key is known by (`sha256//…`); `None` where couriers connect without TLS.
    pub fn pin(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// The courier's app, signed in; the caller adds what it is to do.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn courier_app(&self, cast: &Cast) -> anyhow::Result<Command> {
        let mut command = cast.command("courier-cli")?;
        command.args(["--json", "--gateway", &self.edge]);
        if let Some(pin) = &self.pin {
            command.args(["--pin", pin]);
        }
        // Not on the command line, where every user of the machine could read it.
        command.env("DOORSTEP_TOKEN", self.token(&self.courier, Duration::from_secs(3600))?);
        command.env("RUST_LOG", "debug");
        Ok(command)
    }

    /// The customer's phone; the caller adds what it is to do.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn customer_phone(&self, cast: &Cast) -> anyhow::Result<Command> {
        let mut command = cast.command("customer-phone")?;
        command.args(["--json", "--bind", &self.phone.to_string(), "--trunk", &self.trunk.to_string()]);
        command.args(["--number", &self.customer]).env("RUST_LOG", "debug");
        Ok(command)
    }

    /// Starts a gateway again on the same configuration and store, after it was stopped or killed.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart_gateway(&mut self, cast: &Cast, story: &mut Story) -> anyhow::Result<()> {
        self.gateway = start_gateway(cast, story, &self.secrets.path().join("gateway.toml"))?;
        let ready = story.expect(Role::Gateway, "ready", READY).await?;
        self.edge = ready.text("edge").context("no edge")?.to_owned();
        self.api = ready.text("api").context("no API")?.to_owned();
        Ok(())
    }
}

const ISSUER: &str = "doorstep-demo";
const AUDIENCE: &str = "doorstep";

/// Who the gateway is towards apps: a certificate of its own, which the app knows by its key.
struct Identity {
    cert: PathBuf,
    key: PathBuf,
    pin: String,
}

impl Identity {
    fn make(folder: &Path) -> anyhow::Result<Self> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).context("no certificate can be made")?;
        let (cert, key) = (folder.join("gateway.crt"), folder.join("gateway.key"));
        std::fs::write(&cert, made.cert.pem())?;
        std::fs::write(&key, made.signing_key.serialize_pem())?;
        let spki = rcgen::PublicKeyData::subject_public_key_info(&made.signing_key);
        let pin = format!("sha256//{}", STANDARD.encode(Sha256::digest(spki)));
        Ok(Self { cert, key, pin })
    }
}

/// Of the ranges that the German regulator keeps free for stories, so that nobody is called by accident.
struct Numbers {
    company: String,
    customer: String,
}

impl Numbers {
    fn random() -> Self {
        let two = || u32::from(rand::random::<u8>()) % 100;
        Self { company: format!("+493023125{:03}", two()), customer: format!("+4917139200{:02}", two()) }
    }
}

/// Two loopback addresses that nobody else uses, so that the trunk side's traffic can be told from all other: the
/// gateway's and the phone's. Where loopback is a single address, two free ports on that.
fn own_addresses() -> anyhow::Result<(SocketAddr, SocketAddr)> {
    for _ in 0..20 {
        let (a, b) = (rand::random::<u8>(), rand::random::<u8>());
        let address = |last| SocketAddr::from((Ipv4Addr::new(127, a.max(1), b, last), SIP));
        let (gateway, phone) = (address(1), address(2));
        if UdpSocket::bind(gateway).is_ok() && UdpSocket::bind(phone).is_ok() {
            return Ok((gateway, phone));
        }
    }
    let free = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    Ok((free().context("no free port")?, free().context("no free port")?))
}

#[derive(Serialize)]
struct Config<'a> {
    edge: Edge<'a>,
    auth: Auth<'a>,
    trunk: Trunk,
    media: Media,
    api: Api,
    store: Store<'a>,
    log: Log<'a>,
}

#[derive(Serialize)]
struct Edge<'a> {
    listen: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_key: Option<&'a Path>,
    insecure_loopback: bool,
}

#[derive(Serialize)]
struct Auth<'a> {
    jwt_secret: &'a str,
    issuer: &'static str,
    audience: &'static str,
}

#[derive(Serialize)]
struct Trunk {
    udp: String,
    tcp: String,
    carrier: String,
    sources: Vec<String>,
    trust_asserted_identity: bool,
}

#[derive(Serialize)]
struct Media {
    edge_ips: Vec<&'static str>,
    trunk_ip: IpAddr,
}

#[derive(Serialize)]
struct Api {
    listen: &'static str,
    keys: Vec<String>,
}

#[derive(Serialize)]
struct Store<'a> {
    path: &'a Path,
}

#[derive(Serialize)]
struct Log<'a> {
    level: &'a str,
    format: &'static str,
}

/// `more` goes over it: `("limits.ring_s", "2")`.
fn write_config(path: &Path, config: &Config<'_>, more: &[(String, String)]) -> anyhow::Result<()> {
    let mut table = toml::Table::try_from(config)?;
    for (key, value) in more {
        let (section, name) = key.split_once('.').with_context(|| format!("{key} names no section"))?;
        let value: toml::Table = format!("{name} = {value}").parse()?;
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        section.as_table_mut().with_context(|| format!("{key} is no section"))?.extend(value);
    }
    Ok(std::fs::write(path, toml::to_string(&table)?)?)
}

fn start_gateway(cast: &Cast, story: &Story, config: &Path) -> anyhow::Result<Program> {
    let mut command = cast.command("doorstep-gateway")?;
    command.arg("--config").arg(config).arg("--ready-json");
    cast.start(Role::Gateway, "gateway", command, story)
}

fn random_hex() -> String {
    hex(&rand::random::<[u8; 16]>())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3339, UTC.
fn time_text(at: SystemTime) -> String {
    let at = time::OffsetDateTime::from(at);
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
