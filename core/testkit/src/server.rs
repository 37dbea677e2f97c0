//! What stands at the other end of the endpoints' connections.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use doorstep_sip::Timestamp;
use doorstep_sip::msg::{Contacts, HeaderName, Message, Method, NameAddr, Request, Response, StatusCode};
use doorstep_sip::ua::FlowId;

/// A sans-IO core that endpoints connect to: a gateway, or a stand-in for one. The flows are numbered by the world.
pub trait Peer {
    /// Phone number `phone` (from 0, in the order of the world) has connected.
    fn flow_opened(&mut self, now: Timestamp, flow: FlowId, phone: usize);
    /// A connection is gone.
    fn flow_closed(&mut self, now: Timestamp, flow: FlowId);
    /// A message, or a keep-alive, came.
    fn handle_frame(&mut self, now: Timestamp, flow: FlowId, bytes: &[u8]);
    /// The time of [`next_deadline`](Self::next_deadline) has come.
    fn handle_deadline(&mut self, now: Timestamp);
    /// When it wants to be woken.
    fn next_deadline(&self) -> Option<Timestamp>;
    /// The next thing to do.
    fn poll(&mut self) -> Option<PeerOutput>;
    /// Nothing of any call is kept; the world asks at the end.
    fn is_clean(&self) -> bool {
        true
    }
}

/// What a [`Peer`] wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerOutput {
    /// Send a message.
    Send {
        /// Where.
        flow: FlowId,
        /// What.
        bytes: Bytes,
    },
    /// Close a connection.
    Close {
        /// Which.
        flow: FlowId,
    },
}

/// Joins two phones directly: it registers whoever asks, answers keep-alives, and hands every other message to the
/// other phone as it came. Like a telephone line, it holds nothing of any call.
#[derive(Debug, Default)]
pub struct Switchboard {
    /// Phones by flow.
    flows: BTreeMap<FlowId, usize>,
    /// The newest flow of each phone.
    newest: BTreeMap<usize, FlowId>,
    outputs: VecDeque<PeerOutput>,
    /// REGISTERs are refused with this.
    pub refuses_register: Option<StatusCode>,
    /// Keep-alives have no answer.
    pub ignores_pings: bool,
    /// Every REGISTER so far.
    pub registers: Vec<Request>,
    /// Start line of every other message, with the number of the phone that sent it.
    pub passed: Vec<(Timestamp, usize, String)>,
    /// Keep-alives so far.
    pub pings: usize,
}

impl Switchboard {
    /// Sends a message to a phone as if the other had.
    pub fn inject(&mut self, phone: usize, bytes: impl Into<Bytes>) {
        if let Some(flow) = self.newest.get(&phone) {
            self.outputs.push_back(PeerOutput::Send { flow: *flow, bytes: bytes.into() });
        }
    }

    /// How many messages from a phone began like that.
    pub fn count(&self, phone: usize, start: &str) -> usize {
        self.passed.iter().filter(|(_, from, line)| *from == phone && line.starts_with(start)).count()
    }

    fn register(&mut self, flow: FlowId, register: &Request) {
        self.registers.push(register.clone());
        let status = self.refuses_register.unwrap_or(StatusCode::OK);
        let mut response = Response::to(register, status);
        let tagged = response.headers.to().and_then(|to| to.with_tag("switchboard").ok());
        let done = tagged.map(|to| response.headers.set(HeaderName::To, to));
        assert_eq!(done, Some(Ok(())));
        if let Some(Contacts::List(list)) = register.headers.contacts() {
            for contact in list.iter().filter(|contact| is_kept(contact)) {
                assert!(response.headers.push(HeaderName::Contact, contact).is_ok());
            }
        }
        self.outputs.push_back(PeerOutput::Send { flow, bytes: response.to_bytes() });
    }
}

fn is_kept(contact: &NameAddr) -> bool {
    contact.params.value("expires") != Some("0")
}

impl Peer for Switchboard {
    fn flow_opened(&mut self, _: Timestamp, flow: FlowId, phone: usize) {
        self.flows.insert(flow, phone);
        self.newest.insert(phone, flow);
    }

    fn flow_closed(&mut self, _: Timestamp, flow: FlowId) {
        self.flows.remove(&flow);
        self.newest.retain(|_, newest| *newest != flow);
    }

    fn handle_frame(&mut self, now: Timestamp, flow: FlowId, bytes: &[u8]) {
        let Some(phone) = self.flows.get(&flow).copied() else { return };
        if bytes == b"\r\n\r\n" {
            self.pings += 1;
            if !self.ignores_pings {
                self.outputs.push_back(PeerOutput::Send { flow, bytes: Bytes::from_static(b"\r\n") });
            }
            return;
        }
        if let Ok(Message::Request(request)) = Message::parse(bytes)
            && request.method == Method::Register
        {
            self.register(flow, &request);
            return;
        }
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        self.passed.push((now, phone, String::from_utf8_lossy(line).into_owned()));
        self.inject(1 - phone.min(1), Bytes::copy_from_slice(bytes));
    }

    fn handle_deadline(&mut self, _: Timestamp) {}

    fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    fn poll(&mut self) -> Option<PeerOutput> {
        self.outputs.pop_front()
    }
}
