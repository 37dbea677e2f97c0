//! Recordings: heard whole at the far side, in its codec and instead of the joined leg; their end is told once.

use super::*;
use crate::core::ClipId;
use crate::media::clip::tests::pcm;

const CLIP: ClipId = ClipId(0);

/// A recording of speech, and the speech.
fn recorded(ms: u32) -> (Clip, Vec<i16>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("speech.wav");
    let mut writer = hound::WavWriter::create(&path, pcm(8_000)).unwrap();
    let speech = synthetic_speech(7, 8_000, ms);
    for sample in &speech {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    (Clip::load(&path).unwrap(), speech)
}

impl Core {
    fn play(&self, leg: LegId, clip: ClipId) {
        self.plane.send(MediaCommand::Play { leg, clip });
    }

    async fn played(&mut self, leg: LegId) {
        self.expect(MediaEvent::Played { leg }).await;
    }

    /// Whether an end is told that nobody has asked for.
    fn has_more_played(&mut self) -> bool {
        while let Ok(event) = self.events.try_recv() {
            self.waiting.push_back(event);
        }
        self.waiting.iter().any(|event| matches!(event, MediaEvent::Played { .. }))
    }
}

#[tokio::test]
async fn a_recording_is_heard_in_each_codec_while_the_joined_leg_is_not() {
    for codec in [Codec::Pcma, Codec::Opus] {
        let (clip, speech) = recorded(2_000);
        let frames = speech.len() / 160;
        let (mut core, mut courier, mut phone) = call_by(Core::with_clips(None, vec![clip]), &[codec]).await;
        core.forward(true);
        let to_gateway = courier.session.negotiated().unwrap().voice;
        let mut encoder = Encoder::new(to_gateway.codec, 8_000, &OpusSettings::default()).unwrap();
        let other = synthetic_speech(99, 8_000, 2_000);
        let mut decoder = Decoder::new(codec, 8_000).unwrap();
        let (mut heard, mut pcm, mut payload) = (Vec::new(), [0; 960], [0; 1_400]);
        core.play(PHONE, CLIP);
        let mut ssrcs = std::collections::BTreeSet::new();
        // The courier speaks all the while, in the same time as the recording.
        for chunk in other.chunks_exact(160).take(frames) {
            let packet = phone.packet().await;
            let samples = decoder.decode(&packet.payload, &mut pcm).unwrap();
            heard.extend_from_slice(&pcm[..samples]);
            ssrcs.insert(packet.ssrc);
            let length = encoder.encode(chunk, &mut payload).unwrap();
            courier.send(to_gateway.payload_type, &payload[..length], 960);
        }
        core.played(PHONE).await;
        assert_eq!(ssrcs.len(), 1, "one stream");
        let (found, foreign) = (similarity(&speech, &heard, 8_000), similarity(&other, &heard, 8_000));
        assert!(found.score > 0.9, "{codec:?}: {found:?}");
        assert!(foreign.score < 0.5, "{codec:?}: the courier is heard: {foreign:?}");
        // And then the courier is heard again.
        let (said, heard) = say(&mut courier, &mut phone, 5).await;
        let found = similarity(&said, &heard, 8_000);
        assert!(found.score > 0.9, "{codec:?}: {found:?}");
        assert!(!core.has_more_played());
    }
}

#[tokio::test]
async fn each_recording_ends_once_however_it_ends() {
    let (clip, _) = recorded(60_000);
    let (mut core, _courier, phone) = call_by(Core::with_clips(None, vec![clip]), &[Codec::Pcmu]).await;
    // By another one, by a join, by being none at all.
    core.play(PHONE, CLIP);
    core.play(PHONE, CLIP);
    core.played(PHONE).await;
    core.plane.send(MediaCommand::Join { a: COURIER, b: PHONE });
    core.played(PHONE).await;
    core.play(PHONE, ClipId(1));
    core.played(PHONE).await;
    // A leg that is closed, or was never there, has nothing more to say.
    core.play(PHONE, CLIP);
    core.close(PHONE).await;
    core.play(PHONE, CLIP);
    core.play(LegId(77), CLIP);
    core.close(COURIER).await;
    assert!(!core.has_more_played());
    drop(phone);
}

#[tokio::test]
async fn a_far_side_that_holds_us_hears_nothing_and_the_recording_ends_in_its_time() {
    let (clip, _) = recorded(200);
    let (mut core, _courier, mut phone) = call_by(Core::with_clips(None, vec![clip]), &[Codec::Pcmu]).await;
    let offer = phone.session.create_offer(Direction::SendOnly).await.unwrap();
    let answer = core.answer(PHONE, LegProfile::Rtp, &offer).await.unwrap();
    phone.session.apply_answer(&answer).await.unwrap();
    while phone.packets.try_recv().is_ok() {}
    core.play(PHONE, CLIP);
    core.played(PHONE).await;
    assert!(phone.packets.try_recv().is_err(), "nothing is sent to who holds us");
}
