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
        case .invalidGateway(let why): "The address of the service cannot be used: \(why)"
        case .invalidPin: "The service's key is not written as sha256//BASE64 of 32 bytes"
        case .platform: "The device is out of memory or lacks what secure calls need"
        case .shutDown: "You are signed out"
        case .tooBusy: "The app is too busy"
        case .callOver: "The call is over"
        case .wrongState: "This is not possible at this point of the call"
        case .invalidTarget: "This order cannot be called"
        case .invalidDigit: "This key cannot be sent"
        case .tooManyDigits: "Too many keys were pressed at once"
        case .invalidRate: "The sound device cannot be used"
        }
    }

    public var recoverySuggestion: String? {
        switch self {
        case .invalidGateway: "Update the app, or tell its makers"
        case .invalidPin: "Update the app, or tell its makers"
        case .platform: "Restart the device and try again"
        case .shutDown: "Sign in again"
        case .tooBusy: "Try again in a moment"
        case .callOver: "Call again"
        case .wrongState: "Try again in a moment"
        case .invalidTarget: "Check the order"
        case .invalidDigit: "Use the digits, * and #"
        case .tooManyDigits: "Try again in a moment"
        case .invalidRate: "Update the app, or tell its makers"
        }
    }
}

/// To be thrown by ``Configuration/tokens``: the courier is signed out, and asking again would not help.
public struct SignedOutError: Error, Sendable {
    public init() {}
}
