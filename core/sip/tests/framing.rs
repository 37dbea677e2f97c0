//! A stream is cut into the same messages however it arrives.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use std::path::PathBuf;

use bytes::Bytes;
use doorstep_sip::framing::{Frame, Framer, FramingError, FramingLimits, PING, PONG};
use doorstep_sip::msg::Message;
use proptest::prelude::*;

const LIMITS: FramingLimits = FramingLimits { max_head: 400, max_message: 700 };

fn frames_by(chunks: &[&[u8]], limits: FramingLimits) -> (Vec<Frame>, Option<FramingError>) {
    let (mut framer, mut frames) = (Framer::new(limits), Vec::new());
    for chunk in chunks {
        framer.push(chunk);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    framer.push(b"OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n");
                    assert_eq!(framer.next_frame(), Err(error), "an error is final");
                    return (frames, Some(error));
                }
            }
        }
    }
    (frames, None)
}

fn frames(stream: &[u8]) -> (Vec<Frame>, Option<FramingError>) {
    let whole = frames_by(&[stream], LIMITS);
    let single: Vec<_> = stream.chunks(1).collect();
    assert_eq!(frames_by(&single, LIMITS), whole);
    whole
}

fn message(length: &str, body: &str) -> Vec<u8> {
    format!("OPTIONS sip:x@example.com SIP/2.0\r\nCall-ID: 1\r\n{length}\r\n\r\n{body}").into_bytes()
}

#[test]
fn content_length_is_found_in_every_way_of_writing_it() {
    for length in [
        "Content-Length: 4",
        "l:4",
        "CONTENT-LENGTH \t:  4 ",
        "L: 4",
        "Content-Length:\r\n 4",
        "l:\r\n\t4\r\nl: 4",
    ] {
        let one = message(length, "body");
        let stream = [one.clone(), one.clone()].concat();
        let expected = vec![Frame::Message(Bytes::from(one.clone())), Frame::Message(Bytes::from(one))];
        assert_eq!(frames(&stream), (expected, None), "{length:?}");
    }
}

#[test]
fn what_cannot_be_cut_is_an_error_and_stays_one() {
    for (length, error) in [
        ("X: y", FramingError::NoContentLength),
        ("X: Content-Length: 4", FramingError::NoContentLength),
        ("Content-Length:", FramingError::BadContentLength),
        ("Content-Length: -1", FramingError::BadContentLength),
        ("Content-Length: +1", FramingError::BadContentLength),
        ("Content-Length: 4 4", FramingError::BadContentLength),
        ("Content-Length: 4\r\nl: 5", FramingError::BadContentLength),
        ("Content-Length: 99999999999999999999999", FramingError::MessageTooLong),
        ("Content-Length: 18446744073709551615", FramingError::MessageTooLong),
        ("Content-Length: 690", FramingError::MessageTooLong),
    ] {
        let before = message("l: 0", "");
        let stream = [before.clone(), message(length, "body"), before.clone()].concat();
        assert_eq!(frames(&stream), (vec![Frame::Message(Bytes::from(before))], Some(error)), "{length:?}");
    }
}

#[test]
fn headers_that_never_end_are_given_up_at_the_limit() {
    let endless = [b"OPTIONS sip:x SIP/2.0\r\nX: ".to_vec(), vec![b'y'; 1000]].concat();
    assert_eq!(frames(&endless), (Vec::new(), Some(FramingError::HeadTooLong)));
    let padded = |by: usize| {
        let head = message("l: 0", "");
        message(&format!("X: {}\r\nl: 0", "y".repeat(by - 5 - head.len())), "")
    };
    let just = padded(LIMITS.max_head);
    assert_eq!(just.len(), LIMITS.max_head);
    assert_eq!(frames(&just).0.len(), 1);
    assert_eq!(frames(&padded(LIMITS.max_head + 1)), (Vec::new(), Some(FramingError::HeadTooLong)));
}

#[test]
fn line_breaks_between_messages_are_pings_and_pongs() {
    let one = message("l: 0", "");
    let stream = [PONG, &one, PING, PING, &one, PONG].concat();
    let message = Frame::Message(Bytes::from(one));
    let pinged = [Frame::Pong, Frame::Ping];
    let expected = [&[Frame::Pong, message.clone()][..], &pinged, &pinged, &[message, Frame::Pong]].concat();
    assert_eq!(frames(&stream), (expected, None));
    // A break that is not whole yet is not reported, and one that is none starts a message that nobody can read.
    assert_eq!(frames(b"\r"), (Vec::new(), None));
    assert_eq!(frames(b"\rX\r\n\r\n"), (Vec::new(), Some(FramingError::NoContentLength)));
}

#[test]
fn two_messages_in_a_row_are_both_read() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/sip-torture/dblreq.dat");
    let Ok(stream) = std::fs::read(path) else {
        println!("SKIPPED: the RFC 4475 messages are not at ../shared/vectors/sip-torture");
        return;
    };
    let (frames, error) = frames_by(&[&stream], FramingLimits::default());
    let methods: Vec<_> = frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Message(bytes) => match Message::parse(bytes).unwrap() {
                Message::Request(request) => Some(request.method.to_string()),
                Message::Response(_) => panic!(),
            },
            // The line breaks between the two.
            Frame::Ping | Frame::Pong => None,
        })
        .collect();
    // Its last body is longer than it says; the rest is no message.
    let rest = Some(FramingError::NoContentLength);
    assert_eq!((methods, error), (vec!["REGISTER".to_owned(), "INVITE".to_owned()], rest));
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..300)
            .prop_map(|body| [message(&format!("l: {}", body.len()), ""), body].concat()),
        2 => Just(PING.to_vec()),
        1 => Just(PONG.to_vec()),
        1 => Just(message("X: y", "")),
        1 => proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), Just(b'l'), any::<u8>()], 0..40),
    ]
}

proptest! {
    #[test]
    fn any_cutting_of_the_stream_gives_the_same_frames(
        pieces in proptest::collection::vec(piece(), 0..12),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let stream = pieces.concat();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([stream.len()]) {
            chunks.push(&stream[from..cut]);
            from = cut;
        }
        let whole = frames_by(&[&stream], LIMITS);
        prop_assert_eq!(frames_by(&chunks, LIMITS), whole.clone());
        // What comes out is what went in, in order and without a gap.
        let mut out = Vec::new();
        for frame in &whole.0 {
            match frame {
                Frame::Message(bytes) => out.extend_from_slice(bytes),
                Frame::Ping | Frame::Pong => out.extend_from_slice(PONG),
            }
        }
        prop_assert!(stream.starts_with(&out));
    }
}
