//! The carriers' side: which flow leads to which carrier, and the calls that come in and go out there.

use std::collections::BTreeMap;

use doorstep_sip::digest::Credentials as DigestCredentials;
use doorstep_sip::msg::{HeaderName, Headers, NameAddr, Request, Response, SipUri, StatusCode};
use doorstep_sip::registration::Registration;
use doorstep_sip::ua::{Invite, Reply, RequestId, SessionId, UaConfig, UaEvent, UserAgent};
use rand::RngExt as _;
use rand_chacha::ChaCha12Rng;

use super::config::{CarrierConfig, CoreConfig};
use super::edge::sessions_for;
use super::gateway::GatewayCore;
use super::headers::{add, refusal_for_carrier};
use super::health::Health;
use super::ids::{CarrierId, FlowId, FlowInfo, PhoneNumber, Sdp, Side, Timestamp};
use super::io::GatewayEvent;
use super::lookup::Lookup;
use super::pending::Pending;
use super::reading::{called_of, caller_of, sdp_of};
use super::refusal::ErrorCode;
use super::registration::{log, registration_with};

/// The carriers' side.
pub(super) struct Trunk {
    pub(super) ua: UserAgent,
    /// Which carrier a flow is of, by its place in `carriers`.
    flows: BTreeMap<FlowId, usize>,
    pub(super) carriers: Vec<Carrier>,
}

/// One carrier.
pub(super) struct Carrier {
    pub(super) config: CarrierConfig,
    /// Where our requests go, with the host that stands for us there.
    pub(super) outbound: Option<Outbound>,
    pub(super) health: Health,
    pub(super) registration: Option<Registration>,
}

/// The flow to a carrier.
#[derive(Debug, Clone)]
pub(super) struct Outbound {
    pub(super) flow: FlowId,
    contact: SipUri,
}

impl Trunk {
    pub(super) fn new(config: &CoreConfig, rng: &mut ChaCha12Rng) -> Self {
        let ua = UserAgent::new(
            UaConfig {
                product: config.product.clone(),
                session_expires: config.session_expires,
                max_sessions: sessions_for(config),
                ..UaConfig::default()
            },
            rng.random(),
        );
        let carriers = config.carriers.iter().map(|config| Carrier {
            outbound: None,
            health: Health::new(config.health_interval, config.health_timeout),
            registration: registration_with(config, rng.random()),
            config: config.clone(),
        });
        Self { ua, flows: BTreeMap::new(), carriers: carriers.collect() }
    }

    pub(super) fn flow_closed(&mut self, now: Timestamp, flow: FlowId) {
        self.flows.remove(&flow);
        self.ua.flow_closed(now, flow);
        for carrier in &mut self.carriers {
            if carrier.outbound.take_if(|outbound| outbound.flow == flow).is_some()
                && let Some(registration) = &mut carrier.registration
                && let Err(error) = registration.flow_changed(now, &mut self.ua, None)
            {
                tracing::debug!(%error, "a registration could not be told of its flow's end");
            }
        }
    }

    pub(super) fn is_open(&self, flow: FlowId) -> bool {
        self.flows.contains_key(&flow)
    }

    /// Which carrier a session is with.
    pub(super) fn carrier_of(&self, session: SessionId) -> Option<usize> {
        self.flows.get(&self.ua.session_flow(session)?).copied()
    }

    /// Whether any carrier would take a call.
    pub(super) fn is_up(&self) -> bool {
        self.carriers.iter().any(Carrier::is_up)
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let due = |carrier: &Carrier| {
            let health = carrier.health.next_deadline().filter(|_| carrier.outbound.is_some());
            [health, carrier.registration.as_ref().and_then(Registration::next_deadline)]
        };
        self.carriers.iter().flat_map(due).flatten().min()
    }
}

impl Carrier {
    pub(super) fn is_up(&self) -> bool {
        self.outbound.is_some() && self.health.is_up()
    }

    /// `sip:HOST`, the carrier itself.
    pub(super) fn uri(&self) -> SipUri {
        uri_of_carrier(&self.config)
    }

    /// A number at the carrier.
    fn uri_of(&self, number: &PhoneNumber) -> SipUri {
        self.uri().with_user(number.expose())
    }

    /// What stands for us in From, without a user part.
    fn own_uri(&self, outbound: &Outbound) -> SipUri {
        match &self.config.from_host {
            Some(host) => SipUri::new(host.clone()),
            None => SipUri::new(outbound.contact.host.clone()),
        }
    }

    /// Who we are to the carrier: its user name for us where it gave one.
    pub(super) fn own_address(&self, outbound: &Outbound) -> NameAddr {
        NameAddr::new(self.own_uri(outbound).with_user(own_user(&self.config)))
    }

    pub(super) fn invite(
        &self,
        outbound: &Outbound,
        number: &PhoneNumber,
        caller_id: &PhoneNumber,
        offer: Sdp,
    ) -> Invite {
        let from = NameAddr::new(self.own_uri(outbound).with_user(caller_id.expose()));
        let mut headers = Headers::default();
        if self.config.assert_identity {
            add(&mut headers, HeaderName::PAssertedIdentity, from.to_string());
        }
        Invite {
            uri: self.uri_of(number).into(),
            to: NameAddr::new(self.uri_of(number)),
            from,
            call_id: None,
            headers,
            sdp: offer.into_exposed().into(),
        }
    }
}

/// `sip:HOST`, the carrier itself.
pub(super) fn uri_of_carrier(carrier: &CarrierConfig) -> SipUri {
    let uri = SipUri::new(carrier.host.clone());
    match carrier.port {
        Some(port) => uri.with_port(port),
        None => uri,
    }
}

/// The carrier's user name for us, where it gave one.
pub(super) fn own_user(carrier: &CarrierConfig) -> &str {
    carrier.credentials.as_ref().map_or("doorstep", |credentials| credentials.username.expose())
}

impl GatewayCore {
    pub(super) fn carrier_flow_opened(
        &mut self,
        now: Timestamp,
        flow: FlowId,
        info: FlowInfo,
        id: &CarrierId,
        outbound: bool,
    ) {
        let Some(place) = self.trunk.carriers.iter().position(|carrier| carrier.config.id == *id) else {
            tracing::error!(carrier = %id, "a flow of a carrier that is not configured is left alone");
            return;
        };
        let contact = info.contact.clone();
        self.trunk.ua.flow_opened(flow, info);
        self.trunk.ua.set_flow_owner(flow, place as u64);
        self.trunk.flows.insert(flow, place);
        if !outbound {
            return;
        }
        let Some(carrier) = self.trunk.carriers.get_mut(place) else { return };
        if let Some(credentials) = &carrier.config.credentials {
            let (username, password) = (credentials.username.expose(), credentials.password.expose());
            let credentials = DigestCredentials::new(username, password);
            if let Err(error) = self.trunk.ua.set_flow_credentials(flow, Some(credentials)) {
                tracing::error!(%error, "a carrier's credentials could not be set");
            }
        }
        carrier.outbound = Some(Outbound { flow, contact });
        carrier.health.flow_opened(now);
        if let Some(registration) = &mut carrier.registration {
            let started = registration.start(now, &mut self.trunk.ua, flow);
            if let Err(error) = started {
                tracing::error!(%error, "no registration could be sent to a carrier");
            }
        }
        self.carrier_came_back(now, place, flow);
        self.carriers_due(now);
    }

    pub(super) fn trunk_event(&mut self, now: Timestamp, event: UaEvent) {
        for carrier in &mut self.trunk.carriers {
            if let Some(registration) = &mut carrier.registration
                && registration.handle_event(now, &mut self.trunk.ua, &event)
            {
                log(&carrier.config, registration);
                return;
            }
        }
        match event {
            UaEvent::IncomingInvite { session, flow, request, replaces } => {
                if let Err(code) = self.carrier_calls(session, flow, &request, replaces) {
                    self.reject_carrier(now, session, code);
                }
            }
            UaEvent::IncomingRequest { id, .. } => {
                // The user agent lets none in.
                let reply = Reply::new(StatusCode::METHOD_NOT_ALLOWED);
                if let Err(error) = self.trunk.ua.respond(now, id, reply) {
                    tracing::debug!(%error, "a carrier's request could not be answered");
                }
            }
            UaEvent::Session { session, event } => self.session_event(now, Side::Trunk, session, event),
            UaEvent::Response { id, response } => self.carrier_answered(now, id, Some(&response)),
            UaEvent::RequestFailed { id, .. } => self.carrier_answered(now, id, None),
        }
    }

    fn carrier_calls(
        &mut self,
        session: SessionId,
        flow: FlowId,
        request: &Request,
        replaces: Option<SessionId>,
    ) -> Result<(), ErrorCode> {
        if self.is_stopping() {
            return Err(ErrorCode::Unavailable);
        }
        if replaces.is_some() {
            return Err(ErrorCode::TargetNotAllowed);
        }
        if self.is_full() {
            return Err(ErrorCode::TooManyCalls);
        }
        let carrier = self.trunk.flows.get(&flow).and_then(|place| self.trunk.carriers.get(*place));
        let asserted = carrier.is_some_and(|carrier| carrier.config.trust_asserted_identity);
        let called = called_of(request, self.config.numbers).ok_or(ErrorCode::NoSuchOrder)?;
        let caller = caller_of(request, self.config.numbers, asserted);
        let offer = sdp_of(&request.headers, &request.body).map_err(|_| ErrorCode::NoCommonCodec)?;
        self.ask(Lookup::RouteIncoming { caller, called }, Pending::CustomerCalls { session, offer });
        Ok(())
    }

    pub(super) fn reject_carrier(&mut self, now: Timestamp, session: SessionId, code: ErrorCode) {
        if let Err(error) = self.trunk.ua.reject(now, session, refusal_for_carrier(code)) {
            tracing::debug!(%error, "a carrier's call could not be refused");
        }
    }

    /// Asks carriers for their health and registers with them, where it is time to.
    pub(super) fn carriers_due(&mut self, now: Timestamp) {
        if self.is_stopping() {
            return;
        }
        for place in 0..self.trunk.carriers.len() {
            let Some(carrier) = self.trunk.carriers.get_mut(place) else { continue };
            if let Some(registration) = &mut carrier.registration {
                registration.handle_timeout(now, &mut self.trunk.ua);
                log(&carrier.config, registration);
            }
            let Some(outbound) = carrier.outbound.clone() else { continue };
            let change = carrier.health.handle_timeout(now);
            if carrier.health.wants_to_ask(now) {
                let options = carrier.options(&outbound);
                match self.trunk.ua.send_request(now, outbound.flow, options) {
                    Ok(request) => carrier.health.asked(now, request),
                    Err(error) => tracing::error!(%error, "a carrier could not be asked for its health"),
                }
            }
            self.tell_health(place, change);
        }
    }

    fn carrier_answered(&mut self, now: Timestamp, id: RequestId, answer: Option<&Response>) {
        if answer.is_some_and(|response| response.status.is_provisional()) {
            return;
        }
        for place in 0..self.trunk.carriers.len() {
            let Some(carrier) = self.trunk.carriers.get_mut(place) else { continue };
            let change = carrier.health.answered(now, id, answer.map(|response| response.status));
            self.tell_health(place, change);
        }
    }

    fn tell_health(&mut self, place: usize, change: Option<bool>) {
        if let (Some(up), Some(carrier)) = (change, self.trunk.carriers.get(place)) {
            let carrier = carrier.config.id.clone();
            tracing::info!(%carrier, up, "a carrier's health has changed");
            self.event(GatewayEvent::Trunk { carrier, up });
        }
    }

    pub(super) fn unregister_from_carriers(&mut self, now: Timestamp) {
        for carrier in &mut self.trunk.carriers {
            if let Some(registration) = &mut carrier.registration
                && let Err(error) = registration.unregister(now, &mut self.trunk.ua)
            {
                tracing::debug!(%error, "a carrier could not be told that we leave");
            }
        }
    }
}
