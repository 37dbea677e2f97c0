//! What goes to a leg's far side: a recording or else the other leg's audio, in this leg's codec; digits; and silence when there is none
//! of these.
//!
//! All of it is one stream with one timeline, fed from the other leg's session and from the pacer. The lock is held for
//! one packet's work.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use doorstep_media::{
    dtmf::{Digit, DtmfSender},
    sdp::CodecMapping,
    transcode::{FRAME_MS, Transcoder},
    transport::{IncomingPacket, Negotiated, OutgoingPacket, PacketSink},
};
use tokio::sync::oneshot;

use super::clip::Clip;

/// Time between two looks of the pacer.
pub(super) const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// A source that may be heard counts as silent after this many frames without a packet; until then the network may just
/// be late, and silence put between its packets would add to the delay.
const PATIENCE: u32 = 10;

/// The sending side of one leg.
#[derive(Default)]
pub(super) struct Outlet(Mutex<State>);

#[derive(Default)]
struct State {
    sink: Option<Arc<dyn PacketSink>>,
    voice: Option<CodecMapping>,
    digits_to: Option<CodecMapping>,
    /// This side may send: neither description holds it.
    sends: bool,
    transcoder: Option<Transcoder>,
    /// Added to the transcoder's timestamps, so that another transcoder goes on where the one before stopped.
    base: u32,
    digits: Option<DtmfSender>,
    /// Somebody may be heard here.
    has_source: bool,
    playing: Option<Playing>,
    fed: bool,
    idle: u32,
}

/// A recording under way. However it ends, who waits for its end hears of it by the sender that goes with it.
struct Playing {
    clip: Clip,
    /// The next frame's number.
    next: usize,
    _ended: oneshot::Sender<()>,
}

impl Outlet {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where packets go from now on; `None` when the leg has ended.
    pub(super) fn attach(&self, sink: Option<Arc<dyn PacketSink>>) {
        self.lock().sink = sink;
    }

    /// Speaks what was agreed on from now on.
    pub(super) fn agree(&self, negotiated: &Negotiated) {
        let mut state = self.lock();
        state.sends = negotiated.local_direction.sends();
        if state.voice != Some(negotiated.voice) {
            if let (Some(old), Some(before)) = (state.transcoder.take(), state.voice) {
                let reached = u64::from(state.base.wrapping_add(old.timestamp()));
                let scale = |rate: u64| reached * rate / u64::from(before.codec.clock_rate());
                state.base = scale(u64::from(negotiated.voice.codec.clock_rate())) as u32;
            }
            state.voice = Some(negotiated.voice);
        }
        if state.digits_to != negotiated.telephone_event {
            state.digits_to = negotiated.telephone_event;
            state.digits = negotiated.telephone_event.map(|to| DtmfSender::new(to.codec.clock_rate()));
        }
    }

    /// Somebody else is heard from now on, or nobody.
    pub(super) fn change_source(&self, has_source: bool) {
        let mut state = self.lock();
        state.has_source = has_source;
        state.idle = 0;
        state.forget_source();
    }

    /// Plays a recording from its start, instead of one that is under way; the source is not heard meanwhile. The receiver is done
    /// (with an error) when it is over, or was stopped.
    pub(super) fn play(&self, clip: Clip) -> oneshot::Receiver<()> {
        let (sender, ended) = oneshot::channel();
        let mut state = self.lock();
        state.playing = Some(Playing { clip, next: 0, _ended: sender });
        state.forget_source();
        ended
    }

    /// Ends a recording that is under way.
    pub(super) fn stop_playing(&self) {
        self.lock().playing = None;
    }

    /// Sends on what came from the other leg.
    pub(super) fn audio(&self, packet: IncomingPacket<'_>) {
        let mut state = self.lock();
        if !state.has_source || state.playing.is_some() || !state.is_ready() {
            return;
        }
        let State { sink: Some(sink), transcoder: Some(transcoder), base, digits, fed, .. } = &mut *state
        else {
            return;
        };
        // A digit takes the place of the audio under it.
        let sounding = digits.as_ref().is_some_and(DtmfSender::is_active);
        transcoder.push(packet, &mut |out| {
            *fed = true;
            if !sounding {
                sink.send(shifted(out, *base));
            }
        });
    }

    /// Sends a digit, after those that wait already.
    pub(super) fn digit(&self, digit: Digit, duration: Duration) {
        let mut state = self.lock();
        let queued = state.digits.as_mut().map(|digits| digits.send(digit, duration));
        if !matches!(queued, Some(Ok(()))) {
            metrics::counter!("doorstep_media_digits_lost_total").increment(1);
            tracing::warn!("a digit cannot be sent: the far side takes none, or too many wait");
        }
    }

    /// One frame's time has passed.
    pub(super) fn tick(&self) {
        let mut state = self.lock();
        if !state.sends || !state.is_ready() {
            // A far side that holds us, or is gone, hears nothing of it; the recording's time passes all the same.
            state.next_frame();
            return;
        }
        let State {
            sink: Some(sink), transcoder: Some(transcoder), base, digits, digits_to, fed, idle, ..
        } = &mut *state
        else {
            return;
        };
        let fed = std::mem::take(fed);
        if let (Some(digits), Some(to)) = (digits, digits_to) {
            let rate = |codec: CodecMapping| u64::from(codec.codec.clock_rate());
            let now = base.wrapping_add(transcoder.timestamp());
            let now = if rate(*to) == rate(transcoder.to()) {
                now
            } else {
                (u64::from(now) * rate(*to) / rate(transcoder.to())) as u32
            };
            let frame = rate(*to) * u64::from(FRAME_MS) / 1_000;
            if let Some(event) = digits.frame(now, frame as u32) {
                sink.send(OutgoingPacket {
                    payload_type: to.payload_type,
                    marker: event.marker,
                    timestamp: event.timestamp,
                    payload: &event.payload,
                });
                if !fed {
                    transcoder.skip_frame();
                }
                *idle = 0;
                return;
            }
        }
        *idle = if fed { 0 } else { idle.saturating_add(1) };
        if state.playing.is_some() {
            state.sound();
            return;
        }
        let patience = if state.has_source { PATIENCE } else { 1 };
        if state.idle >= patience {
            state.silence();
        }
    }
}

impl State {
    /// Makes the transcoder if it can be made; whether there is one, and somewhere to send.
    fn is_ready(&mut self) -> bool {
        if self.transcoder.is_none()
            && let Some(to) = self.voice
        {
            // It finds out by itself what comes in.
            match Transcoder::new(to, to) {
                Ok(transcoder) => self.transcoder = Some(transcoder),
                Err(error) => {
                    metrics::counter!("doorstep_media_transcoders_failed_total").increment(1);
                    tracing::error!(%error, "no transcoder for a leg");
                }
            }
        }
        self.transcoder.is_some() && self.sink.is_some()
    }

    /// Sends the next frame of the recording.
    fn sound(&mut self) {
        let Some(Playing { clip, next, .. }) = &self.playing else { return };
        if let (Some(audio), Some(sink), Some(transcoder)) =
            (clip.frame(*next), &self.sink, &mut self.transcoder)
        {
            transcoder.sound(audio, &mut |out| sink.send(shifted(out, self.base)));
            self.idle = 0;
        }
        self.next_frame();
    }

    /// One frame of the recording is over, and with the last the recording.
    fn next_frame(&mut self) {
        let Some(playing) = &mut self.playing else { return };
        playing.next += 1;
        if playing.clip.frame(playing.next).is_none() {
            self.playing = None;
            self.forget_source();
        }
    }

    fn forget_source(&mut self) {
        if let Some(transcoder) = &mut self.transcoder {
            transcoder.new_source();
        }
    }

    fn silence(&mut self) {
        if let (Some(sink), Some(transcoder)) = (&self.sink, &mut self.transcoder) {
            transcoder.silence(&mut |out| sink.send(shifted(out, self.base)));
        }
    }
}

fn shifted(packet: OutgoingPacket<'_>, base: u32) -> OutgoingPacket<'_> {
    OutgoingPacket { timestamp: packet.timestamp.wrapping_add(base), ..packet }
}
