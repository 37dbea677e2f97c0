use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use doorstep::audio::{CaptureSink, PlayoutSource};

use super::mixer::PIECE;
use super::*;

/// What a call hears of the microphone and how it ends; what it says is one loudness.
struct Ends {
    heard: Receiver<Vec<i16>>,
    failed: Receiver<DeviceError>,
}

struct Ear(Sender<Vec<i16>>, Sender<DeviceError>);

impl CaptureSink for Ear {
    fn captured(&mut self, frame: &[i16]) {
        let _ = self.0.send(frame.to_vec());
    }

    fn is_listening(&self) -> bool {
        true
    }

    fn failed(&mut self, error: DeviceError) {
        let _ = self.1.send(error);
    }
}

struct Mouth(i16);

impl PlayoutSource for Mouth {
    fn fill(&mut self, frame: &mut [i16]) {
        frame.fill(self.0);
    }

    fn failed(&mut self, _: DeviceError) {}
}

/// The platform: notes what it is told.
struct Platform {
    told: Mutex<Sender<&'static str>>,
    starts: Result<(), AudioError>,
}

impl AudioControl for Platform {
    fn start(&self) -> Result<(), AudioError> {
        let _ = self.told.lock().unwrap().send("start");
        self.starts
    }

    fn stop(&self) -> Result<(), CallbackError> {
        let _ = self.told.lock().unwrap().send("stop");
        Ok(())
    }
}

fn port(starts: Result<(), AudioError>) -> (Arc<AudioPort>, Receiver<&'static str>) {
    let (sender, told) = channel();
    let platform = Arc::new(Platform { told: Mutex::new(sender), starts });
    (AudioPort::new(48_000, 48_000, platform).unwrap(), told)
}

fn call(port: &AudioPort, loudness: i16) -> (Box<dyn AudioDevice>, Ends) {
    let mut device = port.device().unwrap();
    let ((heard_in, heard), (failed_in, failed)) = (channel(), channel());
    device.start(Box::new(Ear(heard_in, failed_in)), Box::new(Mouth(loudness))).unwrap();
    (device, Ends { heard, failed })
}

fn capture(port: &AudioPort, samples: &[i16]) -> i32 {
    // SAFETY: a slice and its length.
    unsafe { doorstep_audio_capture(port.handle(), samples.as_ptr(), samples.len() as u32) }
}

fn playout(handle: u64, samples: &mut [i16]) -> i32 {
    // SAFETY: a slice and its length.
    unsafe { doorstep_audio_playout(handle, samples.as_mut_ptr(), samples.len() as u32) }
}

#[test]
fn all_calls_hear_the_microphone_and_are_heard_mixed() {
    let (port, told) = port(Ok(()));
    let mut frame = vec![7; 2 * PIECE + 1];
    assert_eq!(playout(port.handle(), &mut frame), 0);
    assert!(frame.iter().all(|sample| *sample == 0), "silence without a call");

    let (mut first, first_ends) = call(&port, 20_000);
    assert_eq!(told.recv(), Ok("start"));
    let (mut second, second_ends) = call(&port, 20_000);
    assert_eq!(capture(&port, &[1, 2, 3]), 0);
    for ends in [&first_ends, &second_ends] {
        assert_eq!(ends.heard.try_recv(), Ok(vec![1, 2, 3]));
    }
    playout(port.handle(), &mut frame);
    assert!(frame.iter().all(|sample| *sample == i16::MAX), "the sum is clipped, not wrapped");

    second.stop();
    playout(port.handle(), &mut frame);
    assert!(frame.iter().all(|sample| *sample == 20_000));
    first.stop();
    assert_eq!(told.recv(), Ok("stop"));
    drop((port, first, second));
    assert!(told.recv().is_err(), "once for all calls");
}

#[test]
fn a_platform_without_a_microphone_ends_the_call() {
    let (port, _told) = port(Err(AudioError::Denied));
    let (_device, ends) = call(&port, 0);
    assert_eq!(ends.failed.recv(), Ok(DeviceError::Denied));
}

#[test]
fn a_late_audio_thread_finds_nothing() {
    let (port, _told) = port(Ok(()));
    let handle = port.handle();
    drop(port);
    let mut frame = [7; 480];
    assert_eq!(playout(handle, &mut frame), -1);
    assert_eq!(frame, [0; 480], "and plays silence");
    // SAFETY: no samples.
    assert_eq!(unsafe { doorstep_audio_capture(handle, std::ptr::null(), 0) }, -1);
}

#[test]
fn rates_without_whole_samples_in_10_ms_are_refused() {
    for rate in [0, 7_999, 11_025, 192_000] {
        let (sender, _told) = channel();
        let platform = Arc::new(Platform { told: Mutex::new(sender), starts: Ok(()) });
        assert_eq!(AudioPort::new(rate, 48_000, platform).unwrap_err(), DoorstepError::InvalidRate, "{rate}");
    }
}

/// A platform whose start takes until the test lets it go.
struct Slow {
    told: Mutex<Sender<&'static str>>,
    go: Mutex<Receiver<()>>,
}

impl AudioControl for Slow {
    fn start(&self) -> Result<(), AudioError> {
        let _ = self.told.lock().unwrap().send("start");
        let _ = self.go.lock().unwrap().recv();
        Ok(())
    }

    fn stop(&self) -> Result<(), CallbackError> {
        let _ = self.told.lock().unwrap().send("stop");
        Ok(())
    }
}

#[test]
fn calls_that_come_and_go_while_the_platform_starts_start_nothing_of_their_own() {
    let ((told_in, told), (go, wait)) = (channel(), channel());
    let slow = Arc::new(Slow { told: Mutex::new(told_in), go: Mutex::new(wait) });
    let port = AudioPort::new(48_000, 48_000, slow).unwrap();
    let (first, _ends) = call(&port, 0);
    assert_eq!(told.recv(), Ok("start"));
    // It is stuck in there, and nothing of this waits for it.
    drop(first);
    for _ in 0..100 {
        drop(call(&port, 0));
    }
    go.send(()).unwrap();
    assert_eq!(told.recv(), Ok("stop"));
    drop(port);
    assert!(told.recv().is_err(), "that was all, and the port's thread has ended");
}

#[test]
fn audio_that_fails_while_it_runs_ends_the_calls_and_is_stopped_once() {
    let (port, told) = port(Ok(()));
    let (mut first, first_ends) = call(&port, 0);
    let (second, second_ends) = call(&port, 0);
    assert_eq!(told.recv(), Ok("start"));
    port.failed(AudioError::NoMicrophone);
    for ends in [&first_ends, &second_ends] {
        assert_eq!(ends.failed.recv(), Ok(DeviceError::NoMicrophone));
    }
    first.stop();
    // However soon the next call comes, it is not left with what has failed.
    let (third, _ends) = call(&port, 0);
    assert_eq!([told.recv(), told.recv()], [Ok("stop"), Ok("start")]);
    drop(third);
    assert_eq!(told.recv(), Ok("stop"));
    port.failed(AudioError::NoMicrophone);
    drop((port, first, second));
    assert!(told.recv().is_err(), "what does not run is not stopped");
}

#[test]
fn a_platform_without_a_microphone_is_asked_again_for_the_next_call() {
    let (port, told) = port(Err(AudioError::Denied));
    for _ in 0..2 {
        let (_device, ends) = call(&port, 0);
        assert_eq!(told.recv(), Ok("start"));
        assert_eq!(ends.failed.recv(), Ok(DeviceError::Denied));
    }
    drop(port);
    assert!(told.recv().is_err(), "what never ran is not stopped");
}

struct Broken;

impl CaptureSink for Broken {
    fn captured(&mut self, _: &[i16]) {
        panic!("a bug");
    }

    fn is_listening(&self) -> bool {
        true
    }

    fn failed(&mut self, _: DeviceError) {}
}

#[test]
fn a_bug_in_the_core_ends_the_calls_and_not_the_audio_thread() {
    let (port, _told) = port(Ok(()));
    let (_good, ends) = call(&port, 7);
    let mut bad = port.device().unwrap();
    bad.start(Box::new(Broken), Box::new(Mouth(1))).unwrap();
    assert_eq!(capture(&port, &[1]), 0);
    assert_eq!(ends.failed.recv(), Ok(DeviceError::Failed));
    let mut frame = [7; 480];
    assert_eq!(playout(port.handle(), &mut frame), 0);
    assert_eq!(frame, [0; 480]);
}

#[test]
fn audio_threads_run_while_calls_come_and_go_and_the_port_with_them() {
    let (port, _told) = port(Ok(()));
    let handle = port.handle();
    let audio: Vec<_> = (0..2)
        .flat_map(|_| [thread::spawn(move || hear(handle)), thread::spawn(move || speak(handle))])
        .collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..500 {
                    drop(call(&port, 3));
                }
            });
        }
    });
    drop(port);
    for thread in audio {
        thread.join().unwrap();
    }
}

fn hear(handle: u64) {
    // SAFETY: a slice and its length.
    while unsafe { doorstep_audio_capture(handle, [1_i16; 480].as_ptr(), 480) } == 0 {}
}

fn speak(handle: u64) {
    let mut frame = [7; 480];
    while playout(handle, &mut frame) == 0 {
        assert!(frame.iter().all(|sample| matches!(sample, 0 | 3 | 6)), "silence, one call or two");
    }
    assert_eq!(frame, [0; 480], "after the port's end, silence");
}
