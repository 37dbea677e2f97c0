// Stand-in of PushKit for Linux (developer.apple.com/documentation/pushkit).
//
// The rule: while the delegate's method runs a call must be reported, else the app is ended
// (PKPushType.voIP). From iOS 26.4 on the system says for each push whether that holds.

import Dispatch
import Foundation
import Phone

public struct PKPushType: Hashable, Sendable, RawRepresentable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public static let voIP = PKPushType(rawValue: "PKPushTypeVoIP")
}

open class PKPushCredentials: NSObject {
    public let type: PKPushType
    public let token: Data
    init(type: PKPushType, token: Data) {
        self.type = type
        self.token = token
    }
}

open class PKPushPayload: NSObject {
    public let type: PKPushType
    public let dictionaryPayload: [AnyHashable: Any]
    init(type: PKPushType, dictionaryPayload: [AnyHashable: Any]) {
        self.type = type
        self.dictionaryPayload = dictionaryPayload
    }
}

open class PKVoIPPushMetadata: NSObject {
    public let mustReport: Bool
    init(mustReport: Bool) { self.mustReport = mustReport }
}

public protocol PKPushRegistryDelegate: NSObjectProtocol {
    func pushRegistry(_ registry: PKPushRegistry, didUpdate pushCredentials: PKPushCredentials, for type: PKPushType)
    func pushRegistry(_ registry: PKPushRegistry, didInvalidatePushTokenFor type: PKPushType)
    func pushRegistry(
        _ registry: PKPushRegistry, didReceiveIncomingPushWith payload: PKPushPayload, for type: PKPushType,
        completion: @escaping @Sendable () -> Void
    )
    func pushRegistry(
        _ registry: PKPushRegistry, didReceiveIncomingVoIPPushWith payload: PKPushPayload, metadata: PKVoIPPushMetadata,
        withCompletionHandler completion: @escaping @Sendable () -> Void
    )
}

extension PKPushRegistryDelegate {
    public func pushRegistry(_ registry: PKPushRegistry, didInvalidatePushTokenFor type: PKPushType) {}
}

open class PKPushRegistry: NSObject {
    open weak var delegate: (any PKPushRegistryDelegate)?
    open var desiredPushTypes: Set<PKPushType>?
    private var token: Data?

    public init(queue: DispatchQueue?) {
        super.init()
        Phone.current.keep(self, as: "PKPushRegistry")
    }

    open func pushToken(for type: PKPushType) -> Data? { token }

    // MARK: what a scenario does

    /// The one that the app has made last.
    public static var current: PKPushRegistry? { Phone.current.part("PKPushRegistry") }

    /// Apple gives the app a token.
    public func giveToken(_ token: Data) {
        self.token = token
        delegate?.pushRegistry(self, didUpdate: PKPushCredentials(type: .voIP, token: token), for: .voIP)
    }

    /// The token is good no more.
    public func takeToken() {
        token = nil
        delegate?.pushRegistry(self, didInvalidatePushTokenFor: .voIP)
    }

    /// A push as iOS up to 26.3 delivers it. Returns its number.
    @discardableResult public func deliver(_ payload: [AnyHashable: Any]) -> Int {
        push(mustReport: true) { registry, completion in
            registry.delegate?.pushRegistry(
                registry, didReceiveIncomingPushWith: PKPushPayload(type: .voIP, dictionaryPayload: payload), for: .voIP,
                completion: completion)
        }
    }

    /// A push as iOS 26.4 delivers it.
    @discardableResult public func deliver(_ payload: [AnyHashable: Any], mustReport: Bool) -> Int {
        push(mustReport: mustReport) { registry, completion in
            registry.delegate?.pushRegistry(
                registry, didReceiveIncomingVoIPPushWith: PKPushPayload(type: .voIP, dictionaryPayload: payload),
                metadata: PKVoIPPushMetadata(mustReport: mustReport), withCompletionHandler: completion)
        }
    }

    private func push(mustReport: Bool, _ hand: (PKPushRegistry, @escaping @Sendable () -> Void) -> Void) -> Int {
        let phone = Phone.current
        let number = phone.nextPush()
        guard delegate != nil, desiredPushTypes?.contains(.voIP) == true else {
            phone.kill("push \(number): nobody was there to take it")
            return number
        }
        let before = phone.reports
        phone.note(.pushDelivered(number))
        hand(self) {
            if phone.journal.contains(.pushCompleted(number)) { phone.kill("push \(number) was completed twice") }
            if mustReport, phone.reports == before { phone.kill("push \(number) was completed before a call was reported") }
            phone.note(.pushCompleted(number))
        }
        if mustReport, phone.reports == before {
            phone.kill("push \(number): no call was reported before the delegate returned")
        }
        return number
    }
}
