//! Any session description is read or refused; what is read can be answered, and the answer is read.
#![no_main]
// The module by its path: doorstep-media as a whole would bring its transport and its codecs in C.
#![allow(dead_code, reason = "only what reads is used here")]

use libfuzzer_sys::fuzz_target;

#[path = "../../core/media/src/sdp/mod.rs"]
mod sdp;

use sdp::{AudioDescription, Codec, Direction};

fuzz_target!(|text: &str| {
    let Ok(offer) = AudioDescription::parse(text) else { return };
    let _ = (offer.voice(), offer.telephone_event());
    let here = "192.0.2.1:4000".parse().expect("an address");
    for known in [&[Codec::Opus, Codec::Pcmu, Codec::Pcma, Codec::TelephoneEvent(8000)][..], &[Codec::Pcma]] {
        let Ok(answer) = offer.answer(here, known, Direction::SendRecv) else { continue };
        if let Ok(text) = answer.to_sdp(1, 1) {
            AudioDescription::parse(&text).expect("what this side writes can be read");
        }
    }
});
