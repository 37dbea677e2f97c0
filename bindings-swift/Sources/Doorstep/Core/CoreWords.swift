internal import DoorstepCore
import Foundation

/// The library's words in this layer's, and back. Every `switch` is closed: a word that the library gets and this layer lacks does not
/// compile.
enum CoreWords {
    static func code(_ reason: EndReason) -> String { DoorstepCore.endReasonCode(reason: .init(reason)) }

    static func text(_ reason: EndReason) -> String { DoorstepCore.endReasonText(reason: .init(reason)) }

    static func setLogSink(_ level: DoorstepLog.Level, _ sink: @escaping @Sendable (DoorstepLog.Line) -> Void) throws {
        try translated { try DoorstepCore.setLogSink(sink: LogLines(tell: sink), level: .init(level)) }
    }
}

/// Runs it and throws this layer's errors only.
func translated<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch { throw DoorstepError(any: error) }
}

/// As the other, for what waits.
func translatedAsync<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
    do { return try await body() } catch { throw DoorstepError(any: error) }
}

private final class LogLines: DoorstepCore.LogSink {
    private let tell: @Sendable (DoorstepLog.Line) -> Void

    init(tell: @escaping @Sendable (DoorstepLog.Line) -> Void) {
        self.tell = tell
    }

    func log(line: DoorstepCore.LogLine) {
        tell(DoorstepLog.Line(level: .init(line.level), part: line.target, text: line.message))
    }
}

extension DoorstepError {
    fileprivate init(any error: any Error) {
        // Anything else is the generated layer's own, and means that it and the library do not fit.
        self = (error as? DoorstepCore.DoorstepError).map(Self.init) ?? (error as? DoorstepError) ?? .platform
    }

    fileprivate init(_ error: DoorstepCore.DoorstepError) {
        switch error {
        case .InvalidGateway(let why): self = .invalidGateway(why: why)
        case .InvalidPin: self = .invalidPin
        case .Platform: self = .platform
        case .ShutDown: self = .shutDown
        case .TooBusy: self = .tooBusy
        case .CallOver: self = .callOver
        case .WrongState: self = .wrongState
        case .InvalidTarget: self = .invalidTarget
        case .InvalidDigit: self = .invalidDigit
        case .TooManyDigits: self = .tooManyDigits
        case .InvalidRate: self = .invalidRate
        }
    }
}

extension CoreEvent {
    /// nil for a digit that is none.
    init?(_ event: DoorstepCore.Event) {
        switch event {
        case .connectionChanged(let connection): self = .connection(.init(connection))
        case .registrationChanged(let registration): self = .reachability(.init(registration))
        case .incomingCall(let call): self = .incoming(id: call.id)
        case .callChanged(let call): self = .changed(id: call.id, .init(call.state))
        case .digitReceived(let id, let digit):
            guard let digit = digit.first else { return nil }
            self = .digit(id: id, digit)
        case .qualityMeasured(let id, let quality): self = .quality(id: id, .init(quality))
        case .callEnded(let id, let end): self = .ended(id: id, .init(end))
        case .connectFailed(let text): self = .connectFailed(text: text)
        case .firstAudio(let id): self = .firstAudio(id: id)
        case .transfer(let id, let progress): self = .transfer(id: id, .init(progress))
        case .refused(let id, let error): self = .refused(id: id, .init(error))
        case .push(let callID, let result): self = .push(callID: callID, .init(result))
        case .lagged(let missed): self = .lagged(missed: missed)
        case .closed: self = .closed
        }
    }
}

extension TransferProgress {
    init(_ progress: DoorstepCore.TransferProgress) {
        switch progress {
        case .accepted: self = .accepted
        case .ringing: self = .ringing
        case .done: self = .done
        case .failed(let status): self = .failed(status: Int(status))
        }
    }
}

extension PushResult {
    init(_ result: DoorstepCore.PushResult) {
        switch result {
        case .call(let id, let known): self = .call(id: id, known: known)
        case .noCall(let reason): self = .noCall(.init(reason))
        }
    }
}

extension CallFacts {
    init(_ from: DoorstepCore.CallSnapshot) {
        self.init(
            id: from.id, callID: from.callId, direction: .init(from.direction), order: from.order.map { OrderID($0) },
            label: from.label, state: .init(from.state))
    }
}

extension CallState {
    init(_ state: DoorstepCore.CallState) {
        switch state {
        case .connecting: self = .connecting
        case .ringing: self = .ringing
        case .incoming: self = .incoming
        case .answering: self = .answering
        case .active(let muted, let held, let heldByFarSide):
            self = .active(muted: muted, held: held, heldByFarSide: heldByFarSide)
        case .reconnecting: self = .reconnecting
        case .ended(let reason):
            self = .ended(CallEnd(reason: .init(reason)))
        }
    }
}

extension CallEnd {
    init(_ end: DoorstepCore.CallEnd) {
        self.init(reason: .init(end.reason), text: end.text)
    }
}

extension Call.Direction {
    init(_ direction: DoorstepCore.Direction) {
        switch direction {
        case .outgoing: self = .outgoing
        case .incoming: self = .incoming
        }
    }
}

extension Call.Quality {
    init(_ from: DoorstepCore.Quality) {
        self.init(
            packetsReceived: from.packetsReceived, packetsLost: from.packetsLost, packetsSent: from.packetsSent,
            jitter: from.jitter, roundTrip: from.roundTrip, concealedSamples: from.concealedSamples)
    }
}

extension ConnectionState {
    init(_ connection: DoorstepCore.Connection) {
        switch connection {
        case .offline: self = .offline
        case .connecting: self = .connecting
        case .connected: self = .connected
        case .waiting: self = .waiting
        }
    }
}

extension Reachability {
    init(_ registration: DoorstepCore.Registration) {
        switch registration {
        case .unregistered: self = .off
        case .registering: self = .registering
        case .registered: self = .reachable
        case .failed(let reason): self = .failed(.init(reason))
        }
    }
}

extension DoorstepCore.PushTarget {
    init(_ target: PushTarget) {
        self.init(provider: target.provider, param: target.param, token: target.token)
    }
}

extension DoorstepLog.Level {
    fileprivate init(_ level: DoorstepCore.LogLevel) {
        switch level {
        case .error: self = .error
        case .warn: self = .warn
        case .info: self = .info
        case .debug: self = .debug
        }
    }
}

extension DoorstepCore.LogLevel {
    fileprivate init(_ level: DoorstepLog.Level) {
        switch level {
        case .error: self = .error
        case .warn: self = .warn
        case .info: self = .info
        case .debug: self = .debug
        }
    }
}
