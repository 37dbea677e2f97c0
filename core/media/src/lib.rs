//! The voice engine: WebRTC and RTP transport, codecs, jitter buffer, audio devices.

pub mod codec;
pub mod device;
pub mod dtmf;
pub mod jitter;
pub mod resample;
pub mod sdp;
pub mod session;
pub mod transcode;
pub mod transport;
pub mod voice;
