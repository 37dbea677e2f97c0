// How sound passes between the audio unit and the core.

/// The two ends of the core's sound: 16-bit mono samples, at rates that stay. Called from the audio unit's own threads; they take
/// microseconds, allocate nothing and wait for nothing.
struct VoicePipes: Sendable {
    /// Hz.
    let captureRate: Double
    /// Hz.
    let playoutRate: Double
    /// What the microphone heard.
    let capture: @Sendable (_ samples: UnsafePointer<Int16>, _ count: Int) -> Void
    /// Fills in what the speaker is to play.
    let playout: @Sendable (_ samples: UnsafeMutablePointer<Int16>, _ count: Int) -> Void
}

/// The phone's audio unit. All but `framesCaptured` is called by one at a time, off the main thread: starting takes a while.
protocol VoiceUnit: AnyObject, Sendable {
    /// Builds it anew, so that it fits the hardware as it is now.
    func start(_ pipes: VoicePipes) throws
    func stop()
    /// Counts up while the microphone lives.
    var framesCaptured: UInt64 { get }
}
