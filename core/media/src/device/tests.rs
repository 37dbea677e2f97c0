use std::{
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use super::{AudioDevice, CaptureSink, DeviceError, PlayoutSource, VirtualDevice};

const PATIENCE: Duration = Duration::from_secs(20);

struct Ear {
    heard: Sender<Vec<i16>>,
    listening: bool,
}

impl CaptureSink for Ear {
    fn captured(&mut self, frame: &[i16]) {
        let _ = self.heard.send(frame.to_vec());
    }

    fn is_listening(&self) -> bool {
        self.listening
    }

    fn failed(&mut self, _: DeviceError) {}
}

/// Plays a count, so that every sample can be told.
struct Mouth(i16);

impl PlayoutSource for Mouth {
    fn fill(&mut self, frame: &mut [i16]) {
        for sample in frame {
            self.0 = self.0.wrapping_add(1);
            *sample = self.0;
        }
    }

    fn failed(&mut self, _: DeviceError) {}
}

fn start(device: &mut VirtualDevice, listening: bool) -> Receiver<Vec<i16>> {
    let (heard, ear) = channel();
    device.start(Box::new(Ear { heard, listening }), Box::new(Mouth(0))).unwrap();
    ear
}

fn frames(ear: &Receiver<Vec<i16>>, count: usize) -> Vec<i16> {
    (0..count).flat_map(|_| ear.recv_timeout(PATIENCE).unwrap()).collect()
}

fn written(dir: &tempfile::TempDir, spec: hound::WavSpec, samples: &[i32]) -> std::path::PathBuf {
    let path = dir.path().join("in.wav");
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for sample in samples {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    path
}

fn spec(rate: u32, channels: u16, bits: u16) -> hound::WavSpec {
    hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: bits,
        sample_format: hound::SampleFormat::Int,
    }
}

#[test]
fn a_file_is_heard_sample_by_sample_once_or_for_ever_and_what_is_played_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let samples: Vec<i32> = (1..=500).collect();
    let path = written(&dir, spec(8_000, 1, 16), &samples);
    let heard_path = dir.path().join("heard.wav");
    for looped in [false, true] {
        let device = VirtualDevice::new(8_000).unwrap().playing(&path, looped).unwrap();
        let (mut device, recording) = device.recording(&heard_path).unwrap();
        assert!(recording.started_at().is_none());
        let heard = frames(&start(&mut device, true), 6);
        assert!(recording.started_at().is_some());
        device.stop();
        for (i, sample) in heard.iter().enumerate() {
            let expected = if looped {
                i % 500 + 1
            } else if i < 500 {
                i + 1
            } else {
                0
            };
            assert_eq!(*sample as usize, expected, "{i} {looped}");
        }
        let recorded: Vec<i16> =
            hound::WavReader::open(&heard_path).unwrap().samples::<i16>().map(Result::unwrap).collect();
        assert!(recorded.len() >= 960);
        assert!(recorded.iter().enumerate().all(|(i, sample)| *sample == i as i16 + 1));
    }
}

#[test]
fn a_file_waits_until_somebody_listens() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir, spec(8_000, 1, 16), &[7; 800]);
    let mut device = VirtualDevice::new(8_000).unwrap().playing(&path, false).unwrap();
    assert!(frames(&start(&mut device, false), 4).iter().all(|sample| *sample == 0));
    device.stop();
    assert_eq!(frames(&start(&mut device, true), 1), [7; 160]);
}

#[test]
fn other_formats_are_mixed_down_and_resampled() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir, spec(44_100, 2, 24), &[4_000_000, 2_000_000].repeat(44_100));
    let mut device = VirtualDevice::new(48_000).unwrap().playing(&path, false).unwrap();
    let heard = frames(&start(&mut device, true), 5);
    // (4 000 000 + 2 000 000) / 2 of 2²³, in 16 bits.
    assert!(heard[1_000..].iter().all(|sample| (11_718 - *sample).abs() < 60), "{:?}", &heard[1_000..1_010]);
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let device = || VirtualDevice::new(8_000).unwrap();
    let missing = device().playing(&dir.path().join("none.wav"), false).err();
    assert_eq!(missing, Some(DeviceError::File(std::io::ErrorKind::NotFound)));
    let junk = dir.path().join("junk.wav");
    std::fs::write(&junk, b"RIFFxxxxWAVEjunk").unwrap();
    assert!(matches!(device().playing(&junk, false).err(), Some(DeviceError::File(_))));
    let odd = written(&dir, spec(11_025, 1, 16), &[1; 100]);
    assert_eq!(device().playing(&odd, false).err(), Some(DeviceError::Format));
    assert!(matches!(device().recording(&dir.path().join("no/dir.wav")).err(), Some(DeviceError::File(_))));
    assert_eq!(VirtualDevice::new(11_025).err(), Some(DeviceError::Format));
}

#[test]
fn it_runs_at_most_once_at_a_time_and_stops_for_good() {
    let mut device = VirtualDevice::new(8_000).unwrap().tone(400.0);
    let ear = start(&mut device, true);
    let again = device.start(Box::new(Ear { heard: channel().0, listening: true }), Box::new(Mouth(0)));
    assert_eq!(again, Err(DeviceError::Running));
    let loudest = frames(&ear, 2).iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!((8_000..=8_192).contains(&loudest));
    device.stop();
    // The thread is gone and its end of the channel with it.
    while ear.try_recv().is_ok() {}
    assert!(ear.recv_timeout(PATIENCE).is_err());
}
