import Doorstep
import Foundation

/// The SDK for an app's own tests and previews: the app uses ``doorstep`` as always, and the test plays the gateway and the customer.
/// No network, no gateway, no waiting: what the test does has happened when it returns.
///
/// ```swift
/// let fake = FakeDoorstep()
/// let screen = OrderScreen(doorstep: fake.doorstep)      // the app's own
/// await screen.contactCustomerTapped()
/// let call = try XCTUnwrap(fake.calls.last)
/// call.ring()
/// call.answer()
/// XCTAssertEqual(screen.title, "Talking")
/// ```
public final class FakeDoorstep: Sendable {
    /// What the app is given.
    public let doorstep: Doorstep
    private let core: FakeCore

    /// A courier who is connected and reachable, or whatever the test wants.
    public init(connection: ConnectionState = .connected, reachability: Reachability = .reachable) {
        let core = FakeCore(connection: connection, reachability: reachability)
        self.core = core
        doorstep = Doorstep(core: core, subscribe: core.subscribe)
    }

    /// Every call so far, of the app's and of customers', those that are over included.
    public var calls: [FakeCall] { core.calls }

    /// Calls that the app places, as they come.
    public var placed: AsyncStream<FakeCall> { core.placed }

    /// The customer of an order calls.
    @discardableResult
    public func ring(order: OrderID? = nil, label: String? = nil) -> FakeCall {
        core.ring(callID: UUID().uuidString, order: order, label: label)
    }

    /// A push of the gateway's, as PushKit hands it over, for ``Doorstep/handlePush(_:)``. It rings, unless a call of that name is
    /// there already, or it is past `expires`.
    public func push(
        call: String = UUID().uuidString, order: OrderID? = nil, label: String? = nil,
        expires: Date = Date(timeIntervalSinceNow: 30)
    ) -> [AnyHashable: Any] {
        var payload: [AnyHashable: Any] = ["v": 1, "kind": "incoming", "call": call]
        payload["order"] = order?.rawValue
        payload["label"] = label
        payload["expires_at"] = Int(expires.timeIntervalSince1970 * 1000)
        return payload
    }

    /// The connection comes or goes.
    public func set(connection: ConnectionState) { core.set(connection: connection) }

    /// The courier becomes reachable or no longer is.
    public func set(reachability: Reachability) { core.set(reachability: reachability) }

    /// What the app's next calls to customers throw; nil: nothing any more.
    public func refuseCalls(with error: DoorstepError?) { core.refuseCalls(with: error) }

    /// Whether the app has said that it is in the background.
    public var isInBackground: Bool { core.isInBackground }

    /// How often the app has said that the network changed.
    public var networkChanges: Int { core.networkChanges }

    /// Where the app wants its pushes.
    public var pushTarget: PushTarget? { core.pushTarget }

    /// Whether the app has signed out.
    public var isSignedOut: Bool { core.isSignedOut }
}
