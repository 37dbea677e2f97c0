// swift-format-ignore-file
// Names are Apple's.

// Stand-in of AVFAudio for Linux: the engine, with the two nodes that a call needs, and CoreAudio's buffer lists.

import Foundation
import Phone

public typealias AVAudioFrameCount = UInt32
public typealias AVAudioChannelCount = UInt32
public typealias OSStatus = Int32
public let noErr: OSStatus = 0
public struct ObjCBool: Sendable {
    public var boolValue: Bool
    public init(_ value: Bool) { boolValue = value }
}
public struct AudioTimeStamp: Sendable { public init() {} }
public struct AudioBuffer {
    public var mNumberChannels: UInt32
    public var mDataByteSize: UInt32
    public var mData: UnsafeMutableRawPointer?
    public init(mNumberChannels: UInt32, mDataByteSize: UInt32, mData: UnsafeMutableRawPointer?) {
        (self.mNumberChannels, self.mDataByteSize, self.mData) = (mNumberChannels, mDataByteSize, mData)
    }
}
/// One buffer is all that a mono format has.
public struct AudioBufferList {
    public var mNumberBuffers: UInt32
    public var mBuffers: AudioBuffer
    public init(mNumberBuffers: UInt32, mBuffers: AudioBuffer) {
        (self.mNumberBuffers, self.mBuffers) = (mNumberBuffers, mBuffers)
    }
}
public struct UnsafeMutableAudioBufferListPointer: Sequence {
    public let unsafeMutablePointer: UnsafeMutablePointer<AudioBufferList>
    public init(_ pointer: UnsafeMutablePointer<AudioBufferList>) { unsafeMutablePointer = pointer }
    public var count: Int { Int(unsafeMutablePointer.pointee.mNumberBuffers) }
    public var first: AudioBuffer? { count == 0 ? nil : unsafeMutablePointer.pointee.mBuffers }
    public func makeIterator() -> CollectionOfOne<AudioBuffer>.Iterator {
        CollectionOfOne(unsafeMutablePointer.pointee.mBuffers).makeIterator()
    }
}

public enum AVAudioCommonFormat: UInt, Sendable {
    case otherFormat, pcmFormatFloat32, pcmFormatFloat64, pcmFormatInt16, pcmFormatInt32
}

open class AVAudioFormat: NSObject, @unchecked Sendable {
    public let commonFormat: AVAudioCommonFormat
    public let sampleRate: Double
    public let channelCount: AVAudioChannelCount
    public let isInterleaved: Bool
    public init?(commonFormat: AVAudioCommonFormat, sampleRate: Double, channels: AVAudioChannelCount, interleaved: Bool) {
        guard channels > 0 else { return nil }
        (self.commonFormat, self.sampleRate, channelCount, isInterleaved) = (commonFormat, sampleRate, channels, interleaved)
    }
}

open class AVAudioNode: NSObject {}
open class AVAudioMixerNode: AVAudioNode {}
public typealias AVAudioNodeBus = Int

open class AVAudioIONode: AVAudioNode {
    public private(set) var isVoiceProcessingEnabled = false
    open func setVoiceProcessingEnabled(_ enabled: Bool) throws { isVoiceProcessingEnabled = enabled }
}
open class AVAudioOutputNode: AVAudioIONode {}
open class AVAudioInputNode: AVAudioIONode {
    open func outputFormat(forBus bus: AVAudioNodeBus) -> AVAudioFormat {
        let rate = AVAudioSession.sharedInstance().sampleRate
        // One channel always makes a format.
        return AVAudioFormat(commonFormat: .pcmFormatFloat32, sampleRate: rate, channels: 1, interleaved: false)!
    }
}

public typealias AVAudioSinkNodeReceiverBlock =
    @Sendable (UnsafePointer<AudioTimeStamp>, AVAudioFrameCount, UnsafePointer<AudioBufferList>) -> OSStatus
public typealias AVAudioSourceNodeRenderBlock =
    @Sendable (
        UnsafeMutablePointer<ObjCBool>, UnsafePointer<AudioTimeStamp>, AVAudioFrameCount, UnsafeMutablePointer<AudioBufferList>
    )
    -> OSStatus

open class AVAudioSinkNode: AVAudioNode {
    let receive: AVAudioSinkNodeReceiverBlock
    public init(receiverBlock: @escaping AVAudioSinkNodeReceiverBlock) { receive = receiverBlock }
}
open class AVAudioSourceNode: AVAudioNode {
    let render: AVAudioSourceNodeRenderBlock
    public init(format: AVAudioFormat, renderBlock: @escaping AVAudioSourceNodeRenderBlock) { render = renderBlock }
}

extension NSNotification.Name {
    public static let AVAudioEngineConfigurationChange = NSNotification.Name("AVAudioEngineConfigurationChangeNotification")
}

open class AVAudioEngine: NSObject {
    public let inputNode = AVAudioInputNode()
    public let outputNode = AVAudioOutputNode()
    public let mainMixerNode = AVAudioMixerNode()
    public private(set) var isRunning = false
    private var sink: AVAudioSinkNode?
    private var source: AVAudioSourceNode?
    private var orphaned = false

    public override init() {
        super.init()
        Phone.current.keep(self, as: "AVAudioEngine")
    }

    open func attach(_ node: AVAudioNode) {
        if let node = node as? AVAudioSinkNode { sink = node }
        if let node = node as? AVAudioSourceNode { source = node }
    }
    open func connect(_ from: AVAudioNode, to: AVAudioNode, format: AVAudioFormat?) {}
    open func prepare() {}
    open func start() throws {
        // What iOS answers ('!pri' and its like): nobody may start while the session is not active.
        guard AVAudioSession.sharedInstance().isActive, !orphaned else {
            Phone.current.note(.unit("refused"))
            throw NSError(domain: NSOSStatusErrorDomain, code: 561_017_449)
        }
        isRunning = true
        Phone.current.note(.unit(inputNode.isVoiceProcessingEnabled ? "started with voice processing" : "started"))
    }
    open func stop() {
        if isRunning { Phone.current.note(.unit("stopped")) }
        isRunning = false
    }

    // MARK: what a scenario does

    public static var current: AVAudioEngine? { Phone.current.part("AVAudioEngine") }

    /// The microphone hears this.
    public func hear(_ samples: [Float]) {
        guard isRunning, let sink else { return }
        var samples = samples
        samples.withUnsafeMutableBytes { bytes in
            var list = AudioBufferList(
                mNumberBuffers: 1,
                mBuffers: AudioBuffer(mNumberChannels: 1, mDataByteSize: UInt32(bytes.count), mData: bytes.baseAddress))
            var time = AudioTimeStamp()
            _ = sink.receive(&time, UInt32(bytes.count / 4), &list)
        }
    }

    /// What the speaker plays.
    public func play(_ count: Int) -> [Float] {
        var samples = [Float](repeating: 0, count: count)
        guard isRunning, let source else { return samples }
        samples.withUnsafeMutableBytes { bytes in
            var list = AudioBufferList(
                mNumberBuffers: 1,
                mBuffers: AudioBuffer(mNumberChannels: 1, mDataByteSize: UInt32(bytes.count), mData: bytes.baseAddress))
            var (time, silence) = (AudioTimeStamp(), ObjCBool(false))
            _ = source.render(&silence, &time, UInt32(count), &list)
        }
        return samples
    }

    /// The hardware's format has changed: the engine has stopped.
    public func changeConfiguration() {
        isRunning = false
        NotificationCenter.default.post(name: .AVAudioEngineConfigurationChange, object: self)
    }

    func orphan() { (orphaned, isRunning) = (true, false) }
}
