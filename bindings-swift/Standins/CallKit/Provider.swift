// swift-format-ignore-file
// Names are Apple's.

// Stand-in of CallKit for Linux: the provider, its delegate and the call controller.

import AVFAudio
import Dispatch
import Foundation
import Phone

public protocol CXProviderDelegate: NSObjectProtocol {
    func providerDidReset(_ provider: CXProvider)
    func providerDidBegin(_ provider: CXProvider)
    func provider(_ provider: CXProvider, execute transaction: CXTransaction) -> Bool
    func provider(_ provider: CXProvider, perform action: CXStartCallAction)
    func provider(_ provider: CXProvider, perform action: CXAnswerCallAction)
    func provider(_ provider: CXProvider, perform action: CXEndCallAction)
    func provider(_ provider: CXProvider, perform action: CXSetHeldCallAction)
    func provider(_ provider: CXProvider, perform action: CXSetMutedCallAction)
    func provider(_ provider: CXProvider, perform action: CXSetGroupCallAction)
    func provider(_ provider: CXProvider, perform action: CXPlayDTMFCallAction)
    func provider(_ provider: CXProvider, timedOutPerforming action: CXAction)
    func provider(_ provider: CXProvider, didActivate audioSession: AVAudioSession)
    func provider(_ provider: CXProvider, didDeactivate audioSession: AVAudioSession)
}

/// Objective-C's optional methods.
extension CXProviderDelegate {
    public func providerDidBegin(_ provider: CXProvider) {}
    public func provider(_ provider: CXProvider, execute transaction: CXTransaction) -> Bool { false }
    public func provider(_ provider: CXProvider, perform action: CXStartCallAction) { action.fail() }
    public func provider(_ provider: CXProvider, perform action: CXAnswerCallAction) { action.fail() }
    public func provider(_ provider: CXProvider, perform action: CXEndCallAction) { action.fail() }
    public func provider(_ provider: CXProvider, perform action: CXSetHeldCallAction) { action.fail() }
    public func provider(_ provider: CXProvider, perform action: CXSetMutedCallAction) { action.fail() }
    public func provider(_ provider: CXProvider, perform action: CXSetGroupCallAction) { action.fail() }
    public func provider(_ provider: CXProvider, perform action: CXPlayDTMFCallAction) { action.fail() }
    public func provider(_ provider: CXProvider, timedOutPerforming action: CXAction) {}
    public func provider(_ provider: CXProvider, didActivate audioSession: AVAudioSession) {}
    public func provider(_ provider: CXProvider, didDeactivate audioSession: AVAudioSession) {}
}

/// What the system shows of a call.
public struct ShownCall: Sendable {
    public enum Stage: Sendable { case ringing, dialling, connected, ended }
    public var stage: Stage
    public var name: String?
    public var handle: String?
    public var isOutgoing: Bool
    public var isHeld = false
    public var isMuted = false
    public var endedReason: Int?
    public var supportsGrouping = false
}

open class CXProvider: NSObject {
    open private(set) var configuration: CXProviderConfiguration
    weak var delegate: (any CXProviderDelegate)?
    public private(set) var isInvalidated = false
    /// What the system shows; for scenarios.
    public internal(set) var calls: [UUID: ShownCall] = [:]
    /// What the next incoming call is refused with; for scenarios.
    public var refusal: CXErrorCodeIncomingCallError.Code?
    /// What the next transaction is refused with; for scenarios.
    public var transactionRefusal: CXErrorCodeRequestTransactionError.Code?
    /// Actions that wait for the app.
    public internal(set) var pending: [CXAction] = []

    public init(configuration: CXProviderConfiguration) {
        self.configuration = configuration
        super.init()
        Phone.current.keep(self, as: "CXProvider")
    }

    open func setDelegate(_ delegate: (any CXProviderDelegate)?, queue: DispatchQueue?) {
        self.delegate = delegate
        delegate?.providerDidBegin(self)
    }

    open func reportNewIncomingCall(
        with UUID: UUID, update: CXCallUpdate, completion: @escaping @Sendable ((any Error)?) -> Void
    ) {
        // PushKit counts the report, whatever becomes of it.
        Phone.current.note(.reported(UUID))
        completion(judge(UUID, update).map { CXErrorCodeIncomingCallError($0) })
    }

    open func reportCall(with UUID: UUID, updated update: CXCallUpdate) {
        guard live(UUID) else { return }
        if let name = update.localizedCallerName { calls[UUID]?.name = name }
        Phone.current.note(.updated(UUID))
    }

    open func reportCall(with UUID: UUID, endedAt: Date?, reason: CXCallEndedReason) {
        Phone.current.note(.ended(UUID, reason.rawValue))
        guard live(UUID) else {
            Phone.current.kill("a call that the system does not have was reported ended")
            return
        }
        calls[UUID]?.stage = .ended
        calls[UUID]?.endedReason = reason.rawValue
    }

    open func reportOutgoingCall(with UUID: UUID, startedConnectingAt: Date?) {
        Phone.current.note(.connecting(UUID))
    }

    open func reportOutgoingCall(with UUID: UUID, connectedAt: Date?) {
        Phone.current.note(.connected(UUID))
        calls[UUID]?.stage = .connected
    }

    open func pendingCallActions<Action: CXCallAction>(of _: Action.Type, withCall UUID: UUID) -> [Action] {
        pending.compactMap { $0 as? Action }.filter { $0.callUUID == UUID }
    }

    open func invalidate() {
        isInvalidated = true
        delegate = nil
    }

    private func judge(_ id: UUID, _ update: CXCallUpdate) -> CXErrorCodeIncomingCallError.Code? {
        if let refusal {
            self.refusal = nil
            return refusal
        }
        if live(id) { return .callUUIDAlreadyExists }
        if calls.values.filter({ $0.stage != .ended }).count >= configuration.maximumCallGroups { return .unknown }
        calls[id] = ShownCall(
            stage: .ringing, name: update.localizedCallerName, handle: update.remoteHandle?.value, isOutgoing: false,
            supportsGrouping: update.supportsGrouping
        )
        return nil
    }

    func live(_ id: UUID) -> Bool { calls[id].map { $0.stage != .ended } ?? false }
}

open class CXCall: NSObject {
    public let uuid: UUID
    public let isOutgoing: Bool
    public let isOnHold: Bool
    public let hasConnected: Bool
    public let hasEnded: Bool
    init(_ uuid: UUID, _ shown: ShownCall) {
        self.uuid = uuid
        isOutgoing = shown.isOutgoing
        isOnHold = shown.isHeld
        hasConnected = shown.stage == .connected
        hasEnded = shown.stage == .ended
    }
}

open class CXCallObserver: NSObject {
    open var calls: [CXCall] {
        let provider: CXProvider? = Phone.current.part("CXProvider")
        return provider?.calls.filter { $0.value.stage != .ended }.map { CXCall($0.key, $0.value) } ?? []
    }
    public override init() {}
}

open class CXCallController: NSObject {
    public let callObserver = CXCallObserver()
    public override init() {}
    public init(queue: DispatchQueue) {}

    open func request(_ transaction: CXTransaction, completion: @escaping @Sendable ((any Error)?) -> Void) {
        guard let provider: CXProvider = Phone.current.part("CXProvider"), !provider.isInvalidated else {
            return completion(CXErrorCodeRequestTransactionError(.unknownCallProvider))
        }
        if let refusal = provider.judge(transaction) {
            return completion(CXErrorCodeRequestTransactionError(refusal))
        }
        completion(nil)
        transaction.actions.forEach(provider.perform)
    }
}
