import Foundation

/// A push that was handed in. Whether its outcome is asked for or not, the push is followed.
public final class PushHandling: Sendable {
    private let line: Line
    private let follower: any PushFollowing

    init(line: Line, follower: any PushFollowing) {
        self.line = line
        self.follower = follower
    }

    /// What came of it, within moments: nothing of the network is waited for. Ask once.
    ///
    /// - Throws: ``DoorstepError/wrongState`` when it was asked before, ``DoorstepError/platform``.
    public func outcome() async throws -> PushOutcome {
        line.outcome(of: try await follower.result())
    }
}

/// What came of a push.
public enum PushOutcome: Equatable, Sendable {
    /// It is about this call, which rings or goes on; `isKnown` when the call was known before the push.
    case call(Call, isKnown: Bool)
    /// There is no call for it: what the system shows of it goes off the screen.
    case noCall(EndReason)
}

/// A push of Doorstep's, as JSON.
package struct PushPayload: Sendable {
    package let json: Data
    /// Its `call`: the gateway's name of the call.
    package let call: String?

    /// nil when it is not Doorstep's: that has at least `v`, `call` and `kind`.
    package init?(_ payload: [AnyHashable: Any]) {
        guard ["v", "call", "kind"].allSatisfy({ payload[$0] != nil }) else { return nil }
        // A dictionary that is no JSON would raise an exception of Objective-C's: it is malformed, and the core says so.
        let json = JSONSerialization.isValidJSONObject(payload) ? try? JSONSerialization.data(withJSONObject: payload) : nil
        self.json = json ?? Data("{}".utf8)
        call = payload["call"] as? String
    }
}
