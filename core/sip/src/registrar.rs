//! What a registrar reads from a REGISTER and answers (RFC 3261 section 10.3, RFC 5626 section 6, RFC 8599). Pure: the
//! bindings themselves are the caller's to keep.

use std::time::Duration;

use crate::msg::{Contacts, HeaderName, Headers, NameAddr, Request, SipUri, StatusCode, Uri};
use crate::registration::PushParams;
use crate::ua::Reply;

/// What is granted.
#[derive(Debug, Clone)]
pub struct RegistrarLimits {
    /// Where the client names no time.
    pub default_expires: Duration,
    /// Less is refused with 423, but for 0.
    pub min_expires: Duration,
    /// More is cut to it.
    pub max_expires: Duration,
    /// How many contacts one REGISTER may carry.
    pub max_contacts: usize,
    /// Which `pn-provider`s can be served; others are refused with 555.
    pub push_providers: Vec<String>,
}

impl Default for RegistrarLimits {
    /// A minute to a day, an hour where none is named; APNs and FCM.
    fn default() -> Self {
        Self {
            default_expires: Duration::from_secs(3600),
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(86_400),
            max_contacts: 4,
            push_providers: vec!["apns".to_owned(), "fcm".to_owned()],
        }
    }
}

/// A REGISTER that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Whose bindings: the To URI.
    pub aor: Uri,
    /// With `cseq` it orders the requests of one client: for a binding that was made under the same Call-ID a
    /// number that is not higher is an old request and must be refused with 500.
    pub call_id: String,
    /// See `call_id`.
    pub cseq: u32,
    /// What to do.
    pub action: RegisterAction,
    /// The client can be reached over the flow that this came on, and understands RFC 5626.
    pub outbound: bool,
}

/// What a REGISTER asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterAction {
    /// Only to hear of the bindings.
    Query,
    /// `Contact: *`: to take all away.
    RemoveAll,
    /// To make, refresh, or (where `expires` is zero) take away some.
    Update(Vec<ContactBinding>),
}

/// One contact of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactBinding {
    /// Where the client says it is, without the push parameters.
    pub contact: SipUri,
    /// `+sip.instance`, without its brackets.
    pub instance: Option<String>,
    /// `reg-id`, where there is an instance.
    pub reg_id: Option<u32>,
    /// Where a push wakes it.
    pub push: Option<PushParams>,
    /// How long it lasts; zero takes it away.
    pub expires: Duration,
}

/// What tells the bindings of one address apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BindingKey {
    /// RFC 5626: the same installation, wherever it is.
    Instance {
        /// `+sip.instance`, without its brackets.
        instance: String,
        /// `reg-id`.
        reg_id: u32,
    },
    /// RFC 3261: the same address.
    Contact(String),
}

impl ContactBinding {
    /// A contact with the same key replaces this one.
    pub fn key(&self) -> BindingKey {
        match (&self.instance, self.reg_id) {
            (Some(instance), Some(reg_id)) => BindingKey::Instance { instance: instance.clone(), reg_id },
            _ => {
                let user = self.contact.user().map(|user| format!("{user}@")).unwrap_or_default();
                let port = self.contact.port.map(|port| format!(":{port}")).unwrap_or_default();
                let transport =
                    self.contact.params.value("transport").unwrap_or_default().to_ascii_lowercase();
                BindingKey::Contact(format!("{user}{}{port};{transport}", self.contact.host))
            }
        }
    }
}

/// Reads a REGISTER, or makes the refusal to answer it with. Authentication and whose address it may be are the
/// caller's to check.
pub fn read(request: &Request, limits: &RegistrarLimits) -> Result<Register, Reply> {
    let bad = || Reply::new(StatusCode::BAD_REQUEST);
    let headers = &request.headers;
    let action = match headers.contacts() {
        None => RegisterAction::Query,
        Some(Contacts::Star) if headers.expires() == Some(0) => RegisterAction::RemoveAll,
        Some(Contacts::Star) => return Err(bad()),
        Some(Contacts::List(list)) if list.len() > limits.max_contacts => {
            return Err(Reply::new(StatusCode::FORBIDDEN));
        }
        Some(Contacts::List(list)) => {
            let read = list.iter().map(|contact| binding(contact, headers, limits));
            RegisterAction::Update(read.collect::<Result<_, _>>()?)
        }
    };
    let by_instance = match &action {
        RegisterAction::Update(bindings) => bindings.iter().any(|binding| binding.reg_id.is_some()),
        RegisterAction::Query | RegisterAction::RemoveAll => false,
    };
    Ok(Register {
        aor: headers.to().ok_or_else(bad)?.uri,
        call_id: headers.call_id().ok_or_else(bad)?.to_owned(),
        cseq: headers.cseq().ok_or_else(bad)?.number,
        action,
        outbound: by_instance && headers.contains_token(&HeaderName::Supported, "outbound"),
    })
}

fn binding(contact: &NameAddr, headers: &Headers, limits: &RegistrarLimits) -> Result<ContactBinding, Reply> {
    let uri = contact.uri.as_sip().ok_or_else(|| Reply::new(StatusCode::BAD_REQUEST))?;
    let provider = uri.params.unescaped("pn-provider").filter(|provider| !provider.is_empty());
    let served = |provider: &String| limits.push_providers.iter().any(|p| p.eq_ignore_ascii_case(provider));
    if provider.as_ref().is_some_and(|provider| !served(provider)) {
        return Err(Reply::new(StatusCode::PUSH_NOTIFICATION_SERVICE_NOT_SUPPORTED));
    }
    let instance = contact.params.unquoted("+sip.instance");
    let instance = instance.map(|urn| urn.trim_start_matches('<').trim_end_matches('>').to_owned());
    let instance = instance.filter(|urn| !urn.is_empty());
    let reg_id = contact.params.value("reg-id").and_then(|id| id.parse().ok()).filter(|_| instance.is_some());
    Ok(ContactBinding {
        contact: PushParams::strip(uri),
        instance,
        reg_id,
        push: PushParams::of(uri),
        expires: expires(contact, headers, limits)?,
    })
}

fn expires(contact: &NameAddr, headers: &Headers, limits: &RegistrarLimits) -> Result<Duration, Reply> {
    let asked = match contact.params.value("expires") {
        // A value that cannot be read counts as the default (RFC 3261 section 20.10).
        Some(value) => value.parse::<u32>().ok(),
        None => headers.expires(),
    };
    let asked = asked.map_or(limits.default_expires, |secs| Duration::from_secs(secs.into()));
    if !asked.is_zero() && asked < limits.min_expires {
        let mut reply = Reply::new(StatusCode::INTERVAL_TOO_BRIEF);
        add(&mut reply, HeaderName::MinExpires, limits.min_expires.as_secs());
        return Err(reply);
    }
    Ok(asked.min(limits.max_expires))
}

/// The answer to a REGISTER that was carried out: every binding of the address, with the time that is left to it.
/// Push tokens are not repeated.
pub fn accept<'a>(register: &Register, bindings: impl IntoIterator<Item = &'a ContactBinding>) -> Reply {
    let mut reply = Reply::new(StatusCode::OK);
    let mut providers: Vec<&str> = Vec::new();
    for binding in bindings {
        let mut contact = NameAddr::new(binding.contact.clone());
        let set = contact.params.set("expires", Some(&binding.expires.as_secs().to_string()));
        let set = set.and_then(|()| match &binding.instance {
            Some(instance) => contact.params.set("+sip.instance", Some(&format!("<{instance}>"))),
            None => Ok(()),
        });
        let set = set.and_then(|()| match binding.reg_id {
            Some(reg_id) => contact.params.set("reg-id", Some(&reg_id.to_string())),
            None => Ok(()),
        });
        if set.is_err() {
            tracing::warn!("a contact could not be written");
            continue;
        }
        add(&mut reply, HeaderName::Contact, contact);
        if let Some(push) = &binding.push
            && !providers.contains(&push.provider.as_str())
        {
            providers.push(&push.provider);
        }
    }
    add(&mut reply, HeaderName::Supported, "outbound, path");
    if register.outbound {
        add(&mut reply, HeaderName::Require, "outbound");
    }
    for provider in providers {
        // RFC 8599 section 8.1.
        add(&mut reply, HeaderName::FeatureCaps, format!("*;+sip.pns=\"{provider}\""));
    }
    reply
}

/// The values were read from a message or are this crate's own: they hold no line break.
fn add(reply: &mut Reply, name: HeaderName, value: impl std::fmt::Display) {
    if reply.headers.push(name, value).is_err() {
        tracing::warn!("a header with a line break was left out of a response");
    }
}
