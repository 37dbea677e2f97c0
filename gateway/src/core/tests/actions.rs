//! What people do in the world, and what they wait for.
#![allow(clippy::result_large_err, reason = "events that are not the wanted one go back into the queue")]

use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{HeaderName, Headers, Message, Method, NameAddr, Response, SipUri, StatusCode};
use doorstep_sip::ua::{EndCause, FlowId, Invite, OutOfDialog, Reply, SessionEvent, SessionId, UaEvent};

use super::world::{
    APP_OFFER, CARRIER_FLOW, CARRIER_HOST, CENTRE, COMPANY, COURIER, CUSTOMER, EDGE_HOST, ORDER,
    PHONE_ANSWER, SOON, TRUNK_HOST, Who, World,
};
use crate::core::{CallId, Fallback, Frame, Input, PushCommand, Side, Timestamp, WakeOutcome};
use crate::masking::E164;

impl World {
    /// Sends REGISTER with further parameters of its Contact, and returns the answer.
    pub(super) fn register_with(
        &mut self,
        flow: FlowId,
        user: &str,
        expires: u32,
        contact: &str,
    ) -> Response {
        let mut headers = Headers::default();
        headers.push(HeaderName::Contact, contact).unwrap();
        headers.push(HeaderName::Expires, expires).unwrap();
        headers.push(HeaderName::Supported, "path, outbound").unwrap();
        self.request(flow, Method::Register, &format!("sip:{EDGE_HOST}"), user, headers)
    }

    /// The same, whatever becomes of it.
    pub(super) fn register_blindly(&mut self, flow: FlowId, courier: &str) {
        let mut headers = Headers::default();
        headers.push(HeaderName::Contact, contact_of(flow)).unwrap();
        headers.push(HeaderName::Expires, 600).unwrap();
        self.send_request(flow, Method::Register, &format!("sip:{EDGE_HOST}"), courier, headers);
    }

    /// The same with push data, as the app of that number.
    pub(super) fn register_wakeable(&mut self, flow: FlowId, app: u32) -> Response {
        self.register_with(flow, COURIER, 600, &wakeable_contact(flow, app))
    }

    /// Sends that REGISTER and does not wait for the answer.
    pub(super) fn send_register_wakeable(&mut self, flow: FlowId, app: u32) {
        let mut headers = Headers::default();
        headers.push(HeaderName::Contact, wakeable_contact(flow, app)).unwrap();
        headers.push(HeaderName::Expires, 600).unwrap();
        self.send_request(flow, Method::Register, &format!("sip:{EDGE_HOST}"), COURIER, headers);
    }

    /// An app of that number that was here and is closed now: only a push can reach it.
    pub(super) fn closed_app(&mut self, app: u32) {
        let flow = self.connect(COURIER);
        assert_eq!(self.register_wakeable(flow, app).status, StatusCode::OK);
        self.cut(flow);
    }

    /// push-service says what became of the last wake.
    pub(super) fn wake_went(&mut self, outcome: WakeOutcome) {
        let call = self.wakes().last().unwrap().0.clone();
        self.went.push((call.clone(), outcome));
        self.input(Input::PushResult { call, outcome });
    }

    /// The wakes that were asked for, with their ends.
    pub(super) fn wakes(&self) -> Vec<(CallId, Timestamp)> {
        let wakes = self.pushed.iter().filter_map(|command| match command {
            PushCommand::Wake { call, expires_at, .. } => Some((call.clone(), *expires_at)),
            PushCommand::PutDevice { .. }
            | PushCommand::DeleteDevice { .. }
            | PushCommand::CancelWake { .. } => None,
        });
        wakes.collect()
    }

    /// How many wakes were called off.
    pub(super) fn wakes_cancelled(&self) -> usize {
        self.pushed.iter().filter(|command| matches!(command, PushCommand::CancelWake { .. })).count()
    }

    pub(super) fn register(&mut self, flow: FlowId, courier: &str) -> Response {
        self.register_with(flow, courier, 600, &contact_of(flow))
    }

    pub(super) fn request(
        &mut self,
        flow: FlowId,
        method: Method,
        uri: &str,
        user: &str,
        headers: Headers,
    ) -> Response {
        self.send_request(flow, method, uri, user, headers);
        self.next(Who::App(flow), |event| match event {
            UaEvent::Response { response, .. } if response.status.is_final() => Ok(response),
            other => Err(other),
        })
    }

    fn send_request(&mut self, flow: FlowId, method: Method, uri: &str, user: &str, headers: Headers) {
        let now = self.now;
        let address = NameAddr::new(format!("sip:{user}@{EDGE_HOST}").parse::<SipUri>().unwrap());
        let what = OutOfDialog {
            method,
            uri: uri.parse().unwrap(),
            from: address.clone(),
            to: address,
            sequence: None,
            headers,
            body: Bytes::new(),
        };
        self.app(flow).send_request(now, flow, what).unwrap();
    }

    /// A connected app of the courier that can be called.
    pub(super) fn ready_app(&mut self) -> FlowId {
        let app = self.connect(COURIER);
        assert_eq!(self.register(app, COURIER).status, StatusCode::OK);
        app
    }

    /// The app calls an order's customer.
    pub(super) fn app_calls(&mut self, flow: FlowId, order: &str) -> SessionId {
        self.app_calls_with(flow, order, APP_OFFER)
    }

    pub(super) fn app_calls_with(&mut self, flow: FlowId, order: &str, offer: &'static str) -> SessionId {
        self.invite_uri(flow, &format!("sip:order.{order}@{EDGE_HOST}"), offer)
    }

    pub(super) fn invite_uri(&mut self, flow: FlowId, uri: &str, offer: &'static str) -> SessionId {
        self.invite_with(flow, uri, offer, Headers::default())
    }

    pub(super) fn invite_with(
        &mut self,
        flow: FlowId,
        uri: &str,
        offer: &'static str,
        headers: Headers,
    ) -> SessionId {
        let now = self.now;
        // What the app says of itself counts for nothing.
        let from: SipUri = format!("sip:somebody@{EDGE_HOST}").parse().unwrap();
        let to: SipUri = uri.parse().unwrap();
        let invite = Invite {
            uri: to.clone().into(),
            from: NameAddr::new(from).with_display_name("Mallory"),
            to: NameAddr::new(to),
            call_id: None,
            headers,
            sdp: Bytes::from_static(offer.as_bytes()),
        };
        self.app(flow).invite(now, flow, invite).unwrap()
    }

    /// Somebody calls a company number through the carrier.
    pub(super) fn phone_calls(&mut self, from: &str, to: &str, offer: &'static str) -> SessionId {
        self.phone_calls_with(from, to, offer, Headers::default())
    }

    pub(super) fn phone_calls_with(
        &mut self,
        from: &str,
        to: &str,
        offer: &'static str,
        headers: Headers,
    ) -> SessionId {
        let now = self.now;
        let from: SipUri = format!("sip:{from}@{CARRIER_HOST}").parse().unwrap();
        let to: SipUri = format!("sip:{to}@{TRUNK_HOST}").parse().unwrap();
        let invite = Invite {
            uri: to.clone().into(),
            from: NameAddr::new(from).with_display_name("Max Mustermann"),
            to: NameAddr::new(to),
            call_id: None,
            headers,
            sdp: Bytes::from_static(offer.as_bytes()),
        };
        self.carrier.invite(now, CARRIER_FLOW, invite).unwrap()
    }

    /// The policy that passes customers on to the contact centre.
    pub(super) fn centre(&self) -> Fallback {
        let number = |number| E164::parse(number).unwrap();
        Fallback::ContactCentre { number: number(CENTRE), caller_id: number(COMPANY), message: None }
    }

    /// A phone that lets the gateway make the offer, which the user agent cannot play. Returns its tag.
    pub(super) fn raw_offerless_invite(&mut self) -> String {
        let text = format!(
            "INVITE sip:{COMPANY}@{TRUNK_HOST} SIP/2.0\nVia: SIP/2.0/UDP {CARRIER_HOST};branch=z9hG4bKraw\nFrom: <sip:{CUSTOMER}@{CARRIER_HOST}>;tag=raw\nTo: <sip:{COMPANY}@{TRUNK_HOST}>\nCall-ID: raw\nCSeq: 1 INVITE\nContact: <sip:raw@{CARRIER_HOST}>\nMax-Forwards: 70\nContent-Length: 0\n\n"
        );
        self.raw(&text);
        "raw".to_owned()
    }

    /// Its ACK to our 200, with an answer.
    pub(super) fn raw_acknowledge(&mut self, tag: &str, answer: &str) {
        let end = self.now + SOON;
        let to = loop {
            let answered = self.sent.iter().find_map(|(_, bytes)| match Message::parse(bytes) {
                Ok(Message::Response(response))
                    if response.status == StatusCode::OK && response.headers.call_id() == Some(tag) =>
                {
                    response.headers.to()
                }
                _ => None,
            });
            match answered {
                Some(to) => break to,
                None => assert!(self.step(end), "no 200"),
            }
        };
        let text = format!(
            "ACK sip:doorstep@{TRUNK_HOST} SIP/2.0\nVia: SIP/2.0/UDP {CARRIER_HOST};branch=z9hG4bKrawack\nFrom: <sip:{CUSTOMER}@{CARRIER_HOST}>;tag={tag}\nTo: {to}\nCall-ID: {tag}\nCSeq: 1 ACK\nMax-Forwards: 70\nContent-Type: application/sdp\nContent-Length: {}\n\n",
            answer.len()
        );
        self.raw(&(text + answer));
    }

    fn raw(&mut self, text: &str) {
        let (head, body) = text.split_once("\n\n").unwrap();
        let bytes = Bytes::from(format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n")));
        self.input(Input::Message { side: Side::Trunk, flow: CARRIER_FLOW, bytes: Frame::new(bytes) });
    }

    /// The next such thing that somebody hears, whatever the others hear meanwhile.
    fn next<T>(&mut self, who: Who, wanted: fn(UaEvent) -> Result<T, UaEvent>) -> T {
        let end = self.now + SOON;
        loop {
            for at in 0..self.heard.len() {
                if self.heard[at].0 != who {
                    continue;
                }
                let (_, event) = self.heard.remove(at).unwrap();
                match wanted(event) {
                    Ok(found) => return found,
                    Err(other) => self.heard.insert(at, (who, other)),
                }
            }
            assert!(self.step(end), "{who:?} hears nothing; sent: {:#?}", self.log());
        }
    }

    pub(super) fn session_event(&mut self, who: Who) -> SessionEvent {
        self.next(who, |event| match event {
            UaEvent::Session { event, .. } => Ok(event),
            other => Err(other),
        })
    }

    /// The next request outside of calls.
    pub(super) fn next_request(&mut self, who: Who) -> UaEvent {
        self.pass(Duration::from_secs(0));
        let end = self.now + Duration::from_secs(400);
        while !self
            .heard
            .iter()
            .any(|(by, event)| *by == who && matches!(event, UaEvent::IncomingRequest { .. }))
            && self.step(end)
        {}
        self.next(who, |event| match event {
            UaEvent::IncomingRequest { .. } => Ok(event),
            other => Err(other),
        })
    }

    /// The next provisional response.
    pub(super) fn progress(&mut self, who: Who) -> Response {
        match self.session_event(who) {
            SessionEvent::Progress { response } => response,
            other => panic!("{who:?} hears no progress but {other:?}"),
        }
    }

    pub(super) fn answered(&mut self, who: Who) -> Response {
        loop {
            match self.session_event(who) {
                SessionEvent::Answered { response } => return response,
                SessionEvent::Progress { .. } | SessionEvent::Confirmed { .. } => {}
                other => panic!("{who:?} hears no answer but {other:?}"),
            }
        }
    }

    pub(super) fn ended(&mut self, who: Who) -> EndCause {
        loop {
            if let SessionEvent::Ended { cause } = self.session_event(who) {
                return cause;
            }
        }
    }

    pub(super) fn refused(&mut self, who: Who) -> Response {
        loop {
            match self.ended(who) {
                EndCause::Refused { response } => return response,
                // A call that it has refused itself.
                EndCause::Local => {}
                other => panic!("{who:?} was not refused but {other:?}"),
            }
        }
    }

    /// The next INVITE.
    pub(super) fn invited(&mut self, who: Who) -> (SessionId, doorstep_sip::msg::Request) {
        self.next(who, |event| match event {
            UaEvent::IncomingInvite { session, request, .. } => Ok((session, request)),
            other => Err(other),
        })
    }

    pub(super) fn ring(&mut self, who: Who, session: SessionId) {
        let now = self.now;
        self.ua(who).progress(now, session, StatusCode::RINGING, Headers::default(), None).unwrap();
    }

    pub(super) fn early(&mut self, who: Who, session: SessionId, sdp: &'static str) {
        let (now, sdp) = (self.now, Some(Bytes::from_static(sdp.as_bytes())));
        let status = StatusCode::SESSION_PROGRESS;
        self.ua(who).progress(now, session, status, Headers::default(), sdp).unwrap();
    }

    pub(super) fn answer(&mut self, who: Who, session: SessionId, sdp: &'static str) {
        let now = self.now;
        let sdp = Bytes::from_static(sdp.as_bytes());
        self.ua(who).answer(now, session, Headers::default(), sdp).unwrap();
    }

    pub(super) fn reject(&mut self, who: Who, session: SessionId, status: u16) {
        let now = self.now;
        let reply = Reply::new(StatusCode::new(status).unwrap());
        self.ua(who).reject(now, session, reply).unwrap();
    }

    pub(super) fn end(&mut self, who: Who, session: SessionId) {
        let now = self.now;
        self.ua(who).end(now, session, None).unwrap();
    }

    /// The courier and the customer talk, by the courier's call. Returns the app, its session and the carrier's.
    pub(super) fn courier_talks(&mut self) -> (FlowId, SessionId, SessionId) {
        let app = self.ready_app();
        let a = self.app_calls(app, ORDER);
        let (b, _) = self.invited(Who::Carrier);
        self.ring(Who::Carrier, b);
        self.answer(Who::Carrier, b, PHONE_ANSWER);
        self.answered(Who::App(app));
        assert!(matches!(self.session_event(Who::Carrier), SessionEvent::Confirmed { .. }));
        self.pass(Duration::from_secs(1));
        assert_eq!(self.media.talking().len(), 1);
        (app, a, b)
    }
}

fn wakeable_contact(flow: FlowId, app: u32) -> String {
    format!(
        "<sip:app@app{flow}.invalid;transport=ws;pn-provider=apns;pn-param=TEAM.app.voip;pn-prid=token{app}>;+sip.instance=\"<urn:uuid:app-{app}>\";reg-id=1"
    )
}

/// What an app registers as.
fn contact_of(flow: FlowId) -> String {
    format!("<sip:app@app{flow}.invalid;transport=ws>;+sip.instance=\"<urn:uuid:{flow}>\";reg-id=1")
}
