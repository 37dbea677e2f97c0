import Foundation

/// Why something could not be done. Nothing was changed.
///
/// `errorDescription` is what a courier may read, `recoverySuggestion` what to do about it.
public enum DoorstepError: Error, Equatable, Sendable {
    /// The gateway's URL cannot be used: it must be `wss://HOST[:PORT]/PATH`.
    case invalidGateway(why: String)
    /// A pin is not written `sha256//BASE64`, where BASE64 are 32 bytes.
    case invalidPin
    /// The platform gives no threads, random numbers or certificates.
    case platform
    /// The SDK was closed.
    case shutDown
    /// Too much is asked at once.
    case tooBusy
    /// The call is over.
    case callOver
    /// Not possible in the call's present state.
    case wrongState
    /// Not an address that can be called.
    case invalidTarget
    /// Not a digit: `0`–`9`, `*`, `#` and `A`–`D` can be sent.
    case invalidDigit
    /// More digits wait than may.
    case tooManyDigits
    /// The sampling rate of the audio device is not a whole number of samples in 10 ms, or not between 8 and 96 kHz.
    case invalidRate
}

extension DoorstepError: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .invalidGateway(let why): "The address of the call service cannot be used: \(why)."
        case .invalidPin: "The key of the call service is not written as it must be."
        case .platform: "This device gives the app too little to make calls."
        case .shutDown: "Calls are switched off."
        case .tooBusy: "Too much is going on at once."
        case .callOver: "The call is over."
        case .wrongState: "This is not possible in the call right now."
        case .invalidTarget: "This cannot be called."
        case .invalidDigit: "This key cannot be sent."
        case .tooManyDigits: "Too many keys at once."
        case .invalidRate: "The sound of this device cannot be used."
        }
    }

    public var recoverySuggestion: String? {
        switch self {
        case .invalidGateway: "Update the app, or ask your company."
        case .invalidPin: "Update the app, or ask your company."
        case .platform: "Close other apps, or restart the device."
        case .shutDown: "Sign in again."
        case .tooBusy: "Wait a moment and try again."
        case .callOver: "Call again."
        case .wrongState: "Wait until the call is through, or hang up."
        case .invalidTarget: "Choose an order of yours."
        case .invalidDigit: "Use 0 to 9, * and #."
        case .tooManyDigits: "Wait until the keys are sent, then go on."
        case .invalidRate: "Choose another sound device."
        }
    }
}

/// To be thrown by ``Configuration/tokens``: the courier is signed out, and asking again would not help.
public struct SignedOutError: Error, Sendable {
    public init() {}
}
