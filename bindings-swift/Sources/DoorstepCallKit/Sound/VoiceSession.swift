// The app's audio session, as a call needs it (developer.apple.com/documentation/avfaudio/avaudiosession).

import AVFAudio
import Foundation

/// What happens to the session from outside.
@MainActor protocol VoiceSessionListener: AnyObject {
    func interrupted()
    func interruptionEnded()
    func mediaServicesReset()
    func routeChanged()
}

/// The session. Nothing of it is kept: whoever asks gets what the system says now.
@MainActor final class VoiceSession {
    weak var listener: (any VoiceSessionListener)?

    private var session: AVAudioSession { .sharedInstance() }
    private let listening = Listening()

    init() {
        on(AVAudioSession.interruptionNotification) { note in
            let raw = note.userInfo?[AVAudioSessionInterruptionTypeKey] as? UInt
            let began = raw.flatMap(AVAudioSession.InterruptionType.init) == .began
            return { began ? $0.interrupted() : $0.interruptionEnded() }
        }
        on(AVAudioSession.mediaServicesWereResetNotification) { _ in { $0.mediaServicesReset() } }
        on(AVAudioSession.routeChangeNotification) { _ in { $0.routeChanged() } }
    }

    /// For a call. The activation is CallKit's.
    func configure() {
        #if compiler(>=6.2)
            let headsets: AVAudioSession.CategoryOptions = .allowBluetoothHFP
        #else
            let headsets: AVAudioSession.CategoryOptions = .allowBluetooth
        #endif
        // What the system refuses it does not need: a call without a preferred rate is a call.
        try? session.setCategory(.playAndRecord, mode: .voiceChat, options: headsets)
        try? session.setPreferredSampleRate(48_000)
        try? session.setPreferredIOBufferDuration(0.01)
    }

    /// Only when the system has not done it.
    func activate() -> Bool { (try? session.setActive(true)) != nil }

    func deactivate() { try? session.setActive(false, options: .notifyOthersOnDeactivation) }

    /// Where the sound goes now.
    var route: AudioRoute? { session.currentRoute.outputs.first.flatMap { AudioRoute($0) } }

    /// Where it could go: earpiece and speaker, and what has a microphone of its own.
    var routes: [AudioRoute] {
        var routes: [AudioRoute] = [.earpiece, .speaker]
        for port in session.availableInputs ?? [] where port.portType != .builtInMic {
            if let route = AudioRoute(port), !routes.contains(route) { routes.append(route) }
        }
        // A wired headset takes the earpiece's place.
        if routes.contains(where: { $0.kind == .headset }) { routes.removeAll { $0 == .earpiece } }
        if let route, !routes.contains(route) { routes.append(route) }
        return routes
    }

    /// Moves the sound. What comes of it `route` tells: the system may know better.
    func choose(_ route: AudioRoute) throws {
        switch route.kind {
        case .speaker: try session.overrideOutputAudioPort(.speaker)
        case .earpiece:
            try session.overrideOutputAudioPort(.none)
            try session.setPreferredInput(session.availableInputs?.first { $0.portType == .builtInMic })
        case .headset, .bluetooth, .car, .other:
            let port = session.availableInputs?.first { $0.uid == route.id }
            try session.overrideOutputAudioPort(.none)
            try session.setPreferredInput(port)
        }
    }

    private func on(
        _ name: Notification.Name,
        _ read: @escaping @Sendable (Notification) -> @MainActor @Sendable (any VoiceSessionListener) -> Void
    ) {
        listening.add(name) { [weak self] note in
            let deed = read(note)
            onMain { [weak self] in self?.listener.map(deed) }
        }
    }
}
