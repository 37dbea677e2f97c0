// swift-format-ignore-file
// Names are Apple's.

// Stand-in of AVFAudio for Linux: the audio session (developer.apple.com/documentation/avfaudio/avaudiosession).

import Foundation
import Phone

open class AVAudioSession: NSObject, @unchecked Sendable {
    public struct Category: Hashable, Sendable, RawRepresentable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public static let playAndRecord = Category(rawValue: "AVAudioSessionCategoryPlayAndRecord")
        public static let soloAmbient = Category(rawValue: "AVAudioSessionCategorySoloAmbient")
    }
    public struct Mode: Hashable, Sendable, RawRepresentable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public static let `default` = Mode(rawValue: "AVAudioSessionModeDefault")
        public static let voiceChat = Mode(rawValue: "AVAudioSessionModeVoiceChat")
    }
    public struct CategoryOptions: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
        public static let allowBluetooth = CategoryOptions(rawValue: 4)
        public static let allowBluetoothHFP = CategoryOptions(rawValue: 4)
        public static let allowBluetoothA2DP = CategoryOptions(rawValue: 0x20)
    }
    public struct SetActiveOptions: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
        public static let notifyOthersOnDeactivation = SetActiveOptions(rawValue: 1)
    }
    public struct Port: Hashable, Sendable, RawRepresentable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public static let builtInMic = Port(rawValue: "MicrophoneBuiltIn")
        public static let builtInReceiver = Port(rawValue: "Receiver")
        public static let builtInSpeaker = Port(rawValue: "Speaker")
        public static let bluetoothHFP = Port(rawValue: "BluetoothHFP")
        public static let bluetoothA2DP = Port(rawValue: "BluetoothA2DPOutput")
        public static let bluetoothLE = Port(rawValue: "BluetoothLE")
        public static let carAudio = Port(rawValue: "CarAudio")
        public static let headphones = Port(rawValue: "Headphones")
        public static let headsetMic = Port(rawValue: "MicrophoneWired")
        public static let usbAudio = Port(rawValue: "USBAudio")
        public static let airPlay = Port(rawValue: "AirPlay")
    }
    public enum PortOverride: UInt, Sendable {
        case none = 0
        case speaker = 0x7370_6B72
    }
    public enum RecordPermission: UInt, Sendable {
        case undetermined = 0x756E_6474
        case denied = 0x6465_6E79
        case granted = 0x6772_6E74
    }
    public enum InterruptionType: UInt, Sendable {
        case ended = 0
        case began = 1
    }
    public struct InterruptionOptions: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
        public static let shouldResume = InterruptionOptions(rawValue: 1)
    }
    public enum RouteChangeReason: UInt, Sendable {
        case unknown = 0
        case newDeviceAvailable, oldDeviceUnavailable, categoryChange, override
        case wakeFromSleep = 6
        case noSuitableRouteForCategory, routeConfigurationChange
    }

    public static let interruptionNotification = Notification.Name("AVAudioSessionInterruptionNotification")
    public static let routeChangeNotification = Notification.Name("AVAudioSessionRouteChangeNotification")
    public static let mediaServicesWereLostNotification = Notification.Name("AVAudioSessionMediaServicesWereLostNotification")
    public static let mediaServicesWereResetNotification = Notification.Name("AVAudioSessionMediaServicesWereResetNotification")

    open class func sharedInstance() -> AVAudioSession {
        if let session: AVAudioSession = Phone.current.part("AVAudioSession") { return session }
        let session = AVAudioSession()
        Phone.current.keep(session, as: "AVAudioSession")
        return session
    }

    public private(set) var category = Category.soloAmbient
    public private(set) var mode = Mode.default
    public private(set) var categoryOptions: CategoryOptions = []
    public private(set) var currentRoute = AVAudioSessionRouteDescription(inputs: [.mic], outputs: [.receiver])
    public private(set) var preferredInput: AVAudioSessionPortDescription?
    public var sampleRate = 48_000.0
    public private(set) var preferredSampleRate = 0.0
    public private(set) var preferredIOBufferDuration = 0.0
    public var recordPermission = RecordPermission.granted
    /// Whether the app may activate the session itself; not in Apple's.
    public var activationRefusal: NSError?
    /// Whether it is active; not in Apple's, which does not tell.
    public private(set) var isActive = false
    private var plugged: [AVAudioSessionPortDescription] = []

    open var availableInputs: [AVAudioSessionPortDescription]? { [.mic] + plugged }

    open func setCategory(_ category: Category, mode: Mode, options: CategoryOptions = []) throws {
        (self.category, self.mode, categoryOptions) = (category, mode, options)
        Phone.current.note(.session("category \(category.rawValue) \(mode.rawValue)"))
    }
    open func setActive(_ active: Bool, options: SetActiveOptions = []) throws {
        if active, let activationRefusal { throw activationRefusal }
        isActive = active
        Phone.current.note(.session(active ? "activated by the app" : "deactivated by the app"))
    }
    open func setPreferredSampleRate(_ sampleRate: Double) throws { preferredSampleRate = sampleRate }
    open func setPreferredIOBufferDuration(_ duration: TimeInterval) throws { preferredIOBufferDuration = duration }
    open func setPreferredInput(_ port: AVAudioSessionPortDescription?) throws {
        preferredInput = port
        guard let port else { return }
        switch port.portType {
        case .builtInMic: move([.mic], [.receiver], .override)
        default: move([port], [port], .override)
        }
    }
    open func overrideOutputAudioPort(_ portOverride: PortOverride) throws {
        switch portOverride {
        case .speaker: move([.mic], [.speaker], .override)
        case .none:
            let port = preferredInput ?? plugged.last ?? .mic
            move([port], [port.portType == .builtInMic ? .receiver : port], .override)
        }
    }
    open func requestRecordPermission(_ response: @escaping @Sendable (Bool) -> Void) { response(recordPermission == .granted) }

    // MARK: what a scenario does

    /// A headset comes: the system moves the sound to it.
    public func plug(_ port: AVAudioSessionPortDescription) {
        plugged.append(port)
        move([port], [port], .newDeviceAvailable)
    }
    /// … and goes.
    public func unplug(_ port: AVAudioSessionPortDescription) {
        plugged.removeAll { $0 === port }
        if preferredInput === port { preferredInput = nil }
        move([.mic], [.receiver], .oldDeviceUnavailable)
    }
    /// Somebody else moves the sound: Control Centre, the system's call screen, a car.
    public func systemMoves(to output: AVAudioSessionPortDescription) { move([.mic], [output], .override) }
    public func interrupt() {
        isActive = false
        post(Self.interruptionNotification, [AVAudioSessionInterruptionTypeKey: InterruptionType.began.rawValue])
    }
    public func endInterruption(shouldResume: Bool) {
        post(
            Self.interruptionNotification,
            [
                AVAudioSessionInterruptionTypeKey: InterruptionType.ended.rawValue,
                AVAudioSessionInterruptionOptionKey: shouldResume ? InterruptionOptions.shouldResume.rawValue : 0,
            ])
    }
    /// The media server has died and come back: every object over it is an orphan.
    public func resetMediaServices() {
        (category, mode, isActive) = (.soloAmbient, .default, false)
        let engines: AVAudioEngine? = Phone.current.part("AVAudioEngine")
        engines?.orphan()
        post(Self.mediaServicesWereLostNotification, [:])
        post(Self.mediaServicesWereResetNotification, [:])
    }
    public func systemActivates(_ active: Bool) {
        isActive = active
        Phone.current.note(.session(active ? "activated by the system" : "deactivated by the system"))
    }

    private func move(
        _ inputs: [AVAudioSessionPortDescription], _ outputs: [AVAudioSessionPortDescription], _ reason: RouteChangeReason
    ) {
        currentRoute = AVAudioSessionRouteDescription(inputs: inputs, outputs: outputs)
        post(Self.routeChangeNotification, [AVAudioSessionRouteChangeReasonKey: reason.rawValue])
    }
    private func post(_ name: Notification.Name, _ info: [String: UInt]) {
        NotificationCenter.default.post(name: name, object: self, userInfo: info)
    }
}

public let AVAudioSessionInterruptionTypeKey = "AVAudioSessionInterruptionTypeKey"
public let AVAudioSessionInterruptionOptionKey = "AVAudioSessionInterruptionOptionKey"
public let AVAudioSessionRouteChangeReasonKey = "AVAudioSessionRouteChangeReasonKey"

open class AVAudioSessionPortDescription: NSObject, @unchecked Sendable {
    public let portType: AVAudioSession.Port
    public let portName: String
    public let uid: String
    public init(_ portType: AVAudioSession.Port, _ portName: String) {
        (self.portType, self.portName, uid) = (portType, portName, portName)
    }
    public static let mic = AVAudioSessionPortDescription(.builtInMic, "iPhone Microphone")
    public static let receiver = AVAudioSessionPortDescription(.builtInReceiver, "Receiver")
    public static let speaker = AVAudioSessionPortDescription(.builtInSpeaker, "Speaker")
}

open class AVAudioSessionRouteDescription: NSObject, @unchecked Sendable {
    public let inputs: [AVAudioSessionPortDescription]
    public let outputs: [AVAudioSessionPortDescription]
    public init(inputs: [AVAudioSessionPortDescription], outputs: [AVAudioSessionPortDescription]) {
        (self.inputs, self.outputs) = (inputs, outputs)
    }
}
