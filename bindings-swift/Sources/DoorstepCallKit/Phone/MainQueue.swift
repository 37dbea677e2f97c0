// How Apple's callbacks reach the main actor, and time.

import Dispatch
import Foundation

/// Runs on the main actor: at once when this is the main thread, else soon. What the system calls back for stays in order.
func onMain(_ work: @escaping @MainActor @Sendable () -> Void) {
    if Thread.isMainThread {
        MainActor.assumeIsolated(work)
    } else {
        DispatchQueue.main.async { MainActor.assumeIsolated(work) }
    }
}

/// Something that will happen unless it is cancelled.
@MainActor final class Alarm {
    private var work: (@MainActor () -> Void)?

    init(_ work: @escaping @MainActor @Sendable () -> Void) { self.work = work }

    func cancel() { work = nil }

    func ring() {
        let work = work
        self.work = nil
        work?()
    }
}

/// Time, handed in: scenarios have their own.
@MainActor protocol AlarmClock {
    /// Seconds from now.
    func after(_ seconds: TimeInterval, _ work: @escaping @MainActor @Sendable () -> Void) -> Alarm
}

/// The phone's.
struct MainQueueClock: AlarmClock {
    func after(_ seconds: TimeInterval, _ work: @escaping @MainActor @Sendable () -> Void) -> Alarm {
        let alarm = Alarm(work)
        DispatchQueue.main.asyncAfter(deadline: .now() + seconds) { MainActor.assumeIsolated { alarm.ring() } }
        return alarm
    }
}

/// What listens to notifications, for as long as this lives.
final class Listening: @unchecked Sendable {
    // Written while its owner is made, read when that is gone.
    private var tokens: [any NSObjectProtocol] = []

    /// `heard` is called on whatever thread the notification comes from.
    func add(_ name: Notification.Name, of object: AnyObject? = nil, _ heard: @escaping @Sendable (Notification) -> Void) {
        tokens.append(NotificationCenter.default.addObserver(forName: name, object: object, queue: nil, using: heard))
    }

    deinit { tokens.forEach(NotificationCenter.default.removeObserver) }
}
