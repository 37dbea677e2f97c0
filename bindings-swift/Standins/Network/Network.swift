// Stand-in of Network for Linux: the path monitor (developer.apple.com/documentation/network/nwpathmonitor).

import Dispatch
import Foundation
import Phone

public struct NWInterface: Hashable, Sendable {
    public enum InterfaceType: Sendable { case other, wifi, cellular, wiredEthernet, loopback }
    public let name: String
    public let type: InterfaceType
    public init(_ name: String, _ type: InterfaceType) { (self.name, self.type) = (name, type) }
}

public struct NWPath: Equatable, Sendable {
    public enum Status: Sendable { case satisfied, unsatisfied, requiresConnection }
    public let status: Status
    public let availableInterfaces: [NWInterface]
    public init(_ status: Status, _ interfaces: [NWInterface]) { (self.status, availableInterfaces) = (status, interfaces) }
}

public final class NWPathMonitor: @unchecked Sendable {
    public var pathUpdateHandler: (@Sendable (NWPath) -> Void)?
    private var started = false
    public init() { Phone.current.keep(self, as: "NWPathMonitor") }
    public func start(queue: DispatchQueue) { started = true }
    public func cancel() {
        started = false
        pathUpdateHandler = nil
    }

    // MARK: what a scenario does

    public static var current: NWPathMonitor? { Phone.current.part("NWPathMonitor") }
    public func move(to path: NWPath) { if started { pathUpdateHandler?(path) } }
}
