/// The SDK's log. No number, name, address or token is in it.
public enum DoorstepLog {
    /// How much is said.
    public enum Level: Sendable, CaseIterable {
        /// What went wrong.
        case error
        /// What may go wrong.
        case warn
        /// What happens.
        case info
        /// How.
        case debug
    }

    /// One line.
    public struct Line: Equatable, Sendable {
        /// How bad.
        public let level: Level
        /// Which part of the SDK.
        public let part: String
        /// What, with its values.
        public let text: String
    }

    /// Sends the log of all of the process to `sink`, from this level on; once in a process. It is called on a thread of the log's
    /// own; lines that find too many waiting are dropped, since a call must not wait for a log.
    ///
    /// - Throws: ``DoorstepError/wrongState`` when there is a sink already, ``DoorstepError/platform``.
    public static func send(from level: Level = .info, to sink: @escaping @Sendable (Line) -> Void) throws {
        try CoreWords.setLogSink(level, sink)
    }
}
