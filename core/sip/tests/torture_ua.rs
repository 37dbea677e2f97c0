//! RFC 4475: what a user agent answers to each torture message. It serves calls, REGISTER and MESSAGE.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use doorstep_sip::Timestamp;
use doorstep_sip::digest::{DigestConfig, DigestRefusal, DigestServer};
use doorstep_sip::msg::{HeaderName, Message, Method, Request, Response, SipUri};
use doorstep_sip::registrar::{self, RegisterAction, RegistrarLimits};
use doorstep_sip::ua::{FlowId, FlowInfo, TransportKind, UaConfig, UaEvent, UaOutput, UserAgent};

fn torture() -> Option<BTreeMap<String, Vec<u8>>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/sip-torture");
    let Ok(entries) = std::fs::read_dir(&root) else {
        println!("SKIPPED: the RFC 4475 messages are not at ../shared/vectors/sip-torture");
        return None;
    };
    let files = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "dat"));
    let named = files.map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    });
    Some(named.collect())
}

/// What became of one message.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing at all.
    Dropped,
    /// A final answer of the user agent's own.
    Answered(u16),
    /// A call that rings.
    Rings,
    /// A request for the user to answer.
    HandedUp(Method),
}

struct Handled {
    outcome: Outcome,
    answer: Option<Response>,
    request: Option<Request>,
}

const FLOW: FlowId = FlowId(1);
const NOW: Timestamp = Timestamp::from_epoch(Duration::from_secs(1));
const PING: &str = "OPTIONS sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h.example.com;branch=z9hG4bKping\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

fn handle(bytes: &[u8]) -> Handled {
    let config =
        UaConfig { accepted_methods: vec![Method::Register, Method::Message], ..UaConfig::default() };
    let mut ua = UserAgent::new(config, [1; 32]);
    let contact: SipUri = "sip:user@192.0.2.1".parse().unwrap();
    let remote = Some("192.0.2.99:5060".parse().unwrap());
    let host = contact.host.clone();
    ua.flow_opened(FLOW, FlowInfo { transport: TransportKind::Udp, host, port: None, contact, remote });
    ua.handle_message(NOW, FLOW, bytes);
    let mut handled = Handled { outcome: Outcome::Dropped, answer: None, request: None };
    let mut seen = 0;
    while let Some(output) = ua.poll() {
        let outcome = match output {
            UaOutput::Send { bytes, .. } => {
                // An answer to a request without From, To or Call-ID has none either.
                let code = String::from_utf8(bytes[8..11].to_vec()).unwrap().parse().unwrap();
                handled.answer = match Message::parse(&bytes) {
                    Ok(Message::Response(response)) => Some(response),
                    Ok(Message::Request(request)) => panic!("{request:?}"),
                    Err(_) => None,
                };
                (code >= 200).then_some(Outcome::Answered(code))
            }
            UaOutput::Event(UaEvent::IncomingInvite { request, .. }) => {
                handled.request = Some(request);
                Some(Outcome::Rings)
            }
            UaOutput::Event(UaEvent::IncomingRequest { request, .. }) => {
                handled.request = Some(request.clone());
                Some(Outcome::HandedUp(request.method))
            }
            UaOutput::Event(other) => panic!("{other:?}"),
        };
        if let Some(outcome) = outcome {
            seen += 1;
            handled.outcome = outcome;
        }
    }
    assert!(seen <= 1, "one message, one outcome");
    ua.handle_message(NOW, FLOW, PING.as_bytes());
    assert!(matches!(ua.poll(), Some(UaOutput::Send { bytes, .. }) if bytes.starts_with(b"SIP/2.0 200")));
    handled
}

#[test]
fn every_torture_message_gets_the_answer_of_rfc_4475() {
    let Some(messages) = torture() else { return };
    let expected = |name: &str| match name {
        // 3.1.1 and others that are valid. wsinv's To has the tag of a dialog that is not there.
        "wsinv" => Outcome::Answered(481),
        "esc01" | "longreq" | "inv2543" => Outcome::Rings,
        "lwsdisp" | "semiuri" | "transports" | "badbranch" => Outcome::Answered(200),
        "escnull" | "dblreq" | "regaut01" | "cparam01" | "cparam02" | "regescrt" | "unksm2" => {
            Outcome::HandedUp(Method::Register)
        }
        "mpart01" => Outcome::HandedUp(Method::Message),
        // Methods nobody knows, the second only escaped so that it looks like REGISTER.
        "intmeth" | "esc02" => Outcome::Answered(405),
        // A date in another time zone is ignored.
        "baddate" => Outcome::Rings,
        // The message goes no further than here, so that its hops do not matter.
        "zeromf" => Outcome::Answered(200),
        // Responses to nothing that was sent, or that cannot be read.
        "unreason" | "noreason" | "bcast" | "scalarlg" | "bigcode" => Outcome::Dropped,
        "badvers" => Outcome::Answered(505),
        "unkscm" | "novelsc" => Outcome::Answered(416),
        "bext01" => Outcome::Answered(420),
        "invut" => Outcome::Answered(415),
        "sdp01" => Outcome::Answered(406),
        "badinv01" | "clerr" | "ncl" | "scalar02" | "quotbal" | "ltgtruri" | "lwsruri" | "lwsstart"
        | "trws" | "escruri" | "regbadct" | "badaspec" | "baddn" | "mismatch01" | "mismatch02"
        | "multi01" | "mcl01" | "insuf" => Outcome::Answered(400),
        other => panic!("{other} is not one of RFC 4475's"),
    };
    let mut wrong = Vec::new();
    for (name, bytes) in &messages {
        let (got, expected) = (handle(bytes).outcome, expected(name));
        if got != expected {
            wrong.push(format!("{name}: expected {expected:?}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(messages.len(), 49);
}

#[test]
fn the_answers_say_what_is_wrong() {
    let Some(messages) = torture() else { return };
    let answer = |name: &str| handle(&messages[name]).answer.unwrap();
    assert_eq!(
        answer("bext01").headers.tokens(&HeaderName::Unsupported),
        ["nothingSupportsThis", "nothingSupportsThisEither"]
    );
    assert_eq!(answer("invut").headers.get(&HeaderName::Accept), Some("application/sdp"));
    assert!(answer("intmeth").headers.contains_token(&HeaderName::Allow, "INVITE"));
    let multi = answer("multi01");
    assert_eq!(multi.reason, "From stands more than once");
    assert_eq!(multi.headers.all(&HeaderName::CSeq).count(), 1);
    let bad = answer("clerr");
    assert_eq!(bad.headers.call_id(), Some("clerr.0ha0isndaksdjweiafasdk3"));
    assert!(bad.headers.to().unwrap().tag().is_some());
    let via = bad.headers.via().unwrap();
    assert_eq!(via.params.value("received"), Some("192.0.2.99"));
}

#[test]
fn a_registrar_reads_the_contacts_and_challenges_whatever_scheme_was_tried() {
    let Some(messages) = torture() else { return };
    let request = |name: &str| handle(&messages[name]).request.unwrap();
    let contacts = |name: &str| {
        let read = registrar::read(&request(name), &RegistrarLimits::default()).unwrap();
        match read.action {
            RegisterAction::Update(bindings) => {
                bindings.into_iter().map(|binding| binding.contact).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(contacts("cparam01")[0].params.is_empty());
    assert!(contacts("cparam02")[0].params.contains("unknownparam"));
    assert_eq!(contacts("regescrt")[0].header("Route").as_deref(), Some("<sip:sip.example.com>"));
    let null: Vec<_> = contacts("escnull").iter().map(|uri| uri.user().unwrap()).collect();
    assert_eq!(null, ["\0", "\0\0"]);
    assert_eq!(contacts("dblreq").len(), 1);
    let unknown = registrar::read(&request("unksm2"), &RegistrarLimits::default());
    assert_eq!(unknown.unwrap_err().status.code(), 400);

    let mut guard = DigestServer::new(DigestConfig::new("example.com"), [2; 32]);
    assert_eq!(guard.presented(&request("regaut01")), None);
    let challenge = guard.refuse(NOW, DigestRefusal::Missing);
    assert_eq!(challenge.headers.all(&HeaderName::WwwAuthenticate).count(), 2);
}
