internal import DoorstepCore

// Why a call is over, both ways. A switch of its own for each: a new reason of the library's does not compile until it is here.

extension EndReason {
    init(_ reason: DoorstepCore.EndReason) {
        switch reason {
        case .hungUpHere: self = .hungUpHere
        case .hungUpThere: self = .hungUpThere
        case .declined: self = .declined
        case .declinedHere: self = .declinedHere
        case .busy: self = .busy
        case .noAnswer: self = .noAnswer
        case .cancelled: self = .cancelled
        case .answeredElsewhere: self = .answeredElsewhere
        case .declinedElsewhere: self = .declinedElsewhere
        case .notYourOrder: self = .notYourOrder
        case .noSuchOrder: self = .noSuchOrder
        case .orderClosed: self = .orderClosed
        case .customerUnreachable: self = .customerUnreachable
        case .trunkDown: self = .trunkDown
        case .tooManyCalls: self = .tooManyCalls
        case .unavailable: self = .unavailable
        case .unauthorized: self = .unauthorized
        case .notAllowed: self = .notAllowed
        case .noSuchTarget: self = .noSuchTarget
        case .noNetwork: self = .noNetwork
        case .connectionLost: self = .connectionLost
        case .farSideLost: self = .farSideLost
        case .mediaFailed: self = .mediaFailed
        case .noCommonCodec: self = .noCommonCodec
        case .timedOut: self = .timedOut
        case .talkLimit: self = .talkLimit
        case .transferred: self = .transferred
        case .shutdown: self = .shutdown
        case .expired: self = .expired
        case .protocolError: self = .protocolError
        }
    }
}

extension DoorstepCore.EndReason {
    init(_ reason: EndReason) {
        switch reason {
        case .hungUpHere: self = .hungUpHere
        case .hungUpThere: self = .hungUpThere
        case .declined: self = .declined
        case .declinedHere: self = .declinedHere
        case .busy: self = .busy
        case .noAnswer: self = .noAnswer
        case .cancelled: self = .cancelled
        case .answeredElsewhere: self = .answeredElsewhere
        case .declinedElsewhere: self = .declinedElsewhere
        case .notYourOrder: self = .notYourOrder
        case .noSuchOrder: self = .noSuchOrder
        case .orderClosed: self = .orderClosed
        case .customerUnreachable: self = .customerUnreachable
        case .trunkDown: self = .trunkDown
        case .tooManyCalls: self = .tooManyCalls
        case .unavailable: self = .unavailable
        case .unauthorized: self = .unauthorized
        case .notAllowed: self = .notAllowed
        case .noSuchTarget: self = .noSuchTarget
        case .noNetwork: self = .noNetwork
        case .connectionLost: self = .connectionLost
        case .farSideLost: self = .farSideLost
        case .mediaFailed: self = .mediaFailed
        case .noCommonCodec: self = .noCommonCodec
        case .timedOut: self = .timedOut
        case .talkLimit: self = .talkLimit
        case .transferred: self = .transferred
        case .shutdown: self = .shutdown
        case .expired: self = .expired
        case .protocolError: self = .protocolError
        }
    }
}
