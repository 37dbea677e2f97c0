// Microphone and speaker of the phone, for `Configuration.audio`.

import AVFAudio
import Doorstep
import Foundation

extension Audio {
    /// The phone's microphone, earpiece, loudspeaker and headsets, with the system's echo cancellation. Sound flows while the audio
    /// session is active: ``SystemCalls`` sees to that, or an app that has CallKit code of its own (``SystemAudio``).
    public static var system: Audio { .device(SystemAudio.shared) }
}

/// The phone's sound. Apps that start ``SystemCalls`` need only ``Audio/system``; an app with CallKit code of its own tells here what
/// its `CXProviderDelegate` hears.
public final class SystemAudio: AudioDevice {
    /// There is one microphone.
    public static let shared = SystemAudio()

    /// Hz: what Opus knows at best. The hardware's rate may change with each headset; it is converted.
    public let captureRate = 48_000
    /// As ``captureRate``.
    public let playoutRate = 48_000

    private init() {}

    // MARK: For apps with CallKit code of their own

    /// In `provider(_:perform:)` of a start or an answer, before it is fulfilled: category and mode of the audio session.
    @MainActor public func prepare() { Desk.sound.prepare() }

    /// After a start or an answer was fulfilled. When the system does not activate the session within 3 s, this does.
    @MainActor public func callBegan() { Desk.sound.due() }

    /// In `provider(_:didActivate:)`.
    @MainActor public func sessionDidActivate() { Desk.sound.activated() }

    /// In `provider(_:didDeactivate:)`.
    @MainActor public func sessionDidDeactivate() { Desk.sound.deactivated() }

    /// No call is left.
    @MainActor public func callsEnded() { Desk.sound.over() }

    // MARK: AudioDevice

    /// The core's thread calls this. The unit starts as soon as the session is active.
    public func start(_ exchange: AudioExchange) throws {
        if AVAudioSession.sharedInstance().recordPermission == .denied { throw AudioProblem.denied }
        let pipes = VoicePipes(
            captureRate: Double(captureRate), playoutRate: Double(playoutRate),
            capture: { exchange.capture(UnsafeBufferPointer(start: $0, count: $1)) },
            playout: { exchange.playout(UnsafeMutableBufferPointer(start: $0, count: $1)) })
        onMain { Desk.sound.want(pipes) }
    }

    /// The core's thread calls this.
    public func stop() {
        onMain { Desk.sound.want(nil) }
    }
}
