// Stand-in of CallKit for Linux: what a call looks like, and why it ends.

import Foundation

public final class CXHandle: NSObject, @unchecked Sendable {
    public enum HandleType: Int, Sendable {
        case generic = 1
        case phoneNumber, emailAddress
    }
    public let type: HandleType
    public let value: String
    public init(type: HandleType, value: String) {
        self.type = type
        self.value = value
    }
}

open class CXCallUpdate: NSObject {
    open var remoteHandle: CXHandle?
    open var localizedCallerName: String?
    open var supportsHolding = false
    open var supportsGrouping = false
    open var supportsUngrouping = false
    open var supportsDTMF = false
    open var hasVideo = false
    public override init() {}
}

open class CXProviderConfiguration: NSObject {
    open var ringtoneSound: String?
    open var iconTemplateImageData: Data?
    open var maximumCallGroups = 2
    open var maximumCallsPerCallGroup = 5
    open var includesCallsInRecents = true
    open var supportsVideo = false
    open var supportedHandleTypes: Set<CXHandle.HandleType> = []
    public override init() {}
}

public enum CXCallEndedReason: Int, Sendable {
    case failed = 1
    case remoteEnded
    case unanswered
    case answeredElsewhere
    case declinedElsewhere
}

public struct CXErrorCodeIncomingCallError: Error, Sendable {
    public enum Code: Int, Sendable {
        case unknown = 0
        case unentitled
        case callUUIDAlreadyExists
        case filteredByDoNotDisturb
        case filteredByBlockList
        case filteredDuringRestrictedSharingMode
        case callIsProtected
        case filteredBySensitiveParticipants
    }
    public let code: Code
    public init(_ code: Code) { self.code = code }
    public static var callUUIDAlreadyExists: Code { .callUUIDAlreadyExists }
    public static var filteredByDoNotDisturb: Code { .filteredByDoNotDisturb }
    public static var filteredByBlockList: Code { .filteredByBlockList }
    public static var unentitled: Code { .unentitled }
    public static var unknown: Code { .unknown }
}

public struct CXErrorCodeRequestTransactionError: Error, Sendable {
    public enum Code: Int, Sendable {
        case unknown = 0
        case unentitled
        case unknownCallProvider
        case emptyTransaction
        case unknownCallUUID
        case callUUIDAlreadyExists
        case invalidAction
        case maximumCallGroupsReached
        case callIsProtected
    }
    public let code: Code
    public init(_ code: Code) { self.code = code }
}
