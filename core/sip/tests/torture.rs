//! RFC 4475: what a parser must make of each torture message. What the user agent answers to those that parse
//! (415, 416, 420, 483…) is tested with it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use doorstep_sip::msg::{Contacts, HeaderName, Message, Method, ParseError, ParseErrorKind, StatusCode, Uri};

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

/// Parsed; a 400 that can be answered; a 505; dropped.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Answer(u16),
    Drop,
}

fn verdict(bytes: &[u8]) -> Verdict {
    match Message::parse(bytes) {
        Ok(_) => Verdict::Accept,
        Err(error) => {
            error.response().map_or(Verdict::Drop, |response| Verdict::Answer(response.status.code()))
        }
    }
}

#[test]
fn every_torture_message_gets_the_verdict_of_rfc_4475() {
    let Some(messages) = torture() else { return };
    let rejected = [
        "badinv01",
        "clerr",
        "ncl",
        "scalar02",
        "quotbal",
        "ltgtruri",
        "lwsruri",
        "lwsstart",
        "trws",
        "escruri",
        "regbadct",
        "badaspec",
        "baddn",
        "mismatch01",
        "mismatch02",
        "multi01",
        "mcl01",
        "insuf",
    ];
    // Responses are never answered.
    let dropped = ["scalarlg", "bigcode"];
    let mut wrong = Vec::new();
    for (name, bytes) in &messages {
        let expected = match name.as_str() {
            "badvers" => Verdict::Answer(505),
            name if rejected.contains(&name) => Verdict::Answer(400),
            name if dropped.contains(&name) => Verdict::Drop,
            _ => Verdict::Accept,
        };
        let got = verdict(bytes);
        if got != expected {
            wrong.push(format!(
                "{name}: expected {expected:?}, got {got:?} ({:?})",
                Message::parse(bytes).err().map(|e| e.kind)
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(messages.len(), 49);
}

#[test]
fn an_accepted_torture_message_printed_and_read_again_is_the_same() {
    let Some(messages) = torture() else { return };
    for (name, bytes) in messages {
        let Ok(message) = Message::parse(&bytes) else { continue };
        assert_eq!(Message::parse(&message.to_bytes()), Ok(message), "{name}");
    }
}

fn parsed(messages: &BTreeMap<String, Vec<u8>>, name: &str) -> Message {
    Message::parse(&messages[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn fields_that_are_hard_to_read_are_read_right() {
    let Some(messages) = torture() else { return };

    let wsinv = parsed(&messages, "wsinv");
    let headers = wsinv.headers();
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    assert_eq!(headers.from().unwrap().display_name.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(headers.max_forwards(), Some(68));
    assert_eq!(headers.cseq().unwrap().number, 9);
    let vias = headers.vias();
    assert_eq!(vias.iter().map(|via| via.transport.as_str()).collect::<Vec<_>>(), ["UDP", "TCP", "UDP"]);
    assert_eq!(vias[1].branch(), Some("z9hG4bK9ikj8"));
    assert!(!vias[0].has_rfc3261_branch());
    assert_eq!(headers.contact().unwrap().params.value("q"), Some("0.33"));
    let strange: HeaderName = "unknownheaderwithunusualvalue".parse().unwrap();
    assert_eq!(headers.get(&strange), Some(";;,,;;,;"));

    let Message::Request(intmeth) = parsed(&messages, "intmeth") else { panic!() };
    assert!(matches!(intmeth.method, Method::Extension(_)));
    assert!(intmeth.headers.to().unwrap().display_name.unwrap().contains('\0'));

    let Message::Request(esc01) = parsed(&messages, "esc01") else { panic!() };
    assert_eq!(esc01.uri.as_sip().unwrap().user().as_deref(), Some("sips:user@example.com"));

    let Message::Request(semiuri) = parsed(&messages, "semiuri") else { panic!() };
    assert_eq!(semiuri.uri.as_sip().unwrap().user().as_deref(), Some("user;par=u@example.net"));

    let cparam01 = parsed(&messages, "cparam01").headers().contact().unwrap();
    assert!(cparam01.params.contains("unknownparam"));
    assert!(cparam01.uri.as_sip().unwrap().params.is_empty());
    let cparam02 = parsed(&messages, "cparam02").headers().contact().unwrap();
    assert!(cparam02.uri.as_sip().unwrap().params.contains("unknownparam"));
    let regescrt = parsed(&messages, "regescrt").headers().contact().unwrap();
    assert_eq!(regescrt.uri.as_sip().unwrap().header("Route").as_deref(), Some("<sip:sip.example.com>"));

    assert!(matches!(parsed(&messages, "unksm2").headers().to().unwrap().uri, Uri::Other(_)));
    let Message::Response(unreason) = parsed(&messages, "unreason") else { panic!() };
    assert_eq!(unreason.status, StatusCode::OK);
    assert!(!unreason.reason.is_ascii());
    assert_eq!(parsed(&messages, "longreq").headers().vias().len(), 34);
}

const OPTIONS: &str = "OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/WSS abc.invalid;branch=z9hG4bKx\r\nFrom: <sip:b@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n";

fn with(lines: &str) -> Result<Message, ParseError> {
    Message::parse(format!("{OPTIONS}{lines}\r\n").as_bytes())
}

#[test]
fn what_is_wrong_is_named_and_answered_with_the_headers_that_could_be_read() {
    let cases = [
        ("Contact: <sip:a\r\n", ParseErrorKind::Header("Contact")),
        ("Content-Length: +0\r\n", ParseErrorKind::Header("Content-Length")),
        ("Content-Length: 1\r\n", ParseErrorKind::ShortBody),
        ("l: 0\r\nContent-Length: 0\r\n", ParseErrorKind::Repeated("Content-Length")),
        ("CSeq: 2 OPTIONS\r\n", ParseErrorKind::Repeated("CSeq")),
        ("no colon\r\n", ParseErrorKind::HeaderLine),
        ("X: a\rb\r\n", ParseErrorKind::HeaderLine),
        ("X: a\nY: b\r\n", ParseErrorKind::HeaderLine),
        ("Expires: 4294967296\r\n", ParseErrorKind::Header("Expires")),
    ];
    for (lines, kind) in cases {
        let error = with(lines).unwrap_err();
        assert_eq!(error.kind, kind, "{lines:?}");
        let answer = error.response().unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.headers.via().unwrap().branch(), Some("z9hG4bKx"));
    }
    assert_eq!(Message::parse(OPTIONS.as_bytes()).unwrap_err().kind, ParseErrorKind::Unterminated);
    assert_eq!(Message::parse(b"\r\n\r\n").unwrap_err().kind, ParseErrorKind::Empty);
    let many = "X: y\r\n".repeat(300);
    assert_eq!(with(&many).unwrap_err().kind, ParseErrorKind::TooManyHeaders);
}

#[test]
fn a_request_may_not_smuggle_headers_in_its_uri_and_a_header_may_not_hold_a_line_break() {
    let smuggling = OPTIONS.replace("sip:a@example.com SIP", "sip:a@example.com?Route=x SIP");
    assert_eq!(
        Message::parse(format!("{smuggling}\r\n").as_bytes()).unwrap_err().kind,
        ParseErrorKind::RequestUri
    );

    let Ok(Message::Request(mut request)) = with("") else { panic!() };
    request.headers.push(HeaderName::Subject, "a\r\nRoute: <sip:evil.example>").unwrap_err();
    request.headers.push(HeaderName::ContentLength, 7).unwrap_err();
    request.headers.from().unwrap().with_tag("a;b").unwrap_err();
}

#[test]
fn the_contacts_of_several_lines_are_one_list_and_a_star_stands_alone() {
    let message = with(
        "Contact: <sip:a@x.example>, \"B, C\" <sip:b@x.example>;q=0.5\r\nm: sip:c@x.example;expires=60\r\n",
    )
    .unwrap();
    let Some(Contacts::List(list)) = message.headers().contacts() else { panic!() };
    assert_eq!(list.len(), 3);
    assert_eq!(list[1].display_name.as_deref(), Some("B, C"));
    assert_eq!(list[2].params.value("expires"), Some("60"));
    assert_eq!(with("Contact: *\r\n").unwrap().headers().contacts(), Some(Contacts::Star));
    assert_eq!(with("").unwrap().headers().contacts(), None);
}

#[test]
fn a_server_notes_where_a_request_came_from_in_the_topmost_via_only() {
    let Ok(Message::Request(mut request)) = with("Via: SIP/2.0/UDP 192.0.2.1, SIP/2.0/UDP 192.0.2.2\r\n")
    else {
        panic!()
    };
    let mut top = request.headers.via().unwrap();
    top.params.set("received", Some("192.0.2.9")).unwrap();
    request.headers.set_top_via(&top);
    let vias: Vec<_> = request.headers.vias().iter().map(ToString::to_string).collect();
    assert_eq!(vias[0], "SIP/2.0/WSS abc.invalid;branch=z9hG4bKx;received=192.0.2.9");
    assert_eq!(vias[1..], ["SIP/2.0/UDP 192.0.2.1", "SIP/2.0/UDP 192.0.2.2"]);
}
