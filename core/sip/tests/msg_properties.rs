//! What must hold for any message: nothing that comes in crashes, and what goes out can be read again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use doorstep_sip::msg::{CSeq, HeaderName, Host, Message, Method, NameAddr, Request, SipUri, Uri, Via};
use proptest::prelude::*;

const SEED: &[u8] = b"INVITE sip:order-4711@company.example;user=phone SIP/2.0\r\nVia: SIP/2.0/WSS abc.invalid;branch=z9hG4bK1;rport\r\nFrom: \"Anna \\\"B\\\"\" <sip:courier@company.example>;tag=a\r\nTo: <tel:+4930901820>\r\nCall-ID: 1@x\r\nCSeq: 1 INVITE\r\nContact: <sip:c@abc.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\"\r\nMax-Forwards: 70\r\nSupported: timer,\r\n 100rel\r\nContent-Length: 4\r\n\r\nv=0\n";

proptest! {
    #[test]
    fn no_octets_crash_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Message::parse(&bytes).map_err(|error| error.response());
    }

    #[test]
    fn a_damaged_message_is_read_or_refused_and_what_is_read_can_be_printed(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..8),
    ) {
        let mut bytes = SEED.to_vec();
        for (index, byte, how) in damage {
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        match Message::parse(&bytes) {
            Ok(message) => prop_assert_eq!(Message::parse(&message.to_bytes()), Ok(message)),
            Err(error) => if let Some(response) = error.response() {
                // What was unreadable is echoed as it came; the way back must stand.
                prop_assert!(response.headers.get(&HeaderName::Via).is_some());
            },
        }
    }

    #[test]
    fn what_is_built_reads_back_as_it_was_meant(
        user in "\\PC{1,20}", name in "\\PC{0,20}", tag in "[a-zA-Z0-9.!%*_+`'~-]{1,20}", number in 0u32..1 << 31,
        body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let uri = SipUri::new(Host::domain("company.example").unwrap()).with_user(&user);
        let from = NameAddr::new(uri.clone()).with_display_name(&name).with_tag(&tag).unwrap();
        let mut request = Request::new(Method::Invite, uri);
        let via = Via::new("WSS", Host::domain("abc.invalid").unwrap(), None, "z9hG4bKq").unwrap();
        request.headers.push_via_front(&via);
        request.headers.push(HeaderName::From, &from).unwrap();
        request.headers.push(HeaderName::To, NameAddr::new("tel:+15550100".parse::<Uri>().unwrap())).unwrap();
        request.headers.push(HeaderName::CallId, "1").unwrap();
        request.headers.push(HeaderName::CSeq, CSeq { number, method: Method::Invite }).unwrap();
        request.body = body.into();
        let Ok(Message::Request(read)) = Message::parse(&request.to_bytes()) else { panic!("does not read") };
        prop_assert_eq!(read.uri.as_sip().unwrap().user(), Some(user));
        prop_assert_eq!(read.headers.from(), Some(from));
        prop_assert_eq!(read.headers.vias(), vec![via]);
        prop_assert_eq!(read, request);
    }
}
