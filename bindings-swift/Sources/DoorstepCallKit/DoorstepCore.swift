// `Doorstep` behind the adapter's seam.

import Doorstep
import Foundation

/// One courier's calls, told one after the other on the main actor.
@MainActor final class DoorstepCore: CallCore {
    /// The SDK was closed.
    var ended: () -> Void = {}

    private weak var doorstep: Doorstep?
    private var observer: (@MainActor (CoreCall) -> Void)?
    private var calls: [UInt64: Call] = [:]
    private var followers: [UInt64: Task<Void, Never>] = [:]
    private var lists: Task<Void, Never>?
    private var last: Task<Void, Never>?

    nonisolated init(_ doorstep: Doorstep) { self.doorstep = doorstep }

    func observe(_ observer: (@MainActor (CoreCall) -> Void)?) {
        self.observer = observer
        lists?.cancel()
        for follower in followers.values { follower.cancel() }
        followers.removeAll()
        calls.removeAll()
        guard observer != nil, let doorstep else { return }
        let stream = doorstep.callLists
        lists = Task { [weak self] in
            for await list in stream { for call in list { self?.follow(call) } }
            if !Task.isCancelled { self?.ended() }
        }
    }

    func handlePush(_ payload: [AnyHashable: Any], then: @escaping @MainActor (PushVerdict) -> Void) {
        guard let doorstep else { return then(.noCall(.failed)) }
        let handling = try? doorstep.handlePush(payload)
        guard let handling else { return then(.noCall(.failed)) }
        Task {
            switch try? await handling.outcome() {
            case .call(let call, _):
                then(.call(call.id))
                follow(call)
            case .noCall(let reason): then(.noCall(CallEnding(reason)))
            case nil: then(.noCall(.failed))
            }
        }
    }

    func perform(_ wish: CallWish, on id: UInt64, then: @escaping @MainActor (_ done: Bool) -> Void) {
        guard let call = calls[id] ?? doorstep?.calls.first(where: { $0.id == id }) else { return then(false) }
        Task {
            do {
                switch wish {
                case .answer: try await call.answer()
                case .decline(let busy): try await call.reject(busy: busy)
                case .hangUp: try await call.hangUp()
                case .hold(let on): try await call.hold(on)
                case .mute(let on): try await call.mute(on)
                case .digits(let digits): try await call.sendDTMF(digits)
                }
                then(true)
            } catch {
                then(false)
            }
        }
    }

    func setPushTarget(_ target: VoIPTarget?) {
        let target = target.map { PushTarget(provider: "apns", param: $0.topic, token: $0.token) }
        tell { try await $0.setPushTarget(target) }
    }

    func networkChanged() { tell { try await $0.networkChanged() } }

    func setBackground(_ on: Bool) { tell { try await $0.setBackground(on) } }

    /// What cannot be told any more needs not be told: the SDK was closed.
    private func tell(_ what: @escaping @Sendable (Doorstep) async throws -> Void) {
        guard let doorstep else { return }
        let before = last
        last = Task {
            // In order: "in the background" must not overtake "in the foreground".
            await before?.value
            try? await what(doorstep)
        }
    }

    private func follow(_ call: Call) {
        guard observer != nil, followers[call.id] == nil else { return }
        calls[call.id] = call
        let states = call.states
        followers[call.id] = Task { [weak self] in
            for await state in states {
                guard !Task.isCancelled else { return }
                self?.observer?(CoreCall(call, state))
            }
            guard !Task.isCancelled else { return }
            self?.calls[call.id] = nil
        }
    }
}

extension CoreCall {
    init(_ call: Call, _ state: CallState) {
        self.init(
            id: call.id, name: call.gatewayID, isOutgoing: call.direction == .outgoing, order: call.order?.rawValue,
            label: call.label, stage: .dialling)
        switch state {
        case .connecting, .ringing: stage = .dialling
        case .incoming: stage = .ringing
        case .answering: stage = .answering
        case .active(let muted, let held, _):
            stage = .talking
            isMuted = muted
            isHeld = held
        case .reconnecting: stage = .reconnecting
        case .ended(let end): stage = .over(CallEnding(end.reason))
        }
    }
}

extension CallEnding {
    /// The words that a system's screen has for it.
    init(_ reason: EndReason) {
        switch reason {
        case .hungUpHere, .declinedHere: self = .here
        case .hungUpThere, .declined, .busy, .cancelled, .talkLimit, .transferred: self = .farSide
        case .noAnswer, .expired: self = .unanswered
        case .answeredElsewhere: self = .answeredElsewhere
        case .declinedElsewhere: self = .declinedElsewhere
        case .notYourOrder, .noSuchOrder, .orderClosed, .customerUnreachable, .trunkDown, .tooManyCalls, .unavailable,
            .unauthorized, .notAllowed, .noSuchTarget, .noNetwork, .connectionLost, .farSideLost, .mediaFailed,
            .noCommonCodec, .timedOut, .shutdown, .protocolError:
            self = .failed
        }
    }
}
