//! The decisions of playout: what the next stretch of audio is made of, and how much of it waits.

use super::{
    Heard, JitterConfig, JitterStats,
    delay::DelayEstimator,
    fifo::Fifo,
    noise::ComfortNoise,
    packets::{PacketStore, Waiting},
    stretch::{self, Care},
};
use crate::codec::{Decoder, MAX_PACKET_MS};

/// Longest audio handed out in one go.
const MAX_PULL_MS: usize = 60;
/// Audio is made up in pieces of this length.
const PIECE_MS: usize = 10;
/// Concealment turns into comfort noise after this long, within [`TURN_MS`].
const CONCEAL_MS: usize = 120;
const TURN_MS: usize = 60;
/// Noise fades into received audio within this time.
const FADE_MS: usize = 5;
/// Audio looked at for taking out or putting in a pitch period.
const STRETCH_MS: usize = 30;
/// Rest between two of these, so that speech does not stumble.
const STRETCH_REST_MS: usize = 40;
/// More than the target by this: the delay goes down.
const HIGH_MARGIN_MS: f32 = 20.0;
/// More than that by this: it goes down fast.
const FAST_MARGIN_MS: f32 = 80.0;
/// How much of the measured level one pull of 10 ms takes over.
const LEVEL_SHARE: f32 = 0.05;
/// A stream that comes back this much later than its timestamps say has to fill the buffer anew.
const LOST_TOUCH_MS: u64 = 100;
/// From this share of losses on, the next packet is waited for, since it may carry a copy of the one that is missing.
const LOSSY: f32 = 0.01;

#[derive(Debug)]
pub(super) struct Playout {
    config: JitterConfig,
    rate: u32,
    clock: u32,
    fifo: Fifo,
    noise: ComfortNoise,
    phase: Phase,
    /// Timestamp (unwrapped, RTP units) of the audio that comes after all that is decoded; `None` before the first.
    next: Option<i64>,
    /// Samples made up since the last packet was decoded.
    made_up: usize,
    /// Whether the last packet announced a pause.
    paused: bool,
    /// Length of the last packet's audio, samples.
    packet: usize,
    /// Audio that waits beyond what is pulled, averaged; milliseconds.
    level_ms: f32,
    delay_ms: f32,
    /// Samples to play until the next stretching.
    rest: usize,
    /// Share of packets lost lately.
    loss: f32,
    /// What the end of the queue consists of.
    last: Heard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was ever played.
    New,
    /// Waiting until enough has come, for so many samples since something came.
    Filling(usize),
    Playing,
}

/// What is needed from outside for each decision.
struct Context<'a> {
    decoder: &'a mut Decoder,
    store: &'a mut PacketStore,
    delay: &'a DelayEstimator,
    stats: &'a mut JitterStats,
}

impl Playout {
    pub(super) fn new(decoder: &Decoder, config: JitterConfig) -> Self {
        let rate = decoder.sample_rate();
        let ms = rate as usize / 1000;
        Self {
            config,
            rate,
            clock: decoder.codec().clock_rate(),
            fifo: Fifo::new((2 * MAX_PACKET_MS as usize + MAX_PULL_MS + 2 * STRETCH_MS) * ms),
            noise: ComfortNoise::new(),
            phase: Phase::New,
            next: None,
            last: Heard::Noise,
            made_up: 0,
            paused: false,
            packet: 20 * ms,
            level_ms: 0.0,
            delay_ms: 0.0,
            rest: 0,
            loss: 0.0,
        }
    }

    /// A new timeline begins with the next packet.
    pub(super) fn restart(&mut self) {
        if self.phase != Phase::New {
            self.phase = Phase::Filling(0);
        }
    }

    pub(super) const fn longest_pull(&self) -> usize {
        MAX_PULL_MS * self.ms()
    }

    pub(super) const fn to_units(&self, samples: usize) -> u32 {
        (samples as u64 * self.clock as u64 / self.rate as u64) as u32
    }

    pub(super) fn delay_ms(&self) -> f64 {
        f64::from(self.delay_ms)
    }

    /// Throws the oldest packets away when more waits than is allowed, down to what is needed.
    pub(super) fn bound(&mut self, store: &mut PacketStore, delay: &DelayEstimator, stats: &mut JitterStats) {
        let units = |ms: u64| ms * u64::from(self.clock) / 1000;
        let most = units(self.config.max_delay.as_millis().min(1_000) as u64);
        if store.waiting() <= most {
            return;
        }
        let wanted = units(u64::from(delay.quantile_ms()) + 40).min(most);
        while store.waiting() > wanted {
            let Some((packet, missing)) = store.first() else { break };
            store.finish(packet.sequence);
            stats.discarded += 1;
            stats.lost += missing;
            self.next = self.next.map(|_| packet.timestamp + i64::from(packet.duration));
            self.made_up = 0;
        }
    }

    /// Fills `out`, at most [`Self::longest_pull`] samples.
    pub(super) fn pull(
        &mut self,
        out: &mut [i16],
        decoder: &mut Decoder,
        store: &mut PacketStore,
        delay: &DelayEstimator,
        stats: &mut JitterStats,
    ) -> Heard {
        let mut context = Context { decoder, store, delay, stats };
        context.stats.played_samples += out.len() as u64;
        self.measure(out.len(), &context);
        let mut heard = if self.fifo.len() > 0 { self.last } else { Heard::Noise };
        while self.fifo.len() < out.len() {
            self.last = self.more(&mut context);
            heard = heard.better(self.last);
        }
        if self.phase == Phase::Playing && self.made_up == 0 {
            self.stretch(out.len(), &mut context);
        }
        self.rest = self.rest.saturating_sub(out.len());
        self.fifo.take(out);
        heard
    }

    /// How much waits before a pull of `wanted` samples.
    fn measure(&mut self, wanted: usize, context: &Context<'_>) {
        let waiting = context.store.waiting() * u64::from(self.rate) / u64::from(self.clock);
        let all = self.fifo.len() as u64 + waiting;
        self.delay_ms = self.in_ms(all as usize);
        let beyond = self.in_ms(all.saturating_sub(wanted as u64) as usize);
        match self.phase {
            Phase::New | Phase::Filling(_) => self.level_ms = beyond,
            Phase::Playing if self.made_up > 0 => {}
            Phase::Playing => {
                let share = (LEVEL_SHARE * self.in_ms(wanted) / PIECE_MS as f32).min(1.0);
                self.level_ms += share * (beyond - self.level_ms);
            }
        }
    }

    /// Adds at least one sample to the queue.
    fn more(&mut self, context: &mut Context<'_>) -> Heard {
        let first = context.store.first();
        if let Phase::New | Phase::Filling(_) = self.phase {
            return self.fill(first, context);
        }
        let Some((packet, missing)) = first else {
            return self.make_up(PIECE_MS * self.ms(), self.paused, context);
        };
        let gap = self.to_samples(packet.timestamp - self.next.unwrap_or(packet.timestamp));
        let ahead = gap - self.made_up as i64;
        if ahead <= 0 {
            if -ahead > (LOST_TOUCH_MS as usize * self.ms()) as i64 && self.made_up > 0 {
                self.phase = Phase::Filling(0);
                return self.fill(first, context);
            }
            return self.decode(packet, missing, context);
        }
        // Each missing packet accounts for no more than the longest one.
        let missed = missing.max(u64::from(self.hides_loss(packet, missing)));
        let pause = gap > missed as i64 * i64::from(MAX_PACKET_MS) * self.ms() as i64;
        // The timestamps say until when the sender has paused or how much is lost, unless enough waits already: then
        // filling the gap would only add delay.
        let enough = self.needed_ms(context) + if pause { 0.0 } else { FAST_MARGIN_MS };
        if self.in_ms(self.to_samples(context.store.waiting() as i64).max(0) as usize) >= enough {
            return self.decode(packet, missing, context);
        }
        if pause {
            return self.make_up((PIECE_MS * self.ms()).min(ahead as usize), true, context);
        }
        self.cover(packet, ahead as usize, context)
    }

    /// Whether a gap before `packet` that shows in its timestamp alone is a loss further back and no pause: gateways
    /// renumber what they pass on. Pauses are announced, or end with a marker.
    fn hides_loss(&self, packet: Waiting, missing: u64) -> bool {
        let gap = self.next.map_or(0, |next| packet.timestamp - next);
        missing == 0 && gap > 0 && !packet.marker && !self.paused
    }

    /// Covers for `lacking` samples lost before `packet`.
    fn cover(&mut self, packet: Waiting, lacking: usize, context: &mut Context<'_>) -> Heard {
        let length = self.to_samples(i64::from(packet.duration)).max(0) as usize;
        let whole = lacking / self.quantum() * self.quantum();
        let payload = context.store.payload(packet.sequence);
        if whole >= length && whole < 2 * length && context.decoder.has_fec(payload) {
            let room = self.fifo.room(whole);
            if room.len() == whole && context.decoder.decode_fec(payload, room).is_ok() {
                self.fifo.grow(whole);
                self.made_up += whole;
                context.stats.recovered_samples += whole as u64;
                return Heard::Audio;
            }
        }
        self.make_up((PIECE_MS * self.ms()).min(lacking), false, context)
    }

    /// Decodes the packet, and takes note of the missing ones before it.
    fn decode(&mut self, packet: Waiting, missing: u64, context: &mut Context<'_>) -> Heard {
        context.stats.lost += missing;
        let hidden = self.made_up > 0 && self.hides_loss(packet, missing);
        for _ in 0..missing.min(100) + u64::from(hidden) {
            self.loss += (1.0 - self.loss) / 100.0;
        }
        self.loss -= self.loss / 100.0;
        let expected = self.to_samples(i64::from(packet.duration)).max(0) as usize;
        let payload = context.store.payload(packet.sequence);
        let room = self.fifo.room(expected);
        let made = context.decoder.decode(payload, room);
        self.paused = context.decoder.announces_pause(payload);
        context.store.finish(packet.sequence);
        self.next = Some(packet.timestamp + i64::from(packet.duration));
        match made {
            Ok(samples) if samples > 0 => {
                let from_noise = self.made_up > (CONCEAL_MS * self.ms());
                let fade = if from_noise { (FADE_MS * self.ms()).min(samples) } else { 0 };
                let room = self.fifo.room(samples);
                self.noise.listen(room);
                for (i, sample) in room.iter_mut().take(fade).enumerate() {
                    let weight = (i + 1) as f32 / (fade + 1) as f32;
                    *sample = (f32::from(*sample) * weight + self.noise.sample() * (1.0 - weight)) as i16;
                }
                self.fifo.grow(samples);
                self.packet = samples;
                if self.made_up > 0 {
                    // What waits now has nothing to do with what waited before the interruption.
                    self.made_up = 0;
                    let waiting = self.to_samples(context.store.waiting() as i64).max(0) as usize;
                    self.level_ms = self.in_ms(waiting);
                }
                Heard::Audio
            }
            Ok(_) | Err(_) => {
                // It was no packet after all. What it should have held is lost, and its time has come.
                context.stats.malformed += 1;
                self.made_up = 0;
                let heard = self.make_up(expected.max(1), false, context);
                self.made_up = 0;
                heard
            }
        }
    }

    /// Before playing starts: noise, until enough waits or has been waited for.
    fn fill(&mut self, first: Option<(Waiting, u64)>, context: &mut Context<'_>) -> Heard {
        let filled = match self.phase {
            Phase::New | Phase::Playing => 0,
            Phase::Filling(filled) => filled,
        };
        let Some((packet, missing)) = first else {
            if self.phase != Phase::New {
                self.phase = Phase::Filling(0);
            }
            return self.make_up(PIECE_MS * self.ms(), true, context);
        };
        self.packet = self.to_samples(i64::from(packet.duration)).max(0) as usize;
        let mut needed = self.needed_ms(context);
        if self.next.is_none() {
            needed = needed.min(self.config.start_delay.as_millis() as f32);
        }
        let waiting = self.in_ms(self.to_samples(context.store.waiting() as i64).max(0) as usize);
        if waiting >= needed || self.in_ms(filled) >= needed {
            self.phase = Phase::Playing;
            self.level_ms = (waiting - self.in_ms(self.packet)).max(0.0);
            self.rest = STRETCH_REST_MS * self.ms();
            return self.decode(packet, missing, context);
        }
        self.phase = Phase::Filling(filled + PIECE_MS * self.ms());
        self.make_up(PIECE_MS * self.ms(), true, context)
    }

    /// Adds `samples` of made-up audio: the decoder's guess, in the long run noise. `pause`: nothing is missing.
    fn make_up(&mut self, samples: usize, pause: bool, context: &mut Context<'_>) -> Heard {
        let (conceal, turn) = (CONCEAL_MS * self.ms(), TURN_MS * self.ms());
        let never = self.next.is_none();
        let samples = samples.div_ceil(self.quantum()) * self.quantum();
        let room = self.fifo.room(samples);
        let guessed = !never && self.made_up < conceal + turn && context.decoder.conceal(room).is_ok();
        if !guessed {
            room.fill(0);
        }
        for (i, sample) in room.iter_mut().enumerate() {
            let past = (self.made_up + i).saturating_sub(conceal);
            if never || past > 0 || !guessed {
                let weight = if never || !guessed { 1.0 } else { (past as f32 / turn as f32).min(1.0) };
                *sample = (f32::from(*sample) * (1.0 - weight) + self.noise.sample() * weight) as i16;
            }
        }
        let made = room.len();
        self.fifo.grow(made);
        self.made_up += made;
        if pause {
            context.stats.comfort_samples += made as u64;
        } else {
            context.stats.concealed_samples += made as u64;
        }
        if pause || self.made_up > conceal { Heard::Noise } else { Heard::Concealment }
    }

    /// Takes out or puts in one pitch period if too much or too little waits.
    fn stretch(&mut self, wanted: usize, context: &mut Context<'_>) {
        let late = self.lateness_ms(context);
        let cycle = (self.in_ms(self.packet) - self.in_ms(wanted)) / 2.0;
        let target = late + cycle.max(0.0);
        let high = target + HIGH_MARGIN_MS;
        let low = target - (late / 3.0).max(10.0);
        let fast = self.level_ms > high + FAST_MARGIN_MS;
        if self.rest > 0 && !fast {
            return;
        }
        if self.level_ms > high {
            let care = if fast { Care::Fast } else { Care::Gentle };
            // What is pulled must be there afterwards, too.
            let enough = (STRETCH_MS * self.ms()).max(wanted + STRETCH_MS / 2 * self.ms());
            while self.fifo.len() < enough {
                match context.store.first() {
                    Some((packet, 0)) if self.next.is_some_and(|next| packet.timestamp <= next) => {
                        self.decode(packet, 0, context)
                    }
                    Some(_) | None => return,
                };
            }
            if let Some(removed) = stretch::shorten(self.fifo.waiting(), self.rate, care) {
                self.fifo.shrink(removed);
                self.level_ms -= self.in_ms(removed);
                context.stats.accelerated_samples += removed as u64;
                self.rest = STRETCH_REST_MS * self.ms();
            }
        } else if self.level_ms < low {
            let (voice, room) = self.fifo.with_room();
            if let Some(added) = stretch::lengthen(voice, room, self.rate) {
                self.fifo.grow(added);
                self.level_ms += self.in_ms(added);
                context.stats.expanded_samples += added as u64;
                self.rest = STRETCH_REST_MS * self.ms();
            }
        }
    }

    /// Lateness to prepare for; with losses at least one packet, for the sake of the redundancy in it.
    fn lateness_ms(&self, context: &Context<'_>) -> f32 {
        let late = context.delay.quantile_ms() as f32;
        if self.loss > LOSSY { late.max(self.in_ms(self.packet)) } else { late }
            .min(self.config.max_delay.as_millis() as f32 / 2.0)
    }

    /// Audio that has to wait before playing starts: one packet to be played, and the lateness of the next ones.
    fn needed_ms(&self, context: &Context<'_>) -> f32 {
        self.lateness_ms(context) + self.in_ms(self.packet)
    }

    fn to_samples(&self, units: i64) -> i64 {
        units.saturating_mul(i64::from(self.rate)) / i64::from(self.clock)
    }

    fn in_ms(&self, samples: usize) -> f32 {
        samples as f32 * 1000.0 / self.rate as f32
    }

    const fn ms(&self) -> usize {
        self.rate as usize / 1000
    }

    /// Decoders make audio up in multiples of 2.5 ms.
    const fn quantum(&self) -> usize {
        self.rate as usize / 400
    }
}
