// Where a call is heard.

import AVFAudio

/// A place where a call can be heard, as the system names it.
public struct AudioRoute: Hashable, Sendable, Identifiable {
    /// What sort of place.
    public enum Kind: Sendable {
        /// At the ear.
        case earpiece
        /// The phone's loudspeaker.
        case speaker
        /// With a plug.
        case headset
        /// Without one.
        case bluetooth
        /// CarPlay.
        case car
        /// What Apple thinks of later.
        case other
    }

    /// The system's name for the port.
    public let id: String
    /// What sort it is.
    public let kind: Kind
    /// For the screen: the headset's own name.
    public let name: String

    /// The earpiece of the phone.
    public static let earpiece = AudioRoute(id: "earpiece", kind: .earpiece, name: "iPhone")
    /// Its loudspeaker.
    public static let speaker = AudioRoute(id: "speaker", kind: .speaker, name: "Speaker")

    private init(id: String, kind: Kind, name: String) {
        self.id = id
        self.kind = kind
        self.name = name
    }

    init?(_ port: AVAudioSessionPortDescription) {
        switch port.portType {
        case .builtInReceiver: self = .earpiece
        case .builtInSpeaker: self = .speaker
        // Not a place to hear.
        case .builtInMic: return nil
        case .headphones, .headsetMic, .usbAudio: self.init(id: port.uid, kind: .headset, name: port.portName)
        case .bluetoothHFP, .bluetoothLE, .bluetoothA2DP:
            self.init(id: port.uid, kind: .bluetooth, name: port.portName)
        case .carAudio: self.init(id: port.uid, kind: .car, name: port.portName)
        // Apple's list grows.
        default: self.init(id: port.uid, kind: .other, name: port.portName)
        }
    }
}
