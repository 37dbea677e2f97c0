import Foundation

/// A courier's end of the line: one connection to the gateway, and the calls over it.
///
/// Keep one for as long as the courier is signed in; when the last reference goes, it is closed as by ``close()``. Everything may
/// be called from any thread or actor.
///
/// ```swift
/// let doorstep = try Doorstep(configuration: .init(gateway: url, tokens: { try await backend.courierToken() }))
/// let call = try await doorstep.contactCustomer(order: "4711")
/// for await state in call.states { … }
/// ```
///
/// Every property that changes comes twice: as it is now (``connection``), and as a stream (``connectionStates``) that begins with
/// how it is now. Each stream is its reader's own, holds a bounded number of values for a reader that is slow (the oldest go first),
/// and ends when its task is cancelled or the SDK is closed.
public final class Doorstep: Sendable {
    let line: Line
    private let attachments = Locked<[ObjectIdentifier: any Sendable]>([:])

    /// Starts the SDK. Waits for nothing of the network: it connects in the background, and comes back by itself.
    ///
    /// - Throws: ``DoorstepError/invalidGateway(why:)`` when the URL is no `wss://` URL, ``DoorstepError/invalidPin``,
    ///   ``DoorstepError/invalidRate``, ``DoorstepError/platform``.
    public convenience init(configuration: Configuration) throws {
        let core = try CoreClient(configuration)
        try self.init(core: core, subscribe: core.subscribe)
    }

    /// Over any core: the library's, or one that follows a test's script.
    package init(core: any ClientCore, subscribe: Subscribe) rethrows {
        line = Line(core: core)
        try line.follow(subscribe)
    }

    deinit {
        line.close()
    }

    /// Starts the SDK in an app that a push has started, and hands in that push. The call rings before there is a connection.
    ///
    /// An app that starts the SDK at every launch needs this not: ``handlePush(_:)`` takes the push then.
    ///
    /// - Returns: nil when the push is not for Doorstep.
    /// - Throws: as ``init(configuration:)``.
    public static func woken(
        configuration: Configuration, by payload: [AnyHashable: Any]
    ) throws -> (doorstep: Doorstep, push: PushHandling)? {
        guard let push = PushPayload(payload) else { return nil }
        let (core, follower) = try CoreClient.woken(configuration, by: push)
        let doorstep = try Doorstep(core: core, subscribe: core.subscribe)
        return (doorstep, PushHandling(line: doorstep.line, follower: follower))
    }

    // MARK: Calls

    /// Every call that is not over, oldest first.
    public var calls: [Call] { line.calls }

    /// ``calls``, whenever one begins or ends.
    public var callLists: AsyncStream<[Call]> { line.callLists.stream() }

    /// Calls that ring here, as they come. One that rings already is in ``calls``.
    public var incoming: AsyncStream<Call> { line.incoming.stream() }

    /// Calls the customer of an order. Without a network the call waits for one; whatever stands against it (not your order,
    /// customer busy) ends the call with a reason. When the waiting task is cancelled, the call is hung up.
    ///
    /// - Throws: ``DoorstepError/shutDown`` after ``close()`` or ``signOut()``, ``DoorstepError/tooBusy``, `CancellationError`.
    public func contactCustomer(order: OrderID) async throws -> Call {
        try Task.checkCancellation()
        let call = try await line.contactCustomer(order)
        if Task.isCancelled {
            // Nobody has this call who could end it.
            try? await call.hangUp()
            throw CancellationError()
        }
        return call
    }

    // MARK: Being reached

    /// The connection to the gateway. It comes back by itself.
    public var connection: ConnectionState { line.connections.value ?? .offline }

    /// ``connection``, whenever it changes.
    public var connectionStates: AsyncStream<ConnectionState> { line.connections.stream() }

    /// Whether customers' calls reach this device.
    public var reachability: Reachability { line.reachabilities.value ?? .off }

    /// ``reachability``, whenever it changes.
    public var reachabilityStates: AsyncStream<Reachability> { line.reachabilities.stream() }

    /// Takes a push as PushKit hands it over (`PKPushPayload.dictionaryPayload`). Returns at once.
    ///
    /// With `DoorstepCallKit` this is done for you. Without it, report the call to CallKit before you call this: iOS ends an app
    /// that does not (PushKit, `PKPushType.voIP`).
    ///
    /// - Returns: nil when the push is not for Doorstep: the app looks at it itself.
    /// - Throws: ``DoorstepError/tooBusy``, ``DoorstepError/shutDown``.
    @discardableResult
    public func handlePush(_ payload: [AnyHashable: Any]) throws -> PushHandling? {
        guard let push = PushPayload(payload) else { return nil }
        return PushHandling(line: line, follower: try line.handlePush(push))
    }

    /// Where pushes for this app go from now on; nil: nowhere.
    ///
    /// - Throws: ``DoorstepError/shutDown``, ``DoorstepError/tooBusy``.
    public func setPushTarget(_ target: PushTarget?) async throws {
        try await line.core.setPushTarget(target)
    }

    /// Tells that the device has changed its network: calls move to it.
    ///
    /// - Throws: ``DoorstepError/shutDown``, ``DoorstepError/tooBusy``.
    public func networkChanged() async throws {
        try await line.core.networkChanged()
    }

    /// Tells whether the app is in the background, where a push wakes it and no connection is kept up.
    ///
    /// - Throws: ``DoorstepError/shutDown``, ``DoorstepError/tooBusy``.
    public func setBackground(_ on: Bool) async throws {
        try await line.core.setBackground(on)
    }

    /// Whether customers' calls are to reach this device: off after a shift, say. Calls go on.
    ///
    /// - Throws: ``DoorstepError/shutDown``, ``DoorstepError/tooBusy``.
    public func setReachable(_ on: Bool) async throws {
        try await line.core.setReachable(on)
    }

    /// What happens besides, in order: for logs, figures and the finer points of a screen.
    public var events: AsyncStream<DoorstepEvent> { line.events.stream() }

    // MARK: The end

    /// The courier signs out: calls end, and no push wakes this device any more.
    ///
    /// - Throws: ``DoorstepError/platform``.
    public func signOut() async throws {
        try await line.core.shutDown()
        line.close()
    }

    /// The app is closed: calls end in the background, and a push will wake it. All streams end. Again does nothing.
    public func close() {
        line.close()
    }

    /// What a module on top keeps for as long as this lives, such as the adapter to CallKit; made when it is first asked for. It must
    /// not hold this strongly.
    package func attachment<Value: Sendable>(_ type: Value.Type, make: () -> Value) -> Value {
        attachments.with { attachments in
            if let made = attachments[ObjectIdentifier(type)] as? Value { return made }
            let made = make()
            attachments[ObjectIdentifier(type)] = made
            return made
        }
    }
}
