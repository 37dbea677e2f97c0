internal import DoorstepCoreFFI
import Foundation

/// Microphone and speaker.
public enum Audio: Sendable {
    /// Neither: for trials.
    case silence
    /// A tone instead of a microphone: for trials.
    case tone(hertz: Double)
    /// WAV files, of what is said and for what is heard: for trials.
    case files(play: URL?, record: URL?)
    /// The app's own, or the one of `DoorstepCallKit`.
    case device(any AudioDevice)
}

/// A microphone and a speaker. ``start(_:)`` and ``stop()`` are called on a thread of the SDK's own, one after the other, and may
/// be slow.
public protocol AudioDevice: AnyObject, Sendable {
    /// Hz, between 8000 and 96000: a whole number of samples in 10 ms. It stays as it is; the device converts when the hardware
    /// changes.
    var captureRate: Int { get }
    /// As ``captureRate``, of the speaker.
    var playoutRate: Int { get }

    /// A call needs sound: hand in what the microphone hears, and play what is to be heard, until ``stop()``.
    ///
    /// - Throws: ``AudioProblem``; the calls that need sound end. Any other error counts as ``AudioProblem/failed``.
    func start(_ exchange: AudioExchange) throws

    /// No call needs sound any more.
    func stop()
}

/// Why there is no sound.
public enum AudioProblem: Error, Equatable, Sendable {
    /// There is no microphone.
    case noMicrophone
    /// There is no speaker.
    case noSpeaker
    /// The user has not allowed the microphone, or another app has it.
    case denied
    /// The device has failed.
    case failed
}

/// Where an ``AudioDevice`` hands its sound over: mono, 16-bit samples, in frames of 10 or 20 ms. Both directions take microseconds,
/// allocate nothing and wait for nothing: they are made for the audio thread.
public final class AudioExchange: Sendable {
    private let port: UInt64
    private let fail: @Sendable (AudioProblem) -> Void

    init(port: UInt64, fail: @escaping @Sendable (AudioProblem) -> Void) {
        self.port = port
        self.fail = fail
    }

    /// What the microphone heard.
    ///
    /// - Returns: false when the SDK was closed.
    @discardableResult
    public func capture(_ samples: UnsafeBufferPointer<Int16>) -> Bool {
        doorstep_audio_capture(port, samples.baseAddress, UInt32(clamping: samples.count)) == 0
    }

    /// Fills in what the speaker is to play: silence when nobody speaks.
    ///
    /// - Returns: false when the SDK was closed; then all is silence.
    @discardableResult
    public func playout(_ samples: UnsafeMutableBufferPointer<Int16>) -> Bool {
        doorstep_audio_playout(port, samples.baseAddress, UInt32(clamping: samples.count)) == 0
    }

    /// The device has failed while it ran: the calls that need it end.
    public func failed(_ problem: AudioProblem) { fail(problem) }
}
