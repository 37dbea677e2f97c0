//! What the core is told at its start. Reading it from a file, and explaining what is wrong with it, is the shell's work.

use std::{collections::BTreeMap, time::Duration};

use doorstep_sip::msg::Host;

use super::ids::{CarrierId, CourierId, Hidden, PhoneNumber};
use crate::masking::NumberPlan;

/// Everything that does not change while the core runs.
#[derive(Debug, Clone)]
pub struct CoreConfig {
    /// `User-Agent` and `Server` header; none when empty.
    pub product: String,
    /// The host in the SIP URIs that apps see (`sip:order.4711@HOST`), and the realm of the digest.
    pub domain: Host,
    /// Carriers, best first: a call goes to the first that answers.
    pub carriers: Vec<CarrierConfig>,
    /// How numbers without a country are read.
    pub numbers: NumberPlan,
    /// Where a courier may transfer a customer to (`REFER` to `sip:contact-centre@…`); `None`: nowhere.
    pub contact_centre: Option<PhoneNumber>,
    /// How many calls, and for how long.
    pub limits: Limits,
    /// How long bindings live.
    pub registrar: RegistrarConfig,
    /// Passwords of couriers whose apps show no token (RFC 7616); empty: a token is needed.
    pub digest: BTreeMap<CourierId, Hidden>,
    /// How long a running call waits for a courier's app whose connection or media was lost.
    pub flow_grace: Duration,
    /// `Session-Expires` of both legs (RFC 4028); `None`: no session timers of our own. At least 90 s.
    pub session_expires: Option<Duration>,
    /// How long [`super::Output::Drained`] may wait for the answers to our BYEs after [`super::Input::Shutdown`].
    pub drain_time: Duration,
}

/// Limits of calls. An order may set its own times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the INVITE to the answer.
    pub ring: Duration,
    /// From the answer to the end.
    pub talk: Duration,
    /// Calls of one courier at once, unanswered ones included; one more is refused with 429.
    pub calls_per_courier: usize,
    /// Calls in all; one more is refused with 503 towards the carrier and 429 towards an app.
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ring: Duration::from_secs(60),
            talk: Duration::from_secs(3600),
            calls_per_courier: 4,
            calls: 1000,
        }
    }
}

/// How long bindings live (RFC 3261 section 10.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrarConfig {
    /// Less is refused with 423.
    pub min_expires: Duration,
    /// More is cut down to this.
    pub max_expires: Duration,
    /// When the app does not say.
    pub default_expires: Duration,
}

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self {
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(7 * 24 * 3600),
            default_expires: Duration::from_secs(3600),
        }
    }
}

/// A user name and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: Hidden,
    /// The password.
    pub password: Hidden,
}

/// A carrier, as SIP needs to know it. Its flows come by [`super::Input::FlowOpened`].
#[derive(Debug, Clone)]
pub struct CarrierConfig {
    /// Its name, in events and flows.
    pub id: CarrierId,
    /// Host of the URIs that we call and register at.
    pub host: Host,
    /// Port of those URIs, where one is needed.
    pub port: Option<u16>,
    /// Host of our From; `None`: the host that the flow's Contact names.
    pub from_host: Option<Host>,
    /// Answers its challenges, and is registered with.
    pub credentials: Option<Credentials>,
    /// Register with the carrier, for this long at a time; `None`: the carrier knows our address.
    pub register: Option<Duration>,
    /// Whether its `P-Asserted-Identity` names the caller (RFC 3325); otherwise From does.
    pub trust_asserted_identity: bool,
    /// Whether we assert the company's number by `P-Asserted-Identity`.
    pub assert_identity: bool,
    /// How often OPTIONS asks whether it is there; `None`: it is taken to be.
    pub health_interval: Option<Duration>,
    /// How long it may take to answer that.
    pub health_timeout: Duration,
}

impl CarrierConfig {
    /// A carrier without credentials that knows our address and is asked for its health every 30 s.
    pub fn new(id: CarrierId, host: Host) -> Self {
        Self {
            id,
            host,
            port: None,
            from_host: None,
            credentials: None,
            register: None,
            trust_asserted_identity: false,
            assert_identity: false,
            health_interval: Some(Duration::from_secs(30)),
            health_timeout: Duration::from_secs(5),
        }
    }
}

impl CoreConfig {
    /// Sane defaults for one domain and numbers of one country; no carrier yet.
    pub fn new(domain: Host, numbers: NumberPlan) -> Self {
        Self {
            product: String::from("Doorstep"),
            domain,
            carriers: Vec::new(),
            numbers,
            contact_centre: None,
            limits: Limits::default(),
            registrar: RegistrarConfig::default(),
            digest: BTreeMap::new(),
            flow_grace: Duration::from_secs(30),
            session_expires: Some(Duration::from_secs(1800)),
            drain_time: Duration::from_secs(5),
        }
    }
}
