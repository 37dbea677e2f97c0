// Stand-in of UIKit for Linux: whether the app is in the background.

import Foundation
import Phone

@MainActor open class UIApplication {
    public enum State: Int, Sendable { case active, inactive, background }
    public nonisolated static let didEnterBackgroundNotification = Notification.Name(
        "UIApplicationDidEnterBackgroundNotification")
    public nonisolated static let willEnterForegroundNotification = Notification.Name(
        "UIApplicationWillEnterForegroundNotification")

    public static var shared: UIApplication {
        if let application: UIApplication = Phone.current.part("UIApplication") { return application }
        let application = UIApplication()
        Phone.current.keep(application, as: "UIApplication")
        return application
    }
    open var applicationState = State.active
    public init() {}

    // MARK: what a scenario does

    public func enterBackground() {
        applicationState = .background
        NotificationCenter.default.post(name: Self.didEnterBackgroundNotification, object: self)
    }
    public func enterForeground() {
        applicationState = .inactive
        NotificationCenter.default.post(name: Self.willEnterForegroundNotification, object: self)
        applicationState = .active
    }
}
