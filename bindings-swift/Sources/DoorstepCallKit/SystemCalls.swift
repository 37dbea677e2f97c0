// The public side: `doorstep.callKit`.

import AVFAudio
import Doorstep
import Foundation

extension Doorstep {
    /// The phone's own call screen for this courier's calls: lock screen, CarPlay, headset buttons, Bluetooth, "recent calls".
    ///
    /// Call ``SystemCalls/start(_:)`` in `application(_:didFinishLaunchingWithOptions:)`, each time, since a push may have started the
    /// app. An app that has CallKit and PushKit code of its own leaves it out, and uses `handlePush(_:)` and ``SystemAudio``.
    @MainActor public var callKit: SystemCalls { SystemCalls(doorstep: self) }
}

/// CallKit, PushKit and the audio session for one courier's calls.
///
/// What the system's screen does happens to the calls, and what the app does to the calls is seen there; a call that is begun with
/// `contactCustomer(order:)` needs nothing more. Each push is reported to CallKit before anything else is done with it, as iOS
/// demands (PushKit, `PKPushType.voIP`).
@MainActor public struct SystemCalls {
    let doorstep: Doorstep

    /// From now on calls ring through the system, and pushes are taken. Again does nothing.
    ///
    /// The look is settled by the first call in a process.
    public func start(_ look: CallScreenLook = CallScreenLook()) {
        let desk = Desk.open(look)
        let core = doorstep.attachment(DoorstepCore.self) { DoorstepCore(doorstep) }
        guard desk.switchboard.core !== core else { return }
        core.ended = { [weak desk, weak core] in
            if let core { desk?.detach(core) }
        }
        desk.attach(core)
    }

    /// The system's screen shows no call of this courier any more, and pushes are reported and ended. After `signOut()` and
    /// `close()` that happens by itself.
    public func stop() {
        Desk.current?.detach(doorstep.attachment(DoorstepCore.self) { DoorstepCore(doorstep) })
    }

    /// For an app's start while nobody is signed in: a push that was under way is reported and ended, without which iOS ends the app
    /// and at last sends it no pushes any more.
    public static func standBy(_ look: CallScreenLook = CallScreenLook()) { _ = Desk.open(look) }

    /// What the app may want to tell the courier. Ends when its task is cancelled.
    public var events: AsyncStream<SystemCallEvent> { Desk.open(CallScreenLook()).events() }

    // MARK: Where a call is heard

    /// Where calls are heard now, as the system says at this moment. ``SystemCallEvent/routeChanged`` tells when to look again.
    public var route: AudioRoute? { Desk.open(CallScreenLook()).session.route }

    /// Where they could be heard.
    public var routes: [AudioRoute] { Desk.open(CallScreenLook()).session.routes }

    /// Moves the sound of the calls there. What comes of it is in ``route``.
    ///
    /// - Throws: the system's error; the sound stays where it is.
    public func choose(_ route: AudioRoute) throws { try Desk.open(CallScreenLook()).session.choose(route) }

    // MARK: What must be allowed

    /// Asks for the microphone, with the words of Info.plist's `NSMicrophoneUsageDescription`, unless it was asked before. An app asks
    /// before the first call: during one it is too late.
    public static func askForMicrophone() async -> Bool {
        await withCheckedContinuation { answer in
            AVAudioSession.sharedInstance().requestRecordPermission { answer.resume(returning: $0) }
        }
    }

    /// Whether the microphone may be used: nil when the courier was not asked yet.
    public static var isMicrophoneAllowed: Bool? {
        switch AVAudioSession.sharedInstance().recordPermission {
        case .granted: true
        case .denied: false
        case .undetermined: nil
        // Apple's list may grow.
        @unknown default: nil
        }
    }

    /// Which of Apple's services knows this app's tokens: the gateway's `push.environment` must be the same.
    public static var pushEnvironment: PushEnvironment { AppIdentity().environment }
}

/// What the courier may have to be told of.
public enum SystemCallEvent: Equatable, Sendable {
    /// The microphone has given nothing for 4 s, and starting it anew did not help: the customer hears nothing. Another app may have
    /// it, or a headset is broken.
    case noMicrophone
    /// It works again.
    case microphoneBack
    /// The system gives the app no sound. The call goes on in silence; hanging up and calling again helps most often.
    case noAudio
    /// The system did not activate the audio session (iOS 18.4.1 and later, outgoing calls); the SDK has done it.
    case audioHealed
    /// Calls are heard elsewhere now, or could be: see ``SystemCalls/route``.
    case routeChanged
    /// The system does not show a call, and it was declined: `silenced` when the courier has silenced the phone.
    case callRefused(silenced: Bool)
    /// The team's id is not known, so that no push can reach the app: see ``CallScreenLook/team``.
    case noTeam
}

/// How calls look on the system's screen, and what the system must know of the app.
public struct CallScreenLook: Sendable {
    /// Which of the system's screens.
    public enum Screen: Sendable {
        /// CallKit.
        case callKit
        /// LiveCommunicationKit where it can answer a push in time (iOS 26.4), for apps that want to be a default calling app; else
        /// CallKit.
        case liveCommunicationKit
    }

    /// Which of the system's screens.
    public var screen: Screen
    /// What is shown while the company has said nothing of a call.
    public var unknownCaller: String
    /// A sound file of the app's bundle, at most 30 s; nil: the phone's own.
    public var ringtone: String?
    /// PNG, 40 by 40 points, of which the system uses the transparency.
    public var icon: Data?
    /// Whether calls are listed in the Phone app. A tap there hands the order's id back to the app (`INStartCallIntent`).
    public var showsInRecents: Bool
    /// Apple's id of the team; nil: Info.plist has it as `DoorstepTeam`, with the value `$(AppIdentifierPrefix)`.
    public var team: String?

    /// What is shown in place of a number: of a customer there is none.
    let handle = "order"

    public init(
        screen: Screen = .callKit, unknownCaller: String = "Customer", ringtone: String? = nil, icon: Data? = nil,
        showsInRecents: Bool = false, team: String? = nil
    ) {
        self.screen = screen
        self.unknownCaller = unknownCaller
        self.ringtone = ringtone
        self.icon = icon
        self.showsInRecents = showsInRecents
        self.team = team
    }
}
