/// The phone that Apple's stand-ins are parts of: what happened to it, in order, and the rules that end an app.
///
/// The stand-ins of CallKit, PushKit, AVFAudio and the others behave as Apple's documentation says that theirs do, so that the
/// adapter's scenarios run on Linux. They are never part of a product: `Package.swift` has them on Linux only.

import Foundation

/// What happened, as a scenario reads it.
public enum Happening: Equatable, Sendable {
    /// PushKit called its delegate.
    case pushDelivered(Int)
    /// The delegate's completion was called.
    case pushCompleted(Int)
    /// CallKit (or LiveCommunicationKit) was told of an incoming call.
    case reported(UUID)
    /// … that a call is over; the reason as Apple numbers it.
    case ended(UUID, Int)
    /// … that an outgoing call is being connected, or is connected.
    case connecting(UUID)
    case connected(UUID)
    /// … that a call shows other words.
    case updated(UUID)
    /// An action was fulfilled or failed.
    case fulfilled(String, UUID)
    case failed(String, UUID)
    /// The audio session.
    case session(String)
    /// The audio unit.
    case unit(String)
    /// What the adapter asked of the core: written by the scenarios' own core.
    case core(String)
}

/// One phone. A scenario begins with `Phone.fresh()`.
public final class Phone: @unchecked Sendable {
    nonisolated(unsafe) private static var now = Phone()
    private static let door = NSLock()

    /// The one that the stand-ins belong to.
    public static var current: Phone { door.withLock { now } }

    /// A phone on which nothing has happened.
    @discardableResult public static func fresh() -> Phone {
        let phone = Phone()
        door.withLock { now = phone }
        return phone
    }

    private let lock = NSLock()
    private var happenings: [Happening] = []
    private var deaths: [String] = []
    private var pushes = 0
    private var parts: [String: AnyObject] = [:]

    /// What happened, oldest first.
    public var journal: [Happening] { lock.withLock { happenings } }
    /// Why the system would have ended the app.
    public var killed: [String] { lock.withLock { deaths } }

    /// Something happened.
    public func note(_ happening: Happening) { lock.withLock { happenings.append(happening) } }

    /// The app broke a rule for which the system ends it.
    public func kill(_ why: String) { lock.withLock { deaths.append(why) } }

    /// The number of the next push.
    public func nextPush() -> Int {
        lock.withLock {
            pushes += 1
            return pushes
        }
    }

    /// How often a call was reported: PushKit looks whether one was while its delegate ran.
    public var reports: Int {
        journal.count { if case .reported = $0 { true } else { false } }
    }

    /// Where a stand-in keeps its newest object for the scenario.
    public func keep(_ part: AnyObject, as name: String) { lock.withLock { parts[name] = part } }

    /// What a stand-in has kept.
    public func part<Part: AnyObject>(_ name: String, as _: Part.Type = Part.self) -> Part? {
        lock.withLock { parts[name] } as? Part
    }
}
