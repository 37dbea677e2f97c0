/// What happens besides the states of ``Doorstep`` and its calls.
public enum DoorstepEvent: Equatable, Sendable {
    /// A connection could not be made; it is tried again by itself. `text` is what the courier may read.
    case connectFailed(text: String)
    /// The first sound of the far side is there.
    case firstAudio(Call)
    /// How a ``Call/transfer(to:)`` goes.
    case transfer(Call, TransferProgress)
    /// Something that a call had taken on (a hold, digits) could not be done after all.
    case refused(Call, DoorstepError)
    /// What came of a push; `callID` is the `call` of the push, where it names one.
    case push(callID: String?, PushOutcome)
    /// The app's process stood still so long that events are lost. The states are right again.
    case lagged(missed: UInt64)
}

/// How a transfer goes.
public enum TransferProgress: Equatable, Sendable {
    /// The far side will try.
    case accepted
    /// The third party rings.
    case ringing
    /// It worked; the call ends.
    case done
    /// It did not; the call goes on. `status` is SIP's (RFC 3261 section 21); 408 when nothing was heard.
    case failed(status: Int)
}
