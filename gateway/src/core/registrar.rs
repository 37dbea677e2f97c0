//! Bindings (RFC 3261 section 10.3, RFC 5626, RFC 8599). The store keeps them; this keeps which of them has a live flow, so
//! that a connected app can be called. A binding without a flow is for a push to wake.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use doorstep_sip::msg::{Contacts, HeaderName, Headers, NameAddr, Request, SipUri, StatusCode};
use doorstep_sip::ua::{IncomingId, Reply};

use super::config::RegistrarConfig;
use super::gateway::GatewayCore;
use super::headers::{add, refusal_for_app};
use super::ids::{CourierId, FlowId, Hidden, Timestamp};
use super::lookup::{Binding, Lookup, PushTarget};
use super::pending::Pending;
use super::refusal::ErrorCode;

/// How many contacts one REGISTER may change.
const MAX_CONTACTS: usize = 10;

/// How many apps of one courier are rung at once; the newest count.
const MAX_APPS: usize = 10;

/// An app that can be called now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct App {
    pub(super) flow: FlowId,
    pub(super) binding: Binding,
}

/// Which bindings have a live flow.
pub(super) struct Registrar {
    config: RegistrarConfig,
    live: BTreeMap<CourierId, Vec<App>>,
}

/// One step of a REGISTER.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    Save(Binding),
    Remove(Option<Hidden>),
    /// Nothing changes: the REGISTER asks what there is.
    Query,
}

impl Change {
    fn lookup(&self, courier: &CourierId) -> Lookup {
        let courier = courier.clone();
        match self {
            Self::Save(binding) => Lookup::SaveBinding(binding.clone()),
            Self::Remove(contact) => Lookup::RemoveBinding { courier, contact: contact.clone() },
            Self::Query => Lookup::LoadBindings { courier },
        }
    }
}

/// A REGISTER whose changes are under way at the store.
#[derive(Debug)]
pub(super) struct Registering {
    incoming: IncomingId,
    flow: FlowId,
    courier: CourierId,
    /// The one that the store is at comes first.
    changes: VecDeque<Change>,
    /// For the 200.
    headers: Headers,
}

impl Registrar {
    pub(super) fn new(config: RegistrarConfig) -> Self {
        Self { config, live: BTreeMap::new() }
    }

    /// The courier's apps that can be called now.
    pub(super) fn apps_of(&self, courier: &CourierId, now: Timestamp) -> Vec<App> {
        let apps = self.live.get(courier).into_iter().flatten();
        let mut apps: Vec<_> = apps.filter(|app| app.binding.expires_at > now).cloned().collect();
        apps.drain(..apps.len().saturating_sub(MAX_APPS));
        apps
    }

    /// What the app on a flow registered as (RFC 5626 `+sip.instance`).
    pub(super) fn instance_on(&self, courier: &CourierId, flow: FlowId) -> Option<String> {
        let apps = self.live.get(courier)?;
        apps.iter().find(|app| app.flow == flow)?.binding.instance.clone()
    }

    pub(super) fn flow_closed(&mut self, flow: FlowId) {
        self.live.retain(|_, apps| {
            apps.retain(|app| app.flow != flow);
            !apps.is_empty()
        });
    }

    /// What a REGISTER wants, step by step.
    fn read(
        &self,
        now: Timestamp,
        courier: &CourierId,
        request: &Request,
    ) -> Result<VecDeque<Change>, Reply> {
        let bad = || Reply::new(StatusCode::BAD_REQUEST);
        let named = request.headers.to().and_then(|to| to.uri.as_sip()?.user());
        if named.is_some_and(|named| named != courier.expose()) {
            return Err(refusal_for_app(ErrorCode::NotYourAddress));
        }
        match request.headers.contacts() {
            None => Ok(VecDeque::from([Change::Query])),
            Some(Contacts::Star) if request.headers.expires() == Some(0) => {
                Ok(VecDeque::from([Change::Remove(None)]))
            }
            Some(Contacts::Star) => Err(bad()),
            Some(Contacts::List(list)) if list.len() > MAX_CONTACTS => Err(bad()),
            Some(Contacts::List(list)) => {
                list.iter().map(|contact| self.change(now, courier, request, contact)).collect()
            }
        }
    }

    fn change(
        &self,
        now: Timestamp,
        courier: &CourierId,
        request: &Request,
        contact: &NameAddr,
    ) -> Result<Change, Reply> {
        let uri = contact.uri.as_sip().ok_or_else(|| Reply::new(StatusCode::BAD_REQUEST))?;
        let asked = contact.params.value("expires").and_then(|seconds| seconds.parse::<u32>().ok());
        let asked = asked.or(request.headers.expires()).map(|seconds| Duration::from_secs(seconds.into()));
        let expires = asked.unwrap_or(self.config.default_expires).min(self.config.max_expires);
        let call_id = Hidden::new(request.headers.call_id().unwrap_or_default().to_owned());
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let contact_uri = Hidden::new(uri.to_string());
        if expires.is_zero() {
            return Ok(Change::Remove(Some(contact_uri)));
        }
        if expires < self.config.min_expires {
            let mut reply = Reply::new(StatusCode::INTERVAL_TOO_BRIEF);
            let least = self.config.min_expires.as_secs().to_string();
            add(&mut reply.headers, HeaderName::MinExpires, least);
            return Err(reply);
        }
        let binding = Binding {
            courier: courier.clone(),
            contact: contact_uri,
            instance: contact.params.unquoted("+sip.instance"),
            reg_id: contact.params.value("reg-id").and_then(|id| id.parse().ok()),
            call_id,
            cseq,
            expires_at: now + expires,
            push: push_of(uri),
        };
        let outdated = self.live.get(courier).into_iter().flatten().any(|app| {
            same_binding(&app.binding, &binding)
                && app.binding.call_id == binding.call_id
                && app.binding.cseq >= binding.cseq
        });
        // RFC 3261 section 10.3 step 7.
        if outdated { Err(Reply::new(StatusCode::SERVER_INTERNAL_ERROR)) } else { Ok(Change::Save(binding)) }
    }

    /// The store has made a change.
    fn made(&mut self, courier: &CourierId, flow: Option<FlowId>, change: &Change) {
        let apps = self.live.entry(courier.clone()).or_default();
        match change {
            Change::Save(binding) => {
                apps.retain(|app| !same_binding(&app.binding, binding));
                apps.extend(flow.map(|flow| App { flow, binding: binding.clone() }));
            }
            Change::Remove(Some(contact)) => apps.retain(|app| app.binding.contact != *contact),
            Change::Remove(None) => apps.clear(),
            Change::Query => {}
        }
        if apps.is_empty() {
            self.live.remove(courier);
        }
    }
}

/// RFC 5626 section 6: instance and reg-id name a binding; without them its URI does.
fn same_binding(a: &Binding, b: &Binding) -> bool {
    match (&a.instance, &b.instance) {
        (Some(one), Some(other)) => one == other && a.reg_id == b.reg_id,
        (Some(_), None) | (None, Some(_)) | (None, None) => a.contact == b.contact,
    }
}

/// RFC 8599 section 4.
fn push_of(uri: &SipUri) -> Option<PushTarget> {
    let value = |name: &str| uri.params.value(name).filter(|value| !value.is_empty()).map(str::to_owned);
    Some(PushTarget {
        provider: value("pn-provider")?,
        param: value("pn-param").unwrap_or_default(),
        prid: Hidden::new(value("pn-prid")?),
    })
}

impl GatewayCore {
    pub(super) fn register(
        &mut self,
        now: Timestamp,
        incoming: IncomingId,
        flow: FlowId,
        courier: CourierId,
        request: &Request,
        mut headers: Headers,
    ) {
        let changes = match self.edge.registrar.read(now, &courier, request) {
            Ok(changes) => changes,
            Err(reply) => return self.respond_app(now, incoming, reply),
        };
        let outbound = request.headers.contains_token(&HeaderName::Supported, "outbound");
        let flows = |change: &Change| matches!(change, Change::Save(b) if b.reg_id.is_some());
        if outbound && changes.iter().any(flows) {
            // RFC 5626 section 6: the flow is the way to this binding.
            add(&mut headers, HeaderName::Require, "outbound".to_owned());
        }
        self.go_on_registering(Registering { incoming, flow, courier, changes, headers });
    }

    fn go_on_registering(&mut self, registering: Registering) {
        if let Some(change) = registering.changes.front() {
            let lookup = change.lookup(&registering.courier);
            self.ask(lookup, Pending::Register(registering));
        }
    }

    /// The store has made the first change; `bindings` are all that the courier has now.
    pub(super) fn registered(&mut self, now: Timestamp, mut registering: Registering, bindings: &[Binding]) {
        if let Some(change) = registering.changes.pop_front() {
            let flow = Some(registering.flow).filter(|flow| self.edge.is_open(*flow));
            self.edge.registrar.made(&registering.courier, flow, &change);
            if let (Some(flow), Change::Save(binding)) = (flow, &change) {
                self.app_came_back(now, &registering.courier, flow, binding.instance.as_deref());
            }
        }
        if !registering.changes.is_empty() {
            return self.go_on_registering(registering);
        }
        let mut reply = Reply { headers: registering.headers, ..Reply::new(StatusCode::OK) };
        for binding in bindings.iter().filter(|binding| binding.expires_at > now) {
            match contact_of(now, binding) {
                Some(contact) => add(&mut reply.headers, HeaderName::Contact, contact.to_string()),
                None => tracing::error!("the store holds a binding that is no SIP URI"),
            }
        }
        self.respond_app(now, registering.incoming, reply);
    }

    pub(super) fn not_registered(&mut self, now: Timestamp, registering: &Registering) {
        self.respond_app(now, registering.incoming, Self::app_unavailable());
    }
}

fn contact_of(now: Timestamp, binding: &Binding) -> Option<NameAddr> {
    let mut contact = NameAddr::new(binding.contact.expose().parse::<SipUri>().ok()?);
    let left = binding.expires_at.saturating_since(now).as_secs().to_string();
    contact.params.set("expires", Some(&left)).ok()?;
    if let Some(instance) = &binding.instance {
        contact.params.set("+sip.instance", Some(instance)).ok()?;
    }
    if let Some(reg_id) = binding.reg_id {
        contact.params.set("reg-id", Some(&reg_id.to_string())).ok()?;
    }
    Some(contact)
}
