// The audio unit: AVAudioEngine with the system's voice processing, which takes the echo out (AVAudioIONode,
// setVoiceProcessingEnabled).

import AVFAudio
import Foundation

/// Microphone and speaker through one engine. A new engine for each start: one that has outlived a reset of the media services, or a
/// change of the hardware's format, does not come to life again.
final class EngineUnit: VoiceUnit, @unchecked Sendable {
    /// Frames that are converted at once; the system asks for some hundred.
    private static let longest = 4_800

    // Of the thread that starts and stops.
    private var engine: AVAudioEngine?
    private var changes: Listening?
    private let hearing = Hearing()
    private let changed: @Sendable () -> Void

    /// `changed`: the hardware's format is another one, and the engine has stopped.
    init(changed: @escaping @Sendable () -> Void) { self.changed = changed }

    var framesCaptured: UInt64 { hearing.count }

    func start(_ pipes: VoicePipes) throws {
        stop()
        let engine = AVAudioEngine()
        // On both at once: before the engine runs, and before formats are asked for.
        try engine.inputNode.setVoiceProcessingEnabled(true)
        let heard = engine.inputNode.outputFormat(forBus: 0)
        guard heard.sampleRate > 0, heard.channelCount > 0, let played = Self.format(pipes.playoutRate) else {
            throw UnitFailure.noMicrophone
        }
        let sink = Self.sink(pipes, from: heard.sampleRate, hearing)
        let source = Self.source(pipes, format: played)
        engine.attach(sink)
        engine.attach(source)
        // A sink takes what the hardware gives; only the mixer converts.
        engine.connect(engine.inputNode, to: sink, format: heard)
        engine.connect(source, to: engine.mainMixerNode, format: played)
        engine.prepare()
        try engine.start()
        self.engine = engine
        let changes = Listening()
        changes.add(.AVAudioEngineConfigurationChange, of: engine) { [changed] _ in changed() }
        self.changes = changes
    }

    func stop() {
        changes = nil
        engine?.stop()
        engine = nil
    }

    private static func format(_ rate: Double) -> AVAudioFormat? {
        AVAudioFormat(commonFormat: .pcmFormatFloat32, sampleRate: rate, channels: 1, interleaved: false)
    }

    private static func sink(_ pipes: VoicePipes, from rate: Double, _ hearing: Hearing) -> AVAudioSinkNode {
        let funnel = Funnel(RateConverter(from: rate, to: pipes.captureRate, longest: longest))
        return AVAudioSinkNode { _, frames, list in
            // With several channels (a stereo headset) the first is the voice.
            let buffer = list.pointee.mBuffers
            guard list.pointee.mNumberBuffers > 0, let data = buffer.mData else { return noErr }
            let there = Int(buffer.mDataByteSize) / MemoryLayout<Float>.stride
            let samples = UnsafeBufferPointer(
                start: data.assumingMemoryBound(to: Float.self), count: min(Int(frames), there))
            funnel.pour(samples) { pipes.capture($0, $1) }
            hearing.add(samples.count)
            return noErr
        }
    }

    private static func source(_ pipes: VoicePipes, format: AVAudioFormat) -> AVAudioSourceNode {
        let cup = Cup(longest)
        return AVAudioSourceNode(format: format) { _, _, frames, list in
            for buffer in UnsafeMutableAudioBufferListPointer(list) {
                guard let data = buffer.mData else { continue }
                let room = Int(buffer.mDataByteSize) / MemoryLayout<Float>.stride
                cup.fill(
                    UnsafeMutableBufferPointer(
                        start: data.assumingMemoryBound(to: Float.self), count: min(Int(frames), room)),
                    from: pipes.playout)
            }
            return noErr
        }
    }
}

/// Why there is no sound.
enum UnitFailure: Error {
    case noMicrophone
}

/// Counts what was heard. The audio thread alone adds; a watch reads now and then, and a torn or old value does no harm, but a lock that
/// is never contended for long costs the audio thread nothing either.
private final class Hearing: @unchecked Sendable {
    private let lock = NSLock()
    private var frames: UInt64 = 0

    var count: UInt64 { lock.withLock { frames } }

    func add(_ count: Int) {
        guard lock.try() else { return }
        frames &+= UInt64(count)
        lock.unlock()
    }
}

/// What the audio thread converts with; nobody else touches it.
private final class Funnel: @unchecked Sendable {
    private var converter: RateConverter
    private let made: UnsafeMutableBufferPointer<Int16>

    init(_ converter: RateConverter) {
        self.converter = converter
        made = .allocate(capacity: converter.most(for: 4_800))
    }

    deinit { made.deallocate() }

    func pour(_ samples: UnsafeBufferPointer<Float>, _ pass: (UnsafePointer<Int16>, Int) -> Void) {
        let count = converter.convert(samples, into: made)
        guard count > 0, let start = made.baseAddress else { return }
        pass(start, count)
    }
}

/// 16 bits to floats; of the audio thread alone.
private final class Cup: @unchecked Sendable {
    private let samples: UnsafeMutableBufferPointer<Int16>

    init(_ longest: Int) { samples = .allocate(capacity: longest) }

    deinit { samples.deallocate() }

    func fill(_ out: UnsafeMutableBufferPointer<Float>, from playout: (UnsafeMutablePointer<Int16>, Int) -> Void) {
        guard let start = samples.baseAddress else { return }
        var done = 0
        while done < out.count {
            let count = min(out.count - done, samples.count)
            playout(start, count)
            for index in 0..<count { out[done + index] = Float(samples[index]) / 32_768 }
            done += count
        }
    }
}
