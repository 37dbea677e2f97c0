//! Who plays: one courier and one customer, with a number, an id and names that nobody else has.

use std::path::Path;
use std::time::Duration;

use customer_phone::{Gossip, OnCall, PhoneConfig, SignIn, Transport};
use doorstep_media::sdp::Codec;
use doorstep_sip::Sensitive;
use doorstep_sip::msg::Host;
use doorstep_testkit::leaks::Scanner;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::evidence::Evidence;
use super::side::Side;
use crate::Stage;

/// How long a courier's token lasts.
const SHIFT: Duration = Duration::from_secs(3600);

/// See the [module](self).
pub(super) struct Pair {
    pub(super) courier: Side,
    pub(super) customer: Side,
    pub(super) secrets: Secrets,
    pub(super) evidence: Evidence,
}

/// What must not cross.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    pub(super) number: String,
    pub(super) customer_name: String,
    pub(super) courier: String,
    pub(super) courier_name: String,
}

impl Secrets {
    pub(super) fn random(rng: &mut StdRng) -> Self {
        Self {
            number: format!("+4917139{:06}", rng.random_range(0..1_000_000)),
            customer_name: format!("Anna-{:08x}", rng.random::<u32>()),
            courier: format!("courier-{:08x}", rng.random::<u32>()),
            courier_name: format!("Kurt-{:08x}", rng.random::<u32>()),
        }
    }

    pub(super) fn of_customer(&self, scanner: Scanner) -> anyhow::Result<Scanner> {
        let scanner = scanner.number("the customer's number", &self.number)?;
        Ok(scanner.text("the customer's name", &self.customer_name)?)
    }

    pub(super) fn of_courier(&self, scanner: Scanner) -> anyhow::Result<Scanner> {
        Ok(scanner.text("the courier's id", &self.courier)?.text("the courier's name", &self.courier_name)?)
    }

    pub(super) fn add_to(&self, scanner: Scanner) -> anyhow::Result<Scanner> {
        self.of_courier(self.of_customer(scanner)?)
    }
}

/// The addresses that no configuration names. Where everybody shares the one loopback address, it tells nothing.
pub(super) fn addresses(scanner: Scanner, stage: &Stage) -> Scanner {
    if stage.street == stage.voice {
        return scanner;
    }
    scanner.address("the courier's address", stage.street).address("the customer's address", stage.voice)
}

impl Pair {
    /// New people at the stage's telephones.
    pub(super) async fn start(
        stage: &mut Stage,
        rng: &mut StdRng,
        folder: &Path,
        number: usize,
    ) -> anyhow::Result<Self> {
        let secrets = Secrets::random(rng);
        stage.customer.clone_from(&secrets.number);
        stage.courier.clone_from(&secrets.courier);
        let courier = app(stage, &secrets, SignIn::Token(token(stage, &secrets.courier)?))?;
        let courier = Side::start(courier, folder, &format!("{number}-courier")).await?;
        let customer = Side::start(phone(stage, &secrets), folder, &format!("{number}-customer")).await?;
        courier.phone.register().await?;
        let evidence = Evidence::new(secrets.clone());
        Ok(Self { courier, customer, secrets, evidence })
    }

    /// They hang up for good; what they saw is left.
    pub(super) async fn end(self) -> Evidence {
        let Self { courier, customer, mut evidence, .. } = self;
        evidence.add_courier(courier.end().await);
        evidence.add_customer(customer.end().await);
        evidence
    }
}

pub(super) fn token(stage: &Stage, courier: &str) -> anyhow::Result<Sensitive<String>> {
    Ok(Sensitive::new(stage.token(courier, SHIFT)?))
}

/// The courier's app.
pub(super) fn app(stage: &Stage, secrets: &Secrets, sign_in: SignIn) -> anyhow::Result<PhoneConfig> {
    let Secrets { courier, courier_name: name, .. } = secrets;
    Ok(PhoneConfig {
        transport: Transport::WebSocket { sign_in, domain: Host::domain("doorstep.invalid")? },
        bind: (stage.street, 0).into(),
        codecs: vec![Codec::Opus, Codec::Pcmu],
        on_call: OnCall::Ring,
        display_name: Some(name.clone()),
        gossip: gossip(name, courier),
        ..PhoneConfig::new(courier, stage.edge_addr()?)
    })
}

/// The customer's telephone.
pub(super) fn phone(stage: &Stage, secrets: &Secrets) -> PhoneConfig {
    let Secrets { number, customer_name: name, .. } = secrets;
    PhoneConfig {
        bind: stage.phone,
        media_ip: Some(stage.voice),
        on_call: OnCall::Ring,
        // The worst that a carrier may hand over: name and number in one.
        display_name: Some(format!("{name} {number}")),
        gossip: gossip(name, number),
        ..PhoneConfig::new(number, stage.trunk)
    }
}

/// Everything that a message has room for.
fn gossip(name: &str, id: &str) -> Gossip {
    let uri = format!("\"{name}\" <sip:{id}@{name}.example;user=phone>");
    let text = format!("{name} {id}");
    let named = ["Remote-Party-ID", "P-Preferred-Identity", "Diversion", "History-Info", "Reply-To"];
    let told = ["Subject", "Organization", "X-Caller", "User-to-User", "Comment"];
    let headers = named.iter().map(|header| ((*header).to_owned(), uri.clone()));
    let headers = headers.chain(told.iter().map(|header| ((*header).to_owned(), text.clone())));
    Gossip {
        headers: headers
            .chain([("Call-Info".to_owned(), format!("<http://{name}.example/{id}>;purpose=info"))])
            .collect(),
        session_lines: vec![
            format!("i={text}"),
            format!("u=http://{name}.example/{id}"),
            format!("e={name}@{name}.example"),
            format!("p={id}"),
        ],
        media_lines: vec![format!("a=x-caller:{text}"), format!("a=label:{id}")],
        words: Some(text),
    }
}
