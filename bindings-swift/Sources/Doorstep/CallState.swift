import Foundation

/// Where a call stands.
public enum CallState: Equatable, Sendable {
    /// Outgoing; the customer's phone does not ring yet.
    case connecting
    /// Outgoing; the customer's phone rings.
    case ringing
    /// Incoming; it rings here.
    case incoming
    /// Incoming; answered here, but not through yet.
    case answering
    /// Both can talk. `muted`: the microphone is off. `held`: this side holds the far side. `heldByFarSide`: the other way round.
    case active(muted: Bool, held: Bool, heldByFarSide: Bool)
    /// Answered, but the connection is lost; it is being made anew.
    case reconnecting
    /// Over.
    case ended(CallEnd)
}

/// How a call ended.
public struct CallEnd: Equatable, Sendable {
    /// Why.
    public let reason: EndReason
    /// What the courier should read: the gateway's words where it sent some. It names no number and no other person.
    public let text: String

    /// With the reason's own words, unless there are others: for an app's tests.
    public init(reason: EndReason, text: String? = nil) {
        self.reason = reason
        self.text = text ?? reason.text
    }
}

extension Call {
    /// Who calls.
    public enum Direction: Sendable {
        /// The courier.
        case outgoing
        /// The customer.
        case incoming
    }

    /// How well a call carries: counters since its start.
    public struct Quality: Equatable, Sendable {
        /// RTP packets received.
        public let packetsReceived: UInt64
        /// RTP packets missing.
        public let packetsLost: UInt64
        /// RTP packets sent.
        public let packetsSent: UInt64
        /// Interarrival jitter in seconds (RFC 3550 section 6.4.1).
        public let jitter: TimeInterval
        /// Round trip in seconds, once known.
        public let roundTrip: TimeInterval?
        /// Played samples that were made up, at 48 kHz.
        public let concealedSamples: UInt64

        package init(
            packetsReceived: UInt64, packetsLost: UInt64, packetsSent: UInt64, jitter: TimeInterval, roundTrip: TimeInterval?,
            concealedSamples: UInt64
        ) {
            self.packetsReceived = packetsReceived
            self.packetsLost = packetsLost
            self.packetsSent = packetsSent
            self.jitter = jitter
            self.roundTrip = roundTrip
            self.concealedSamples = concealedSamples
        }
    }
}

/// The connection to the gateway.
public enum ConnectionState: Sendable {
    /// There is none, and none is wanted.
    case offline
    /// It is being made.
    case connecting
    /// It is up.
    case connected
    /// It could not be made or was lost, and is tried again by itself.
    case waiting
}

/// Whether customers' calls reach this device.
public enum Reachability: Equatable, Sendable {
    /// Not wanted.
    case off
    /// Asked for.
    case registering
    /// Reachable.
    case reachable
    /// Not for now. Tried again by itself unless it is ``EndReason/unauthorized`` or ``EndReason/notAllowed``.
    case failed(EndReason)
}
