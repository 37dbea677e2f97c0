use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::process::Command;

mod centre;
mod company;
mod config;
mod wakes;

use crate::program::{Cast, Program, Role, Story};
use crate::speech::Script;
use centre::Centre;
use config::{Api, Auth, Config, Edge, Fallback, Log, Media, Store, Trunk};
pub use wakes::{Elsewhere, Wakes};

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
    /// There is a contact centre for customers who reach no courier.
    pub contact_centre: bool,
    /// The contact centre has a telephone of its own, and a caller hears this before it is joined with it.
    pub message: Option<Script>,
    /// Push-service and its providers are there, and wake closed apps.
    pub wakes: bool,
    /// The providers are not on this machine, as far as the network goes.
    pub providers: Option<Elsewhere>,
    /// Further lines of the gateway's configuration, by section.
    pub config: Vec<(String, String)>,
}

impl Default for StageOptions {
    fn default() -> Self {
        Self {
            log_level: "debug".to_owned(),
            plain_edge: false,
            contact_centre: false,
            message: None,
            wakes: false,
            providers: None,
            config: Vec::new(),
        }
    }
}

impl StageOptions {
    /// For phones that take every request outside of their call for a fault: no OPTIONS. `more` is as in `config`.
    pub fn without_options<'a>(more: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let quiet = ("trunk.options_interval_s", "0");
        let config = more.into_iter().chain([quiet]).map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self { config: config.collect(), ..Self::default() }
    }

    /// For taps: the couriers' side in the clear, and everything logged.
    pub fn tapped(self) -> Self {
        Self { log_level: "trace".to_owned(), plain_edge: true, ..self }
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
    /// A second address of the customer's phone, for its voice: no configuration names it.
    pub voice: IpAddr,
    /// An address for couriers to come from.
    pub street: IpAddr,
    /// The company's number, which either side sees.
    pub company: String,
    /// The customer's number, which the courier must never see.
    pub customer: String,
    /// The contact centre's number, which neither side must see. Calls to it go to the customer's phone as well, which
    /// stands for the carrier.
    pub centre: String,
    /// The courier's id, which the customer must never see.
    pub courier: String,
    api: String,
    api_key: String,
    jwt_secret: String,
    pin: Option<String>,
    secrets: TempDir,
    http: reqwest::Client,
    wakes: Option<Wakes>,
    telephone: Option<Centre>,
}

/// For plain HTTP on this machine: no certificate is trusted.
fn http_client() -> anyhow::Result<reqwest::Client> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?)
}

impl Stage {
    /// Starts a gateway.
    ///
    /// # Errors
    /// When anything that it needs is missing, or it does not come up; the text says why.
    pub async fn set_up(cast: &Cast, story: &mut Story, options: &StageOptions) -> anyhow::Result<Self> {
        let secrets = TempDir::new().context("no room for temporary files")?;
        let Addresses { trunk, phone, voice, street } = Addresses::own()?;
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
            fallback: options
                .contact_centre
                .then_some(Fallback { contact_centre: &numbers.centre, caller_id: &numbers.company }),
            log: Log { level: &options.log_level, format: "json" },
        };
        let path = secrets.path().join("gateway.toml");
        let wakes = match options.wakes {
            true => {
                let elsewhere = options.providers.as_ref();
                Some(Wakes::set_up(cast, story, secrets.path(), &options.log_level, elsewhere).await?)
            }
            false => None,
        };
        let telephone = match options.message.clone() {
            Some(message) => {
                let customer = (numbers.customer.as_str(), phone);
                Some(Centre::set_up(trunk, customer, &numbers.centre, message, secrets.path()).await?)
            }
            None => None,
        };
        let mut more: Vec<_> = wakes.iter().flat_map(Wakes::config).collect();
        if let Some(centre) = &telephone {
            more.extend(centre.config(&numbers.company)?);
        }
        more.extend_from_slice(&options.config);
        config::write(&path, &config, &more)?;

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
            voice,
            street,
            company: numbers.company,
            customer: numbers.customer,
            centre: numbers.centre,
            courier: format!("courier-{}", random_hex().get(..8).unwrap_or_default()),
            api_key,
            jwt_secret,
            pin: identity.map(|identity| identity.pin),
            secrets,
            http: http_client()?,
            wakes,
            telephone,
        })
    }

    /// Where couriers connect, as an address.
    ///
    /// # Errors
    /// When the gateway told of none.
    pub fn edge_addr(&self) -> anyhow::Result<SocketAddr> {
        let address = self.edge.split("://").nth(1).and_then(|rest| rest.split('/').next());
        address.context("no edge")?.parse().with_context(|| format!("{} names no address", self.edge))
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
        self.telephone(cast, &self.customer, self.phone)
    }

    fn telephone(&self, cast: &Cast, number: &str, at: SocketAddr) -> anyhow::Result<Command> {
        let trunk = self.telephone.as_ref().map_or(self.trunk, Centre::exchange);
        let mut command = cast.command("customer-phone")?;
        command.args([
            "--json",
            "--bind",
            &at.to_string(),
            "--trunk",
            &trunk.to_string(),
            "--number",
            number,
        ]);
        command.env("RUST_LOG", "debug");
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
    centre: String,
}

impl Numbers {
    fn random() -> Self {
        let two = || u32::from(rand::random::<u8>()) % 100;
        Self {
            company: format!("+493023125{:03}", two()),
            customer: format!("+4917139200{:02}", two()),
            centre: format!("+494066969{:03}", two()),
        }
    }
}

/// Loopback addresses that nobody else uses, so that each side's traffic can be told from all other. Where loopback is a
/// single address, two free ports on that.
struct Addresses {
    trunk: SocketAddr,
    phone: SocketAddr,
    voice: IpAddr,
    street: IpAddr,
}

impl Addresses {
    fn own() -> anyhow::Result<Self> {
        for _ in 0..20 {
            let (a, b) = (rand::random::<u8>(), rand::random::<u8>());
            let ip = |last| Ipv4Addr::new(127, a.max(1), b, last);
            let [trunk, phone] = [ip(1), ip(2)].map(|ip| SocketAddr::from((ip, SIP)));
            if UdpSocket::bind(trunk).is_ok() && UdpSocket::bind(phone).is_ok() {
                return Ok(Self { trunk, phone, voice: ip(3).into(), street: ip(4).into() });
            }
        }
        let free = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let [trunk, phone] = [free().context("no free port")?, free().context("no free port")?];
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        Ok(Self { trunk, phone, voice: loopback, street: loopback })
    }
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
