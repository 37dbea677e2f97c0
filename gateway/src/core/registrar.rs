//! Bindings (RFC 3261 section 10.3, RFC 5626, RFC 8599). The store keeps them; this keeps which of them has a live flow, so
//! that a connected app can be called. A binding without a flow is for a push to wake.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use doorstep_sip::msg::{Headers, Request, StatusCode};
use doorstep_sip::registrar::{self, ContactBinding, RegisterAction, RegistrarLimits};
use doorstep_sip::registration::PushParams;
use doorstep_sip::ua::{IncomingId, Reply};

use super::config::RegistrarConfig;
use super::gateway::GatewayCore;
use super::headers::{add, refusal_for_app};
use super::ids::{CourierId, FlowId, Hidden, Timestamp};
use super::lookup::{Binding, Lookup, PushTarget};
use super::pending::Pending;
use super::refusal::ErrorCode;
use crate::bridge::Reach;

/// How many apps of one courier are rung at once; the newest count.
pub(super) const MAX_APPS: usize = 10;

/// An app that can be called now.
#[derive(Debug, Clone, PartialEq)]
struct Live {
    flow: FlowId,
    binding: Binding,
}

/// An app that can be called: now, or when a push has woken it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct App {
    pub(super) binding: Binding,
    pub(super) flow: Option<FlowId>,
}

impl App {
    pub(super) fn reach(&self) -> Reach {
        Reach { connected: self.flow.is_some(), wakeable: self.binding.push.is_some() }
    }
}

/// How many bindings a courier may have; the newest count.
const MAX_BINDINGS: usize = 20;

/// Which bindings have a live flow.
pub(super) struct Registrar {
    limits: RegistrarLimits,
    live: BTreeMap<CourierId, Vec<Live>>,
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
    register: registrar::Register,
    /// What the courier had before, where something may be removed by it.
    before: Vec<Binding>,
    /// For the 200.
    headers: Headers,
}

impl Registrar {
    pub(super) fn new(config: RegistrarConfig) -> Self {
        let limits = RegistrarLimits {
            default_expires: config.default_expires,
            min_expires: config.min_expires,
            max_expires: config.max_expires,
            ..RegistrarLimits::default()
        };
        Self { limits, live: BTreeMap::new() }
    }

    /// The courier's apps that can be called: those with a flow, and of the others in the store those that can be woken.
    pub(super) fn apps_of(&self, courier: &CourierId, now: Timestamp, stored: Vec<Binding>) -> Vec<App> {
        let live = self.live.get(courier).into_iter().flatten().rev();
        let live = live.filter(|app| is_current(&app.binding, now));
        let live = live.map(|app| App { binding: app.binding.clone(), flow: Some(app.flow) });
        let away = stored.into_iter().filter(|binding| binding.courier == *courier && binding.push.is_some());
        let mut apps: Vec<App> = Vec::new();
        for app in live.chain(away.map(|binding| App { binding, flow: None })) {
            if apps.len() < MAX_APPS && !apps.iter().any(|known| same_app(&known.binding, &app.binding)) {
                apps.push(app);
            }
        }
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

    /// What a REGISTER wants.
    fn read(&self, courier: &CourierId, request: &Request) -> Result<registrar::Register, Reply> {
        let register = registrar::read(request, &self.limits)?;
        // An address without a user part is the asker's own.
        let named = register.aor.as_sip().and_then(|uri| uri.user());
        let own = named.is_none_or(|named| named == courier.expose());
        if own { Ok(register) } else { Err(refusal_for_app(ErrorCode::NotYourAddress)) }
    }

    /// The same step by step.
    fn changes(
        &self,
        now: Timestamp,
        courier: &CourierId,
        register: &registrar::Register,
    ) -> Result<VecDeque<Change>, Reply> {
        let contacts = match &register.action {
            RegisterAction::Query => return Ok(VecDeque::from([Change::Query])),
            RegisterAction::RemoveAll => return Ok(VecDeque::from([Change::Query, Change::Remove(None)])),
            RegisterAction::Update(contacts) => contacts,
        };
        let mut changes = VecDeque::new();
        // A device that is gone, or is not to be woken any more, is told to push-service: that takes to know it.
        if contacts.iter().any(|contact| contact.expires.is_zero() || contact.push.is_none()) {
            changes.push_back(Change::Query);
        }
        for contact in contacts {
            let binding = binding_of(now, courier, register, contact);
            // RFC 3261 section 10.3 step 7.
            let outdated = self.live.get(courier).into_iter().flatten().any(|app| {
                same_binding(&app.binding, &binding)
                    && app.binding.call_id == binding.call_id
                    && app.binding.cseq >= binding.cseq
            });
            if outdated {
                return Err(Reply::new(StatusCode::SERVER_INTERNAL_ERROR));
            }
            changes.push_back(match contact.expires.is_zero() {
                true => Change::Remove(Some(binding.contact)),
                false => Change::Save(binding),
            });
        }
        Ok(changes)
    }

    /// A binding's token is gone.
    pub(super) fn forget_push(&mut self, gone: &Binding) {
        for app in self.live.get_mut(&gone.courier).into_iter().flatten() {
            if same_binding(&app.binding, gone) {
                app.binding
                    .push
                    .take_if(|push| Some(&push.prid) == gone.push.as_ref().map(|push| &push.prid));
            }
        }
    }

    /// The store has made a change.
    fn made(&mut self, courier: &CourierId, flow: Option<FlowId>, change: &Change) {
        let apps = self.live.entry(courier.clone()).or_default();
        match change {
            Change::Save(binding) => {
                apps.retain(|app| !same_binding(&app.binding, binding));
                apps.extend(flow.map(|flow| Live { flow, binding: binding.clone() }));
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

/// RFC 8599 section 4.1.4: a binding that can be woken does not run out.
fn is_current(binding: &Binding, now: Timestamp) -> bool {
    binding.expires_at > now || binding.push.is_some()
}

/// Whether two bindings are of one app: it is called on one of its flows only (RFC 5626 section 5.3).
pub(super) fn same_app(a: &Binding, b: &Binding) -> bool {
    match (&a.instance, &b.instance) {
        (Some(one), Some(other)) => one == other,
        (Some(_), None) | (None, Some(_)) | (None, None) => a.contact == b.contact,
    }
}

/// RFC 5626 section 6: instance and reg-id name a binding; without them its URI does.
fn same_binding(a: &Binding, b: &Binding) -> bool {
    match (&a.instance, &b.instance) {
        (Some(one), Some(other)) => one == other && a.reg_id == b.reg_id,
        (Some(_), None) | (None, Some(_)) | (None, None) => a.contact == b.contact,
    }
}

fn binding_of(
    now: Timestamp,
    courier: &CourierId,
    register: &registrar::Register,
    contact: &ContactBinding,
) -> Binding {
    Binding {
        courier: courier.clone(),
        contact: Hidden::new(contact.contact.to_string()),
        instance: contact.instance.clone(),
        reg_id: contact.reg_id,
        call_id: Hidden::new(register.call_id.clone()),
        cseq: register.cseq,
        expires_at: now + contact.expires,
        push: contact.push.as_ref().map(|push| PushTarget {
            provider: push.provider.to_ascii_lowercase(),
            param: push.param.clone().unwrap_or_default(),
            prid: push.prid.clone(),
        }),
    }
}

/// What the app is told of a binding; `None` when it has run out.
fn contact_of(now: Timestamp, binding: &Binding) -> Option<ContactBinding> {
    let expires = binding.expires_at.saturating_since(now);
    if expires < Duration::from_secs(1) {
        return None;
    }
    let Ok(contact) = binding.contact.expose().parse() else {
        tracing::error!("the store holds a binding that is no SIP URI");
        return None;
    };
    let push = binding.push.as_ref().map(|push| PushParams {
        provider: push.provider.clone(),
        param: Some(push.param.clone()).filter(|param| !param.is_empty()),
        prid: push.prid.clone(),
    });
    let (instance, reg_id) = (binding.instance.clone(), binding.reg_id);
    Some(ContactBinding { contact, instance, reg_id, push, expires })
}

impl GatewayCore {
    pub(super) fn register(
        &mut self,
        now: Timestamp,
        incoming: IncomingId,
        flow: FlowId,
        courier: CourierId,
        request: &Request,
        headers: Headers,
    ) {
        let registrar = &self.edge.registrar;
        let read = registrar.read(&courier, request).and_then(|register| {
            let changes = registrar.changes(now, &courier, &register)?;
            Ok((register, changes))
        });
        match read {
            Ok((register, changes)) => {
                let before = Vec::new();
                let registering = Registering { incoming, flow, courier, changes, register, before, headers };
                self.go_on_registering(registering);
            }
            Err(reply) => self.respond_app(now, incoming, reply),
        }
    }

    fn go_on_registering(&mut self, registering: Registering) {
        if let Some(change) = registering.changes.front() {
            let lookup = change.lookup(&registering.courier);
            self.ask(lookup, Pending::Register(Box::new(registering)));
        }
    }

    /// The store has made the first change; `bindings` are all that the courier has now.
    pub(super) fn registered(
        &mut self,
        now: Timestamp,
        mut registering: Registering,
        bindings: Vec<Binding>,
    ) {
        let flow = Some(registering.flow).filter(|flow| self.edge.is_open(*flow));
        if let Some(change) = registering.changes.pop_front() {
            self.edge.registrar.made(&registering.courier, flow, &change);
            self.tell_push_service(&change);
            match (change, flow) {
                (Change::Save(binding), Some(flow)) => {
                    self.app_came_back(now, &registering.courier, flow, binding.instance.as_deref());
                    self.app_connected(now, flow, &binding);
                }
                (Change::Query, _) if !registering.changes.is_empty() => {
                    registering.before = bindings;
                    return self.go_on_registering(registering);
                }
                (Change::Save(_), None) | (Change::Remove(_) | Change::Query, _) => {}
            }
        }
        if !registering.changes.is_empty() {
            return self.go_on_registering(registering);
        }
        self.forget_devices(&registering.before, &bindings);
        let bindings = self.drop_excess(bindings);
        let contacts: Vec<_> = bindings.iter().filter_map(|binding| contact_of(now, binding)).collect();
        let mut reply = registrar::accept(&registering.register, &contacts);
        for (name, value) in registering.headers.iter() {
            add(&mut reply.headers, name.clone(), value.to_owned());
        }
        self.respond_app(now, registering.incoming, reply);
    }

    /// Bindings that can be woken do not run out, and each installation of an app makes one: the oldest go. Returns those that stay.
    fn drop_excess(&mut self, mut bindings: Vec<Binding>) -> Vec<Binding> {
        bindings.sort_by_key(|binding| std::cmp::Reverse(binding.expires_at));
        let dropped = bindings.split_off(bindings.len().min(MAX_BINDINGS));
        for binding in dropped.iter().filter(|old| !bindings.iter().any(|one| one.contact == old.contact)) {
            let change = Change::Remove(Some(binding.contact.clone()));
            self.edge.registrar.made(&binding.courier, None, &change);
            self.tell(change.lookup(&binding.courier));
        }
        self.forget_devices(&dropped, &bindings);
        bindings
    }

    pub(super) fn not_registered(&mut self, now: Timestamp, registering: &Registering) {
        self.respond_app(now, registering.incoming, Self::app_unavailable());
    }
}
