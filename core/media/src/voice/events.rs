use std::time::Duration;

use crate::{device::DeviceError, dtmf::Digit, jitter::JitterStats};

/// Something that happened on a voice path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceEvent {
    /// The first audio of the far side has reached the speaker. Once per path.
    FirstAudio,
    /// The first sound of the far side that a person would notice (above −50 dBFS, received and not made up) has reached the
    /// speaker. Comfort silence before the answer does not count. Once per path, and once more after each
    /// [`super::VoicePath::start_sending`], since an announcement may have been heard before the answer.
    FirstAudible,
    /// No packet has come for so long, though some should. Once, until one comes.
    NoAudio(Duration),
    /// Packets come again after [`Self::NoAudio`].
    AudioBack,
    /// The far side pressed a key. Once per press.
    Digit(Digit),
    /// The microphone delivers nothing. Once, until it does.
    NoMicrophone,
    /// The microphone delivers again.
    MicrophoneBack,
    /// The speaker asks for nothing. Once, until it does.
    NoSpeaker,
    /// The speaker asks again.
    SpeakerBack,
    /// The device has failed and will not come back by itself: stop the path, and start it when there is another one.
    DeviceFailed(DeviceError),
}

/// What a voice path has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VoiceStats {
    /// Frames that came from the microphone.
    pub frames_captured: u64,
    /// Frames that the speaker asked for.
    pub frames_played: u64,
    /// Packets of audio and digits handed to the sink.
    pub packets_sent: u64,
    /// Frames that could not be encoded.
    pub encode_errors: u64,
    /// Packets of audio taken from the transport.
    pub packets_received: u64,
    /// Packets dropped because the speaker did not keep up, or while held.
    pub packets_dropped: u64,
    /// Digits received.
    pub digits_received: u64,
    /// Events that nobody fetched in time.
    pub events_lost: u64,
    /// The jitter buffer's, all codecs of the call together; at most 100 ms old.
    pub jitter: JitterStats,
}
