//! Voice codecs: Opus by libopus (RFC 6716) and G.711 of ours (ITU-T G.711), behind one encoder and one decoder type.
//!
//! All audio is mono 16-bit PCM. Everything is allocated when a codec is made; encoding, decoding and concealing do not
//! allocate, lock or read a clock.

mod conceal;
mod g711;
mod opus;

pub use conceal::Concealer;
pub use g711::Law;
pub use opus::{OpusDecoder, OpusEncoder, OpusSettings};

use crate::sdp::Codec;

/// Longest audio one packet may hold (RFC 6716 section 2.1.4 for Opus; the same bound is set for G.711), milliseconds.
pub const MAX_PACKET_MS: u32 = 120;

/// Sampling rate of G.711, Hz.
pub const G711_RATE: u32 = 8_000;

/// The sampling rate that Opus runs at on full-band devices, Hz; also its RTP clock (RFC 7587 section 4.1).
pub const OPUS_RATE: u32 = 48_000;

/// Why a codec could not be made, or did not take what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Digits and other events are no voice codec.
    #[error("not a voice codec")]
    NotVoice,
    /// The codec does not run at this sampling rate (Opus: 8, 12, 16, 24 or 48 kHz; G.711: 8 kHz).
    #[error("sampling rate not supported by the codec")]
    SampleRate,
    /// A setting is out of range.
    #[error("codec setting out of range")]
    Setting,
    /// No memory for the codec's state.
    #[error("no memory for the codec")]
    NoMemory,
    /// The codec cannot encode a frame of this length.
    #[error("frame length not supported by the codec")]
    FrameLength,
    /// The output buffer is too small for what the codec has to say.
    #[error("output buffer too small")]
    BufferTooSmall,
    /// The payload is not a packet of this codec, or longer than [`MAX_PACKET_MS`].
    #[error("malformed payload")]
    BadPayload,
    /// libopus failed with this code, which its documentation does not foresee here.
    #[error("codec failure {0}")]
    Internal(i32),
}

/// Turns PCM into payloads.
#[derive(Debug)]
pub enum Encoder {
    /// Opus.
    Opus(OpusEncoder),
    /// G.711.
    G711(Law),
}

impl Encoder {
    /// An encoder that takes PCM at `sample_rate` Hz. For Opus this may be lower than [`OPUS_RATE`]: fed at 8 kHz it codes
    /// narrowband without a resampler; its RTP clock is 48 kHz all the same.
    ///
    /// # Errors
    /// [`CodecError::NotVoice`], [`CodecError::SampleRate`], [`CodecError::Setting`], [`CodecError::NoMemory`].
    pub fn new(codec: Codec, sample_rate: u32, opus: &OpusSettings) -> Result<Self, CodecError> {
        match codec {
            Codec::Opus => OpusEncoder::new(sample_rate, opus).map(Self::Opus),
            Codec::Pcmu => g711_at(sample_rate).map(|()| Self::G711(Law::Mu)),
            Codec::Pcma => g711_at(sample_rate).map(|()| Self::G711(Law::A)),
            Codec::TelephoneEvent(_) => Err(CodecError::NotVoice),
        }
    }

    /// What it encodes to.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        match self {
            Self::Opus(_) => Codec::Opus,
            Self::G711(law) => law.codec(),
        }
    }

    /// Rate of the PCM it takes, Hz.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        match self {
            Self::Opus(opus) => opus.sample_rate(),
            Self::G711(_) => G711_RATE,
        }
    }

    /// Encodes one frame into `payload` and returns the payload's length. Opus takes frames of 2.5, 5, 10, 20, 40, 60, 80,
    /// 100 or 120 ms, G.711 of any length.
    ///
    /// # Errors
    /// [`CodecError::FrameLength`] or [`CodecError::BufferTooSmall`]; the encoder stays usable.
    pub fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        match self {
            Self::Opus(opus) => opus.encode(pcm, payload),
            Self::G711(law) => {
                let payload = payload.get_mut(..pcm.len()).ok_or(CodecError::BufferTooSmall)?;
                law.encode(pcm, payload);
                Ok(pcm.len())
            }
        }
    }

    /// Tells how much of what is sent gets lost, in percent, so that Opus spends as many bits on redundancy. Nothing to
    /// G.711.
    ///
    /// # Errors
    /// [`CodecError::Setting`] above 100.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), CodecError> {
        match self {
            Self::Opus(opus) => opus.set_expected_loss(percent),
            Self::G711(_) => Ok(()),
        }
    }
}

/// Turns payloads into PCM and covers for those that did not come.
#[derive(Debug)]
pub enum Decoder {
    /// Opus.
    Opus(OpusDecoder),
    /// G.711 with the memory that concealment needs.
    G711(Law, Box<Concealer>),
}

impl Decoder {
    /// A decoder that hands out PCM at `sample_rate` Hz. Opus decodes straight to the rates it supports.
    ///
    /// # Errors
    /// [`CodecError::NotVoice`], [`CodecError::SampleRate`], [`CodecError::NoMemory`].
    pub fn new(codec: Codec, sample_rate: u32) -> Result<Self, CodecError> {
        let g711 = |law| g711_at(sample_rate).map(|()| Self::G711(law, Box::default()));
        match codec {
            Codec::Opus => OpusDecoder::new(sample_rate).map(Self::Opus),
            Codec::Pcmu => g711(Law::Mu),
            Codec::Pcma => g711(Law::A),
            Codec::TelephoneEvent(_) => Err(CodecError::NotVoice),
        }
    }

    /// What it decodes.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        match self {
            Self::Opus(_) => Codec::Opus,
            Self::G711(law, _) => law.codec(),
        }
    }

    /// Rate of the PCM it hands out, Hz.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        match self {
            Self::Opus(opus) => opus.sample_rate(),
            Self::G711(..) => G711_RATE,
        }
    }

    /// How many samples [`Self::decode`] will make of this payload.
    ///
    /// # Errors
    /// [`CodecError::BadPayload`].
    pub fn duration(&self, payload: &[u8]) -> Result<usize, CodecError> {
        match self {
            Self::Opus(opus) => opus.duration(payload),
            Self::G711(..) => match payload.len() {
                samples @ 1..=MAX_G711_SAMPLES => Ok(samples),
                _ => Err(CodecError::BadPayload),
            },
        }
    }

    /// Decodes the next payload in order into `pcm` and returns how many samples it made. After a concealment the
    /// beginning is joined smoothly to what was made up.
    ///
    /// # Errors
    /// [`CodecError::BadPayload`] or [`CodecError::BufferTooSmall`]; the decoder stays usable.
    pub fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        match self {
            Self::Opus(opus) => opus.decode(payload, pcm),
            Self::G711(law, concealer) => {
                if payload.is_empty() || payload.len() > MAX_G711_SAMPLES {
                    return Err(CodecError::BadPayload);
                }
                let pcm = pcm.get_mut(..payload.len()).ok_or(CodecError::BufferTooSmall)?;
                law.decode(payload, pcm);
                concealer.received(pcm);
                Ok(payload.len())
            }
        }
    }

    /// Whether `payload` also carries a coarse copy of the audio just before it (Opus in-band FEC).
    #[must_use]
    pub fn has_fec(&self, payload: &[u8]) -> bool {
        match self {
            Self::Opus(_) => OpusDecoder::has_fec(payload),
            Self::G711(..) => false,
        }
    }

    /// Fills `pcm` with the lost audio before `next`, from the redundancy in it: `pcm` is exactly as long as what is
    /// missing. Where `next` has none ([`Self::has_fec`]) this is [`Self::conceal`].
    ///
    /// # Errors
    /// [`CodecError::BadPayload`]; [`CodecError::FrameLength`] if `pcm` is not a multiple of 2.5 ms.
    pub fn decode_fec(&mut self, next: &[u8], pcm: &mut [i16]) -> Result<(), CodecError> {
        match self {
            Self::Opus(opus) => opus.decode_fec(next, pcm),
            Self::G711(_, concealer) => {
                concealer.conceal(pcm);
                Ok(())
            }
        }
    }

    /// Fills `pcm` with a guess at the audio that is missing, fading out when nothing comes for long.
    ///
    /// # Errors
    /// [`CodecError::FrameLength`] if `pcm` is longer than [`MAX_PACKET_MS`] or no multiple of 2.5 ms (Opus).
    pub fn conceal(&mut self, pcm: &mut [i16]) -> Result<(), CodecError> {
        match self {
            Self::Opus(opus) => opus.conceal(pcm),
            Self::G711(_, concealer) => {
                concealer.conceal(pcm);
                Ok(())
            }
        }
    }

    /// Whether `payload` says that the sender pauses (discontinuous transmission): nothing is lost when no packet
    /// follows it.
    #[must_use]
    pub const fn announces_pause(&self, payload: &[u8]) -> bool {
        match self {
            // RFC 6716 section 3.1: a DTX frame is a table-of-contents byte with no or one byte behind it.
            Self::Opus(_) => payload.len() <= 2,
            Self::G711(..) => false,
        }
    }

    /// Forgets what it has decoded: the next payload starts a new stream.
    pub fn reset(&mut self) {
        match self {
            Self::Opus(opus) => opus.reset(),
            Self::G711(_, concealer) => **concealer = Concealer::default(),
        }
    }
}

const MAX_G711_SAMPLES: usize = (G711_RATE / 1000 * MAX_PACKET_MS) as usize;

const fn g711_at(sample_rate: u32) -> Result<(), CodecError> {
    if sample_rate == G711_RATE { Ok(()) } else { Err(CodecError::SampleRate) }
}

#[cfg(test)]
mod tests;
