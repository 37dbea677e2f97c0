//! Notices what does not happen: packets that do not come, a device that has fallen silent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{VoiceConfig, events::VoiceEvent, shared::Shared};

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(250);

/// A thread that looks at the path's counters. Dropping it ends it.
pub(super) struct Watch {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(shared: Arc<Shared>, config: &VoiceConfig) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::sync_channel(0);
        let (silence_limit, device_limit) = (config.silence_limit, config.device_limit);
        let run = move || {
            let now = Instant::now();
            let counters = &shared.counters;
            let mut audio = Stall::new(&counters.received, silence_limit, now);
            let mut microphone = Stall::new(&counters.captured, device_limit, now);
            let mut speaker = Stall::new(&counters.played, device_limit, now);
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let now = Instant::now();
                let expects = shared.agreed.load(Ordering::Acquire)
                    && shared.may_receive.load(Ordering::Acquire)
                    && !shared.held.load(Ordering::Acquire);
                let events = [
                    audio.look(now, expects).map(|stalled| match stalled {
                        true => VoiceEvent::NoAudio(silence_limit),
                        false => VoiceEvent::AudioBack,
                    }),
                    microphone.look(now, true).map(|stalled| match stalled {
                        true => VoiceEvent::NoMicrophone,
                        false => VoiceEvent::MicrophoneBack,
                    }),
                    speaker.look(now, true).map(|stalled| match stalled {
                        true => VoiceEvent::NoSpeaker,
                        false => VoiceEvent::SpeakerBack,
                    }),
                ];
                for event in events.into_iter().flatten() {
                    shared.tell(event);
                }
            }
        };
        let thread = thread::Builder::new().name("doorstep-watch".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the voice path's watch panicked");
        }
    }
}

/// A counter that should not stand still.
struct Stall<'a> {
    counter: &'a AtomicU64,
    limit: Duration,
    last: u64,
    moved: Instant,
    stalled: bool,
}

impl<'a> Stall<'a> {
    fn new(counter: &'a AtomicU64, limit: Duration, now: Instant) -> Self {
        Self { counter, limit, last: counter.load(Ordering::Relaxed), moved: now, stalled: false }
    }

    /// `Some(true)` when it begins to stand still, `Some(false)` when it moves again; while nothing is expected, it may
    /// stand.
    fn look(&mut self, now: Instant, expected: bool) -> Option<bool> {
        let count = self.counter.load(Ordering::Relaxed);
        let moves = count != self.last;
        if moves || !expected {
            self.last = count;
            self.moved = now;
        }
        let was = self.stalled;
        if moves {
            self.stalled = false;
        } else if now.saturating_duration_since(self.moved) >= self.limit {
            self.stalled = true;
        }
        (was != self.stalled).then_some(self.stalled)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::{Duration, Instant},
    };

    use super::Stall;

    #[test]
    fn a_stall_is_told_once_and_so_is_its_end() {
        let counter = AtomicU64::new(7);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut stall = Stall::new(&counter, Duration::from_secs(2), start);
        assert_eq!(stall.look(at(1_900), true), None);
        assert_eq!(stall.look(at(2_000), true), Some(true));
        assert_eq!(stall.look(at(9_000), true), None);
        counter.fetch_add(1, Ordering::Relaxed);
        assert_eq!(stall.look(at(9_100), true), Some(false));
        assert_eq!(stall.look(at(12_000), false), None);
        assert_eq!(stall.look(at(13_900), true), None);
        assert_eq!(stall.look(at(14_000), true), Some(true));
    }
}
