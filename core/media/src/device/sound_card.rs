//! The computer's own microphone and speaker, through `cpal` (ALSA, CoreAudio, WASAPI).

use std::{
    sync::mpsc::{self, Receiver, SyncSender},
    thread::{self, JoinHandle},
};

use cpal::{
    BufferSize, Device, ErrorKind, FromSample, Sample as _, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedBufferSize, SupportedStreamConfig, SupportedStreamConfigRange,
    traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _},
};

use super::{AudioDevice, CaptureSink, DeviceError, PlayoutSource};
use crate::resample::MAX_RATE;

/// Rate asked for: what Opus runs at.
const PREFERRED_RATE: u32 = 48_000;
/// Buffer asked for where the driver lets choose: 10 ms at that rate.
const PREFERRED_BUFFER: u32 = 480;
/// Longest piece converted at once, samples; longer buffers go in several pieces.
const PIECE: usize = 960;

/// The default input and output of this computer.
pub struct SoundCard {
    input: (Device, SupportedStreamConfig),
    output: (Device, SupportedStreamConfig),
    running: Option<Running>,
}

/// The thread that holds the streams: on some systems they may not leave the thread that made them.
struct Running {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl SoundCard {
    /// Finds the default microphone and speaker.
    ///
    /// # Errors
    /// [`DeviceError::NoMicrophone`], [`DeviceError::NoSpeaker`], [`DeviceError::Format`].
    pub fn open() -> Result<Self, DeviceError> {
        let host = cpal::default_host();
        let input = host.default_input_device().ok_or(DeviceError::NoMicrophone)?;
        let output = host.default_output_device().ok_or(DeviceError::NoSpeaker)?;
        let in_config = choose(input.supported_input_configs().map_err(|_| DeviceError::NoMicrophone)?)?;
        let out_config = choose(output.supported_output_configs().map_err(|_| DeviceError::NoSpeaker)?)?;
        Ok(Self { input: (input, in_config), output: (output, out_config), running: None })
    }
}

impl AudioDevice for SoundCard {
    fn capture_rate(&self) -> u32 {
        self.input.1.sample_rate()
    }

    fn playout_rate(&self) -> u32 {
        self.output.1.sample_rate()
    }

    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError> {
        if self.running.is_some() {
            return Err(DeviceError::Running);
        }
        let (input, output) = (self.input.clone(), self.output.clone());
        let (told, started) = mpsc::sync_channel(1);
        let (stop, stopped) = mpsc::sync_channel(1);
        let run = move || run(&input, &output, capture, playout, &told, &stopped);
        let thread = thread::Builder::new()
            .name("doorstep-sound".to_owned())
            .spawn(run)
            .map_err(|_| DeviceError::NoThread)?;
        match started.recv() {
            Ok(Ok(())) => {
                self.running = Some(Running { stop, thread });
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(mpsc::RecvError) => Err(DeviceError::Failed),
        }
    }

    fn stop(&mut self) {
        let Some(Running { stop, thread }) = self.running.take() else { return };
        // Dropping the sender would do as well; the thread may also be gone already.
        let _gone = stop.try_send(());
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!("the sound device's thread panicked");
        }
    }
}

impl Drop for SoundCard {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The preferred rate if it is there, else the highest that can be used; the fewest channels; 16 bits or float.
fn choose(
    ranges: impl Iterator<Item = SupportedStreamConfigRange>,
) -> Result<SupportedStreamConfig, DeviceError> {
    ranges
        .filter(|range| matches!(range.sample_format(), SampleFormat::I16 | SampleFormat::F32))
        .filter_map(|range| {
            let highest = range.max_sample_rate().min(MAX_RATE) / 100 * 100;
            range.try_with_sample_rate(PREFERRED_RATE).or_else(|| range.try_with_sample_rate(highest))
        })
        .min_by_key(|config| {
            (
                config.sample_rate() != PREFERRED_RATE,
                config.channels(),
                config.sample_format() != SampleFormat::I16,
            )
        })
        .ok_or(DeviceError::Format)
}

fn run(
    input: &(Device, SupportedStreamConfig),
    output: &(Device, SupportedStreamConfig),
    capture: Box<dyn CaptureSink>,
    playout: Box<dyn PlayoutSource>,
    told: &SyncSender<Result<(), DeviceError>>,
    stopped: &Receiver<()>,
) {
    let streams = open_input(input, capture).and_then(|input| Ok((input, open_output(output, playout)?)));
    let (streams, result) = match streams {
        Ok(streams) => (Some(streams), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let running = result.is_ok();
    // Whoever started this waits for it: the channel holds one.
    if told.send(result).is_ok() && running {
        let _stopped = stopped.recv();
    }
    drop(streams);
}

fn open_input(
    (device, config): &(Device, SupportedStreamConfig),
    sink: Box<dyn CaptureSink>,
) -> Result<Stream, DeviceError> {
    match config.sample_format() {
        SampleFormat::I16 => capture_stream::<i16>(device, config, sink),
        _ => capture_stream::<f32>(device, config, sink),
    }
}

fn open_output(
    (device, config): &(Device, SupportedStreamConfig),
    source: Box<dyn PlayoutSource>,
) -> Result<Stream, DeviceError> {
    match config.sample_format() {
        SampleFormat::I16 => playout_stream::<i16>(device, config, source),
        _ => playout_stream::<f32>(device, config, source),
    }
}

fn capture_stream<T>(
    device: &Device,
    config: &SupportedStreamConfig,
    sink: Box<dyn CaptureSink>,
) -> Result<Stream, DeviceError>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels().max(1));
    let (sink, failing) = shared(sink);
    let mut mono = [0; PIECE];
    let data = move |samples: &[T], _: &cpal::InputCallbackInfo| {
        let Some(mut sink) = held(&sink) else { return };
        for piece in samples.chunks(channels * PIECE) {
            let frames = piece.len() / channels;
            for (sample, frame) in mono.iter_mut().zip(piece.chunks_exact(channels)) {
                let sum: f32 = frame.iter().map(|sample| f32::from_sample(*sample)).sum();
                *sample = (sum / channels as f32 * 32_768.0) as i16;
            }
            sink.captured(&mono[..frames]);
        }
    };
    let error = move |error: cpal::Error| {
        if let (Some(fault), Some(mut sink)) = (fatal(&error), held(&failing)) {
            sink.failed(fault);
        }
    };
    play(device.build_input_stream(settings(config), data, error, None), DeviceError::NoMicrophone)
}

fn playout_stream<T>(
    device: &Device,
    config: &SupportedStreamConfig,
    source: Box<dyn PlayoutSource>,
) -> Result<Stream, DeviceError>
where
    T: SizedSample + FromSample<i16>,
{
    let channels = usize::from(config.channels().max(1));
    let (source, failing) = shared(source);
    let mut mono = [0; PIECE];
    let data = move |samples: &mut [T], _: &cpal::OutputCallbackInfo| {
        let Some(mut source) = held(&source) else { return };
        for piece in samples.chunks_mut(channels * PIECE) {
            let frames = piece.len() / channels;
            source.fill(&mut mono[..frames]);
            for (frame, sample) in piece.chunks_exact_mut(channels).zip(&mono) {
                frame.fill(T::from_sample(*sample));
            }
        }
    };
    let error = move |error: cpal::Error| {
        if let (Some(fault), Some(mut source)) = (fatal(&error), held(&failing)) {
            source.failed(fault);
        }
    };
    play(device.build_output_stream(settings(config), data, error, None), DeviceError::NoSpeaker)
}

type Shared<T> = std::sync::Arc<std::sync::Mutex<T>>;

/// For the data callback and the error callback, which a stream never runs both at once.
fn shared<T>(part: T) -> (Shared<T>, Shared<T>) {
    let part = std::sync::Arc::new(std::sync::Mutex::new(part));
    (part.clone(), part)
}

fn held<T>(part: &Shared<T>) -> Option<std::sync::MutexGuard<'_, T>> {
    part.lock().ok()
}

fn settings(config: &SupportedStreamConfig) -> StreamConfig {
    let mut settings = config.config();
    if let SupportedBufferSize::Range { min, max } = config.buffer_size()
        && (*min..=*max).contains(&PREFERRED_BUFFER)
    {
        settings.buffer_size = BufferSize::Fixed(PREFERRED_BUFFER);
    }
    settings
}

fn play(stream: Result<Stream, cpal::Error>, missing: DeviceError) -> Result<Stream, DeviceError> {
    let fault = |error: cpal::Error| match error.kind() {
        ErrorKind::DeviceNotAvailable => missing,
        _ => fatal(&error).unwrap_or(DeviceError::Failed),
    };
    let stream = stream.map_err(fault)?;
    stream.play().map_err(fault)?;
    Ok(stream)
}

/// What ends a stream; a buffer that ran empty does not.
fn fatal(error: &cpal::Error) -> Option<DeviceError> {
    match error.kind() {
        ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => None,
        ErrorKind::PermissionDenied | ErrorKind::DeviceBusy => Some(DeviceError::Denied),
        ErrorKind::UnsupportedConfig => Some(DeviceError::Format),
        _ => Some(DeviceError::Failed),
    }
}
