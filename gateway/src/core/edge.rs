//! The couriers' side: who is on a flow, and what becomes of requests outside of calls.

use std::collections::BTreeMap;
use std::time::Duration;

use doorstep_sip::digest::{DigestConfig, DigestRefusal, DigestServer, Secret};
use doorstep_sip::msg::{HeaderName, Headers, Method, Request, StatusCode};
use doorstep_sip::ua::{IncomingId, Reply, SessionId, UaConfig, UaEvent, UserAgent};
use rand::RngExt as _;
use rand_chacha::ChaCha12Rng;
use sha2::{Digest as _, Sha256};

use super::config::CoreConfig;
use super::gateway::GatewayCore;
use super::headers::{add, refusal_for_app, status_of};
use super::ids::{CourierId, FlowId, FlowInfo, Hidden, Side, Timestamp};
use super::io::Identity;
use super::lookup::Lookup;
use super::pending::Pending;
use super::reading::{order_of, sdp_of};
use super::refusal::ErrorCode;
use super::registrar::Registrar;

/// The couriers' side.
pub(super) struct Edge {
    pub(super) ua: UserAgent,
    pub(super) registrar: Registrar,
    flows: BTreeMap<FlowId, Option<Identity>>,
    /// For flows without a token; `None`: no passwords are configured.
    digest: Option<DigestServer>,
    passwords: BTreeMap<CourierId, Hidden>,
    realm: String,
    /// Makes couriers' ids into the numbers by which the user agent knows who stands behind a flow.
    salt: [u8; 32],
}

impl Edge {
    pub(super) fn new(config: &CoreConfig, rng: &mut ChaCha12Rng) -> Self {
        let realm = config.domain.to_string();
        let ua = UserAgent::new(
            UaConfig {
                product: config.product.clone(),
                accepted_methods: vec![Method::Register],
                session_expires: config.session_expires,
                max_sessions: sessions_for(config),
                ..UaConfig::default()
            },
            rng.random(),
        );
        let digest = (!config.digest.is_empty())
            .then(|| DigestServer::new(DigestConfig::new(realm.clone()), rng.random()));
        Self {
            ua,
            registrar: Registrar::new(config.registrar),
            flows: BTreeMap::new(),
            digest,
            passwords: config.digest.clone(),
            realm,
            salt: rng.random(),
        }
    }

    pub(super) fn flow_opened(&mut self, flow: FlowId, info: FlowInfo, identity: Option<Identity>) {
        self.ua.flow_opened(flow, info);
        if let Some(identity) = &identity {
            self.belongs_to(flow, &identity.courier);
        }
        self.flows.insert(flow, identity);
    }

    pub(super) fn flow_closed(&mut self, now: Timestamp, flow: FlowId) {
        self.flows.remove(&flow);
        self.registrar.flow_closed(flow);
        self.ua.flow_closed(now, flow);
    }

    pub(super) fn is_open(&self, flow: FlowId) -> bool {
        self.flows.contains_key(&flow)
    }

    /// Requests within the courier's calls are taken from this flow from now on.
    fn belongs_to(&mut self, flow: FlowId, courier: &CourierId) {
        let hash = Sha256::new().chain_update(self.salt).chain_update(courier.expose()).finalize();
        let owner = hash.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
        self.ua.set_flow_owner(flow, owner);
    }

    /// Who sends a request, by the flow's token or the request's digest; what From says counts for nothing. Further
    /// headers for its 2xx come with it.
    fn authenticate(
        &mut self,
        now: Timestamp,
        flow: FlowId,
        request: &Request,
    ) -> Result<(CourierId, Headers), Reply> {
        let mut headers = Headers::default();
        if let Some(Some(identity)) = self.flows.get(&flow) {
            return match identity.expires_at {
                Some(at) if at <= now => Err(self.bearer_refusal(ErrorCode::TokenExpired)),
                Some(_) | None => Ok((identity.courier.clone(), headers)),
            };
        }
        let Some(digest) = &mut self.digest else { return Err(self.bearer_refusal(ErrorCode::Unauthorized)) };
        let Some(presented) = digest.presented(request) else {
            return Err(challenge(digest.refuse(now, DigestRefusal::Missing)));
        };
        let courier = CourierId::new(presented.username().expose().clone());
        let secret = self.passwords.get(&courier).cloned().map(Secret::Password);
        match digest.verify(now, request, &presented, secret.as_ref()) {
            Ok(accepted) => {
                if let Some((name, value)) = accepted.info {
                    add(&mut headers, name, value);
                }
                self.belongs_to(flow, &courier);
                Ok((courier, headers))
            }
            Err(refusal) => Err(challenge(digest.refuse(now, refusal))),
        }
    }

    /// RFC 8898 section 2.1.
    fn bearer_refusal(&self, code: ErrorCode) -> Reply {
        let mut reply = refusal_for_app(code);
        let error = if code == ErrorCode::TokenExpired { ", error=\"invalid_token\"" } else { "" };
        let challenge = format!("Bearer realm=\"{}\"{error}", self.realm);
        add(&mut reply.headers, HeaderName::WwwAuthenticate, challenge);
        reply
    }
}

/// A digest challenge that an app can read the error of.
fn challenge(mut reply: Reply) -> Reply {
    for (name, value) in refusal_for_app(ErrorCode::Unauthorized).headers.iter() {
        add(&mut reply.headers, name.clone(), value.to_owned());
    }
    reply
}

/// Every call may ring several apps; what exceeds the gateway's own limit must still come in to be refused properly.
pub(super) fn sessions_for(config: &CoreConfig) -> usize {
    config.limits.calls.saturating_mul(16).max(1000)
}

impl GatewayCore {
    pub(super) fn edge_event(&mut self, now: Timestamp, event: UaEvent) {
        match event {
            UaEvent::IncomingInvite { session, flow, request, replaces } => {
                if let Err(reply) = self.app_calls(now, session, flow, &request, replaces) {
                    self.reject_app(now, session, reply);
                }
            }
            UaEvent::IncomingRequest { id, flow, request } => self.app_requests(now, id, flow, &request),
            UaEvent::Session { session, event } => self.session_event(now, Side::Edge, session, event),
            // The gateway asks apps nothing outside of calls.
            UaEvent::Response { .. } | UaEvent::RequestFailed { .. } => {}
        }
    }

    fn app_calls(
        &mut self,
        now: Timestamp,
        session: SessionId,
        flow: FlowId,
        request: &Request,
        replaces: Option<SessionId>,
    ) -> Result<(), Reply> {
        if self.is_stopping() {
            return Err(refusal_for_app(ErrorCode::Unavailable));
        }
        let (courier, _) = self.edge.authenticate(now, flow, request)?;
        let offer = sdp_of(&request.headers, &request.body).ok().flatten();
        // An app always offers: the early bearer is the answer to its offer.
        let offer = offer.ok_or_else(|| refusal_for_app(ErrorCode::NoCommonCodec));
        if let Some(replaced) = replaces {
            return self.take_over(now, session, flow, &courier, replaced, offer?).map_err(refusal_for_app);
        }
        let order = order_of(&request.uri).ok_or_else(|| refusal_for_app(ErrorCode::NoSuchOrder))?;
        let offer = offer?;
        if self.is_full() || self.calls_of(&courier) >= self.config.limits.calls_per_courier {
            return Err(refusal_for_app(ErrorCode::TooManyCalls));
        }
        let lookup = Lookup::MayCall { courier: Some(courier.clone()), order };
        self.ask(lookup, Pending::CourierCalls { session, flow, courier, offer });
        Ok(())
    }

    fn app_requests(&mut self, now: Timestamp, id: IncomingId, flow: FlowId, request: &Request) {
        let reply = if self.is_stopping() {
            Some(refusal_for_app(ErrorCode::Unavailable))
        } else if request.method == Method::Register {
            match self.edge.authenticate(now, flow, request) {
                Ok((courier, headers)) => {
                    self.register(now, id, flow, courier, request, headers);
                    None
                }
                Err(reply) => Some(reply),
            }
        } else {
            // The user agent lets no other method in.
            Some(Reply::new(StatusCode::METHOD_NOT_ALLOWED))
        };
        if let Some(reply) = reply {
            self.respond_app(now, id, reply);
        }
    }

    pub(super) fn reject_app(&mut self, now: Timestamp, session: SessionId, reply: Reply) {
        if let Err(error) = self.edge.ua.reject(now, session, reply) {
            tracing::debug!(%error, "an app's call could not be refused");
        }
    }

    pub(super) fn respond_app(&mut self, now: Timestamp, id: IncomingId, reply: Reply) {
        if let Err(error) = self.edge.ua.respond(now, id, reply) {
            tracing::debug!(%error, "an app's request could not be answered");
        }
    }

    /// 503 with a time to come back.
    pub(super) fn app_unavailable() -> Reply {
        let mut reply = Reply::new(status_of(503));
        add(&mut reply.headers, HeaderName::RetryAfter, RETRY_AFTER.as_secs().to_string());
        reply
    }
}

/// When an app may try again that the store had no answer for.
const RETRY_AFTER: Duration = Duration::from_secs(5);
