//! A stream is cut into the same frames however it arrives, nothing is lost, and no more is kept than the limits allow.
#![no_main]

use doorstep_sip::framing::{Frame, Framer, FramingError, FramingLimits};
use libfuzzer_sys::fuzz_target;

const LIMITS: FramingLimits = FramingLimits { max_head: 256, max_message: 512 };

fn frames<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FramingError>) {
    let (mut framer, mut frames) = (Framer::new(LIMITS), Vec::new());
    for chunk in chunks {
        framer.push(chunk);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, stream) = input;
    let whole = frames(std::iter::once(stream));
    assert_eq!(frames(stream.chunks(usize::from(size) + 1)), whole);
    let mut rest = stream;
    for frame in &whole.0 {
        let octets: &[u8] = match frame {
            Frame::Message(bytes) => bytes,
            Frame::Ping | Frame::Pong => b"\r\n",
        };
        assert!(octets.len() <= LIMITS.max_message);
        rest = rest.strip_prefix(octets).expect("what comes out is what went in");
    }
    if whole.1.is_none() {
        assert!(rest.len() < LIMITS.max_message);
    }
});
