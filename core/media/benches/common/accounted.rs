//! Parts of the voice path that keep the accounts apart.

use std::{sync::Arc, time::Duration};

use doorstep_media::{
    device::{AudioDevice, CaptureSink, DeviceError, PlayoutSource},
    transport::{IncomingPacket, OutgoingPacket, PacketReceiver, PacketSink},
};

use crate::common::accounted;

/// A device whose calls into the voice path count as ours.
pub(crate) struct AccountedDevice<D>(pub(crate) D);

impl<D: AudioDevice> AudioDevice for AccountedDevice<D> {
    fn capture_rate(&self) -> u32 {
        self.0.capture_rate()
    }

    fn playout_rate(&self) -> u32 {
        self.0.playout_rate()
    }

    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError> {
        self.0.start(Box::new(Accounted(capture)), Box::new(Accounted(playout)))
    }

    fn stop(&mut self) {
        self.0.stop();
    }
}

pub(crate) struct Accounted<T: ?Sized>(pub(crate) Box<T>);

impl CaptureSink for Accounted<dyn CaptureSink> {
    fn captured(&mut self, frame: &[i16]) {
        accounted(true, || self.0.captured(frame));
    }

    fn is_listening(&self) -> bool {
        self.0.is_listening()
    }

    fn failed(&mut self, error: DeviceError) {
        self.0.failed(error);
    }
}

impl PlayoutSource for Accounted<dyn PlayoutSource> {
    fn fill(&mut self, frame: &mut [i16]) {
        accounted(true, || self.0.fill(frame));
    }

    fn failed(&mut self, error: DeviceError) {
        self.0.failed(error);
    }
}

impl PacketReceiver for Accounted<dyn PacketReceiver> {
    fn receive(&mut self, packet: IncomingPacket<'_>, arrival: Duration) {
        accounted(true, || self.0.receive(packet, arrival));
    }
}

/// A sink whose work is the transport's.
pub(crate) struct TransportSink(pub(crate) Arc<dyn PacketSink>);

impl PacketSink for TransportSink {
    fn send(&self, packet: OutgoingPacket<'_>) {
        accounted(false, || self.0.send(packet));
    }
}
