//! A registration and a registrar, each on a user agent, on a wire without delay; time is the test's.

mod client;
mod registrar;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{PushParams, Registration, RegistrationConfig, RegistrationEvent};
use crate::Timestamp;
use crate::digest::{Credentials, DigestConfig, DigestRefusal, DigestServer, Secret};
use crate::msg::{Method, NameAddr, Request, SipUri, StatusCode};
use crate::registrar::{self as server, BindingKey, ContactBinding, RegisterAction, RegistrarLimits};
use crate::ua::{FlowId, FlowInfo, Reply, TransportKind, UaConfig, UaEvent, UaOutput, UserAgent};

const INSTANCE: &str = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

struct World {
    now: Timestamp,
    ua: UserAgent,
    registration: Registration,
    registrar: UserAgent,
    limits: RegistrarLimits,
    guard: Option<DigestServer>,
    /// What the registrar says in place of carrying the request out, once each.
    refusals: Vec<Reply>,
    /// Nothing arrives.
    cut: bool,
    bindings: BTreeMap<BindingKey, (ContactBinding, Timestamp)>,
    requests: Vec<Request>,
}

fn config() -> RegistrationConfig {
    let registrar: SipUri = "sip:company.example".parse().unwrap();
    let aor = NameAddr::new("sip:courier@company.example".parse::<SipUri>().unwrap());
    let push = PushParams {
        provider: "apns".into(),
        param: Some("TEAM.com.example.voip".into()),
        prid: "to/ken=1".to_owned().into(),
    };
    RegistrationConfig {
        instance: Some(INSTANCE.into()),
        push: Some(push),
        ..RegistrationConfig::new(registrar, aor)
    }
}

fn info(host: &str) -> FlowInfo {
    let contact: SipUri = format!("sip:x@{host};transport=ws").parse().unwrap();
    FlowInfo { transport: TransportKind::Wss, host: contact.host.clone(), port: None, contact, remote: None }
}

impl World {
    fn new(config: RegistrationConfig) -> Self {
        let mut ua = UserAgent::new(UaConfig::default(), [1; 32]);
        let accepted = UaConfig { accepted_methods: vec![Method::Register], ..UaConfig::default() };
        let mut registrar = UserAgent::new(accepted, [2; 32]);
        for flow in [1, 2] {
            ua.flow_opened(FlowId(flow), info(&format!("flow{flow}.invalid")));
            registrar.flow_opened(FlowId(flow), info("company.example"));
        }
        Self {
            now: Timestamp::from_epoch(Duration::from_secs(1000)),
            ua,
            registration: Registration::new(config, [3; 32]),
            registrar,
            limits: RegistrarLimits::default(),
            guard: None,
            refusals: Vec::new(),
            cut: false,
            bindings: BTreeMap::new(),
            requests: Vec::new(),
        }
    }

    fn guarded(config: RegistrationConfig) -> Self {
        let mut world = Self::new(config);
        world.guard = Some(DigestServer::new(DigestConfig::new("company"), [4; 32]));
        world.ua.set_credentials(Some(Credentials::new("courier", "secret")));
        world
    }

    fn start(&mut self) {
        self.registration.start(self.now, &mut self.ua, FlowId(1)).unwrap();
    }

    /// Lets everything on the wire arrive.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.ua.poll() {
                quiet = false;
                match output {
                    UaOutput::Send { .. } if self.cut => {}
                    UaOutput::Send { flow, bytes } => self.registrar.handle_message(self.now, flow, &bytes),
                    UaOutput::Event(event) => {
                        assert!(self.registration.handle_event(self.now, &mut self.ua, &event));
                    }
                }
            }
            while let Some(output) = self.registrar.poll() {
                quiet = false;
                match output {
                    UaOutput::Send { .. } if self.cut => {}
                    UaOutput::Send { flow, bytes } => self.ua.handle_message(self.now, flow, &bytes),
                    UaOutput::Event(UaEvent::IncomingRequest { id, request, .. }) => {
                        let reply = self.serve(&request);
                        self.registrar.respond(self.now, id, reply).unwrap();
                    }
                    UaOutput::Event(other) => panic!("{other:?}"),
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn serve(&mut self, request: &Request) -> Reply {
        if let Some(guard) = &mut self.guard {
            let secret = Secret::Password("secret".to_owned().into());
            let verdict = match guard.presented(request) {
                Some(presented) => guard.verify(self.now, request, &presented, Some(&secret)),
                None => Err(DigestRefusal::Missing),
            };
            if let Err(refusal) = verdict {
                return guard.refuse(self.now, refusal);
            }
        }
        self.requests.push(request.clone());
        if !self.refusals.is_empty() {
            return self.refusals.remove(0);
        }
        let register = match server::read(request, &self.limits) {
            Ok(register) => register,
            Err(reply) => return reply,
        };
        match &register.action {
            RegisterAction::Query => {}
            RegisterAction::RemoveAll => self.bindings.clear(),
            RegisterAction::Update(bindings) => {
                for binding in bindings {
                    self.bindings.remove(&binding.key());
                    if !binding.expires.is_zero() {
                        self.bindings.insert(binding.key(), (binding.clone(), self.now + binding.expires));
                    }
                }
            }
        }
        server::accept(&register, self.bindings.values().map(|(binding, _)| binding))
    }

    /// The next event of the registration; `None` when nothing ever happens before `limit`.
    fn event(&mut self, limit: Duration) -> Option<RegistrationEvent> {
        let end = self.now + limit;
        loop {
            self.settle();
            if let Some(event) = self.registration.poll() {
                return Some(event);
            }
            let deadlines =
                [self.registration.next_deadline(), self.ua.next_deadline(), self.registrar.next_deadline()];
            let next = deadlines.into_iter().flatten().min().filter(|next| *next <= end);
            let Some(next) = next else {
                self.now = end;
                return None;
            };
            self.now = self.now.max(next);
            self.ua.handle_timeout(self.now);
            self.registrar.handle_timeout(self.now);
            self.registration.handle_timeout(self.now, &mut self.ua);
        }
    }

    fn registered(&mut self) -> Duration {
        match self.event(Duration::from_secs(1)) {
            Some(RegistrationEvent::Registered { expires, .. }) => expires,
            other => panic!("{other:?}"),
        }
    }

    fn numbers(&self) -> Vec<u32> {
        self.requests.iter().map(|request| request.headers.cseq().unwrap().number).collect()
    }
}

fn refusal(code: u16, lines: &[(crate::msg::HeaderName, &str)]) -> Reply {
    let mut reply = Reply::new(StatusCode::new(code).unwrap());
    for (name, value) in lines {
        reply.headers.push(name.clone(), value).unwrap();
    }
    reply
}
