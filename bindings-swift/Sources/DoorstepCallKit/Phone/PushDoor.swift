// PushKit: the token, and the pushes (developer.apple.com/documentation/pushkit).

import Foundation
import PushKit

/// What PushKit brings.
@MainActor protocol PushDoorDelegate: AnyObject {
    func token(_ token: Data?)
    /// A call must be reported before this returns, if `mustReport`.
    func push(_ payload: [AnyHashable: Any], mustReport: Bool, done: @escaping @MainActor () -> Void)
}

/// The app's one registry for VoIP pushes. It calls on the main queue.
@MainActor final class PushDoor {
    weak var delegate: (any PushDoorDelegate)? {
        didSet {
            ears.delegate = delegate
            // From here on pushes come: one that has started the app waits for this.
            registry.delegate = ears
            registry.desiredPushTypes = [.voIP]
        }
    }

    private let registry = PKPushRegistry(queue: .main)
    private let ears = PushEars()

    /// The token, when PushKit has one from before.
    var token: Data? { registry.pushToken(for: .voIP) }
}

/// What PushKit calls: in a method of Objective-C's, with a completion handler. Its `async` form runs in a task, which is too late.
private final class PushEars: NSObject, PKPushRegistryDelegate, @unchecked Sendable {
    @MainActor weak var delegate: (any PushDoorDelegate)?

    func pushRegistry(_: PKPushRegistry, didUpdate credentials: PKPushCredentials, for type: PKPushType) {
        guard type == .voIP else { return }
        let token = credentials.token
        MainActor.assumeIsolated { delegate?.token(token) }
    }

    func pushRegistry(_: PKPushRegistry, didInvalidatePushTokenFor type: PKPushType) {
        guard type == .voIP else { return }
        MainActor.assumeIsolated { delegate?.token(nil) }
    }

    func pushRegistry(
        _: PKPushRegistry, didReceiveIncomingPushWith payload: PKPushPayload, for type: PKPushType,
        completion: @escaping @Sendable () -> Void
    ) {
        guard type == .voIP else { return completion() }
        hand(payload, mustReport: true, completion)
    }

    @available(iOS 26.4, *)
    func pushRegistry(
        _: PKPushRegistry, didReceiveIncomingVoIPPushWith payload: PKPushPayload, metadata: PKVoIPPushMetadata,
        withCompletionHandler completion: @escaping @Sendable () -> Void
    ) {
        hand(payload, mustReport: metadata.mustReport, completion)
    }

    private func hand(_ payload: PKPushPayload, mustReport: Bool, _ completion: @escaping @Sendable () -> Void) {
        // It stays on the main queue, whatever its type says.
        nonisolated(unsafe) let fields = payload.dictionaryPayload
        MainActor.assumeIsolated {
            guard let delegate else { return completion() }
            delegate.push(fields, mustReport: mustReport, done: completion)
        }
    }
}
