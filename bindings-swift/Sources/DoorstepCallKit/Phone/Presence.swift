// The phone's network, and whether the app is in front.

import Foundation
import Network
import UIKit

/// Tells of changes of the network, and of the app's going to the background.
@MainActor final class Presence {
    private let monitor = NWPathMonitor()
    private var path: NWPath?
    private let listening = Listening()
    private(set) var isBackground: Bool

    /// The device has changed its network, or has one again.
    var networkChanged: () -> Void = {}
    var backgroundChanged: () -> Void = {}

    init() {
        isBackground = UIApplication.shared.applicationState == .background
        monitor.pathUpdateHandler = { [weak self] path in onMain { [weak self] in self?.moved(to: path) } }
        monitor.start(queue: .main)
        watch(UIApplication.didEnterBackgroundNotification, isBackground: true)
        watch(UIApplication.willEnterForegroundNotification, isBackground: false)
    }

    deinit { monitor.cancel() }

    private func watch(_ name: Notification.Name, isBackground: Bool) {
        listening.add(name) { [weak self] _ in
            onMain { [weak self] in
                self?.isBackground = isBackground
                self?.backgroundChanged()
            }
        }
    }

    /// The first path is the one that the core has started on. Without a network there is nothing to move to.
    private func moved(to path: NWPath) {
        let before = self.path
        self.path = path
        guard let before, path != before, path.status == .satisfied else { return }
        let interfaces = { (path: NWPath) in path.availableInterfaces.map(\.name) }
        if before.status != .satisfied || interfaces(before) != interfaces(path) { networkChanged() }
    }
}
