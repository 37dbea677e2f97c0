//! Safe, allocation-free wrappers around libopus. The voice engine's `unsafe` code lives here, but for the one line that
//! registers a socket.

use std::{ffi::c_int, fmt, ptr::NonNull};

use opusic_sys as sys;

use super::{CodecError, MAX_PACKET_MS, OPUS_RATE};

/// How Opus encodes. Mono, voice application, variable bit rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusSettings {
    /// Bits per second, 6 000–510 000.
    pub bitrate: u32,
    /// 0 (cheap) to 10 (best).
    pub complexity: u8,
    /// Carry a coarse copy of each frame in the next one (in-band FEC), as far as `expected_loss_percent` warrants it.
    pub fec: bool,
    /// How much of what is sent gets lost, 0–100. FEC takes effect from about 1 % on.
    pub expected_loss_percent: u8,
    /// Send next to nothing while the speaker is silent (RFC 7587 section 3.1.3).
    pub dtx: bool,
    /// What the far side can play, in Hz of sampling (`maxplaybackrate`, RFC 7587 section 6.1): what it could not let anybody hear is
    /// not sent, and its bits go to what is heard.
    pub max_playback_rate: u32,
}

impl Default for OpusSettings {
    /// 24 kbit/s, complexity 6, FEC against 10 % loss, no DTX: on a mobile network a wrong guess of loss costs a few bits,
    /// but a missing one costs words. Complexity 6 costs what 5 does, since libopus has vector code for it, and sounds better.
    fn default() -> Self {
        Self {
            bitrate: 24_000,
            complexity: 6,
            fec: true,
            expected_loss_percent: 10,
            dtx: false,
            max_playback_rate: OPUS_RATE,
        }
    }
}

/// A libopus encoder.
pub struct OpusEncoder {
    state: NonNull<sys::OpusEncoder>,
    sample_rate: u32,
}

// SAFETY: the state is a plain block of memory without thread affinity, owned by this value alone.
unsafe impl Send for OpusEncoder {}

impl OpusEncoder {
    /// An encoder for PCM at 8, 12, 16, 24 or 48 kHz.
    ///
    /// # Errors
    /// [`CodecError::SampleRate`], [`CodecError::Setting`], [`CodecError::NoMemory`].
    pub fn new(sample_rate: u32, settings: &OpusSettings) -> Result<Self, CodecError> {
        let rate = supported(sample_rate)?;
        let mut error = sys::OPUS_OK;
        // SAFETY: `error` outlives the call; the other arguments are plain values that libopus checks.
        let state = unsafe { sys::opus_encoder_create(rate, 1, sys::OPUS_APPLICATION_VOIP, &raw mut error) };
        check(error)?;
        let mut encoder = Self { state: NonNull::new(state).ok_or(CodecError::NoMemory)?, sample_rate };
        encoder.apply(settings)?;
        Ok(encoder)
    }

    /// Changes how it encodes, in mid-stream too.
    ///
    /// # Errors
    /// [`CodecError::Setting`]; settings before the faulty one have taken effect.
    pub fn apply(&mut self, settings: &OpusSettings) -> Result<(), CodecError> {
        let bitrate = c_int::try_from(settings.bitrate).map_err(|_| CodecError::Setting)?;
        self.set(sys::OPUS_SET_BITRATE_REQUEST, bitrate)?;
        self.set(sys::OPUS_SET_VBR_REQUEST, 1)?;
        self.set(sys::OPUS_SET_SIGNAL_REQUEST, sys::OPUS_SIGNAL_VOICE)?;
        self.set(sys::OPUS_SET_COMPLEXITY_REQUEST, settings.complexity.into())?;
        self.set(sys::OPUS_SET_INBAND_FEC_REQUEST, settings.fec.into())?;
        self.set(sys::OPUS_SET_DTX_REQUEST, settings.dtx.into())?;
        self.set(sys::OPUS_SET_MAX_BANDWIDTH_REQUEST, bandwidth(settings.max_playback_rate))?;
        self.set_expected_loss(settings.expected_loss_percent)
    }

    /// Changes how much loss it prepares for, in percent.
    ///
    /// # Errors
    /// [`CodecError::Setting`] above 100.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, percent.into())
    }

    pub(super) const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(super) fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let samples = c_int::try_from(pcm.len()).map_err(|_| CodecError::FrameLength)?;
        let room = i32::try_from(payload.len()).unwrap_or(i32::MAX);
        // SAFETY: the state is live; mono, so libopus reads exactly `samples` values of `pcm` and writes at most `room`
        // bytes into `payload`, both within their slices. It checks `samples` before it reads.
        let written = unsafe {
            sys::opus_encode(self.state.as_ptr(), pcm.as_ptr(), samples, payload.as_mut_ptr(), room)
        };
        match written {
            sys::OPUS_BAD_ARG => Err(CodecError::FrameLength),
            _ => length(written),
        }
    }

    fn set(&mut self, request: c_int, value: c_int) -> Result<(), CodecError> {
        // SAFETY: the state is live, and every request used here takes one `opus_int32`, which is what is passed.
        let result = unsafe { sys::opus_encoder_ctl(self.state.as_ptr(), request, value) };
        match result {
            sys::OPUS_BAD_ARG => Err(CodecError::Setting),
            _ => check(result),
        }
    }
}

impl Drop for OpusEncoder {
    fn drop(&mut self) {
        // SAFETY: made by `opus_encoder_create`, destroyed once.
        unsafe { sys::opus_encoder_destroy(self.state.as_ptr()) }
    }
}

impl fmt::Debug for OpusEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpusEncoder").field("sample_rate", &self.sample_rate).finish_non_exhaustive()
    }
}

/// A libopus decoder.
pub struct OpusDecoder {
    state: NonNull<sys::OpusDecoder>,
    sample_rate: u32,
}

// SAFETY: the state is a plain block of memory without thread affinity, owned by this value alone.
unsafe impl Send for OpusDecoder {}

impl OpusDecoder {
    /// A decoder that hands out mono PCM at 8, 12, 16, 24 or 48 kHz. Stereo packets are mixed down.
    ///
    /// # Errors
    /// [`CodecError::SampleRate`], [`CodecError::NoMemory`].
    pub fn new(sample_rate: u32) -> Result<Self, CodecError> {
        let rate = supported(sample_rate)?;
        let mut error = sys::OPUS_OK;
        // SAFETY: `error` outlives the call; the other arguments are plain values that libopus checks.
        let state = unsafe { sys::opus_decoder_create(rate, 1, &raw mut error) };
        check(error)?;
        Ok(Self { state: NonNull::new(state).ok_or(CodecError::NoMemory)?, sample_rate })
    }

    pub(super) const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(super) fn duration(&self, payload: &[u8]) -> Result<usize, CodecError> {
        let bytes = bytes(payload)?;
        // SAFETY: libopus reads at most `bytes` bytes of `payload`, and at least one is there.
        let samples = unsafe {
            sys::opus_packet_get_nb_samples(payload.as_ptr(), bytes, self.sample_rate.cast_signed())
        };
        match length(samples) {
            Ok(samples) if samples > 0 => Ok(samples),
            _ => Err(CodecError::BadPayload),
        }
    }

    pub(super) fn has_fec(payload: &[u8]) -> bool {
        let Ok(bytes) = bytes(payload) else { return false };
        // SAFETY: libopus reads at most `bytes` bytes of `payload`, and at least one is there.
        unsafe { sys::opus_packet_has_lbrr(payload.as_ptr(), bytes) == 1 }
    }

    pub(super) fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let bytes = bytes(payload)?;
        let room = c_int::try_from(pcm.len()).unwrap_or(c_int::MAX);
        // SAFETY: the state is live; libopus reads at most `bytes` bytes of `payload` and, mono, writes at most `room`
        // samples into `pcm`.
        let samples = unsafe {
            sys::opus_decode(self.state.as_ptr(), payload.as_ptr(), bytes, pcm.as_mut_ptr(), room, 0)
        };
        length(samples)
    }

    pub(super) fn decode_fec(&mut self, next: &[u8], pcm: &mut [i16]) -> Result<(), CodecError> {
        let bytes = bytes(next)?;
        let samples = self.whole(pcm)?;
        // SAFETY: as in `decode`; with FEC libopus writes exactly `samples` samples.
        let made = unsafe {
            sys::opus_decode(self.state.as_ptr(), next.as_ptr(), bytes, pcm.as_mut_ptr(), samples, 1)
        };
        length(made).map(|_| ())
    }

    pub(super) fn conceal(&mut self, pcm: &mut [i16]) -> Result<(), CodecError> {
        let samples = self.whole(pcm)?;
        // SAFETY: the state is live; without a payload libopus writes exactly `samples` samples, within `pcm`.
        let made = unsafe {
            sys::opus_decode(self.state.as_ptr(), std::ptr::null(), 0, pcm.as_mut_ptr(), samples, 0)
        };
        length(made).map(|_| ())
    }

    pub(super) fn reset(&mut self) {
        // SAFETY: the state is live and the request takes no argument. It cannot fail on a valid state.
        let _ = unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_RESET_STATE) };
    }

    /// The length of `pcm` if libopus can fill it in one go.
    fn whole(&self, pcm: &[i16]) -> Result<c_int, CodecError> {
        let quantum = (self.sample_rate / 400) as usize;
        let longest = (self.sample_rate / 1000 * MAX_PACKET_MS) as usize;
        if pcm.is_empty() || !pcm.len().is_multiple_of(quantum) || pcm.len() > longest {
            return Err(CodecError::FrameLength);
        }
        c_int::try_from(pcm.len()).map_err(|_| CodecError::FrameLength)
    }
}

impl Drop for OpusDecoder {
    fn drop(&mut self) {
        // SAFETY: made by `opus_decoder_create`, destroyed once.
        unsafe { sys::opus_decoder_destroy(self.state.as_ptr()) }
    }
}

impl fmt::Debug for OpusDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpusDecoder").field("sample_rate", &self.sample_rate).finish_non_exhaustive()
    }
}

fn supported(sample_rate: u32) -> Result<i32, CodecError> {
    match sample_rate {
        8_000 | 12_000 | 16_000 | 24_000 | OPUS_RATE => Ok(sample_rate.cast_signed()),
        _ => Err(CodecError::SampleRate),
    }
}

/// The payload's length for libopus; to it, an empty one would mean a lost packet.
fn bytes(payload: &[u8]) -> Result<i32, CodecError> {
    match i32::try_from(payload.len()) {
        Ok(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(CodecError::BadPayload),
    }
}

fn length(result: i32) -> Result<usize, CodecError> {
    check(result)?;
    usize::try_from(result).map_err(|_| CodecError::Internal(result))
}

const fn check(result: i32) -> Result<(), CodecError> {
    match result {
        0.. => Ok(()),
        sys::OPUS_BUFFER_TOO_SMALL => Err(CodecError::BufferTooSmall),
        sys::OPUS_INVALID_PACKET => Err(CodecError::BadPayload),
        sys::OPUS_ALLOC_FAIL => Err(CodecError::NoMemory),
        other => Err(CodecError::Internal(other)),
    }
}

/// The widest band that a far side which plays at `rate` Hz can let anybody hear (RFC 7587 section 6.1).
const fn bandwidth(rate: u32) -> c_int {
    match rate {
        ..12_000 => sys::OPUS_BANDWIDTH_NARROWBAND,
        12_000..16_000 => sys::OPUS_BANDWIDTH_MEDIUMBAND,
        16_000..24_000 => sys::OPUS_BANDWIDTH_WIDEBAND,
        24_000..48_000 => sys::OPUS_BANDWIDTH_SUPERWIDEBAND,
        48_000.. => sys::OPUS_BANDWIDTH_FULLBAND,
    }
}
