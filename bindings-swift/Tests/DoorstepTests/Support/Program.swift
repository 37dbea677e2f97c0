import Foundation

/// One line of a program's: a JSON object.
struct Said: Sendable {
    let text: String

    /// A text within it, such as `line["apns", "host"]`.
    subscript(_ path: String...) -> String? {
        path.reduce(object) { value, name in (value as? [String: Any])?[name] } as? String
    }

    /// An object within it.
    func object(_ name: String) -> [String: Any]? {
        (object as? [String: Any])?[name] as? [String: Any]
    }

    private var object: Any? { try? JSONSerialization.jsonObject(with: Data(text.utf8)) }
}

/// A process whose lines on stdout are events. It ends with ``stop()``.
final class Program: @unchecked Sendable {
    private let process = Process()
    private let input = Pipe()
    private let exit = DispatchSemaphore(value: 0)
    private let lines: AsyncStream<Said>
    private let name: String

    init(_ name: String, _ arguments: [String]) throws {
        self.name = name
        process.executableURL = try Self.path(name)
        process.arguments = arguments
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        let (lines, tell) = AsyncStream.makeStream(of: Said.self)
        self.lines = lines
        // Foundation's `waitUntilExit` is not always told on a thread without a run loop of its own.
        process.terminationHandler = { [exit] _ in exit.signal() }
        try process.runHearingSignals()
        let reader = output.fileHandleForReading
        Thread.detachNewThread {
            var rest = Data()
            while true {
                let read = reader.availableData
                if read.isEmpty { break }
                rest += read
                while let end = rest.firstIndex(of: 10) {
                    tell.yield(Said(text: String(decoding: rest[rest.startIndex..<end], as: UTF8.self)))
                    rest = Data(rest[rest.index(after: end)...])
                }
            }
            tell.finish()
        }
    }

    /// Reads on to the event of this name.
    @discardableResult
    func event(_ event: String) async throws -> Said {
        try await lines.until("\(name)'s \(event)") { $0["event"] == event }
    }

    /// The next line.
    func line() async throws -> Said { try await lines.until("a line of \(name)'s") }

    func stop() {
        // Some read it, and cannot end while they do.
        try? input.fileHandleForWriting.close()
        if process.isRunning { process.terminate() }
        exit.wait()
        exit.signal()
    }

    /// What a program prints, after it has ended.
    static func output(_ name: String, _ arguments: [String], input: String = "") throws -> String {
        let process = Process()
        process.executableURL = try path(name)
        process.arguments = arguments
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        let exit = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in exit.signal() }
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        exit.wait()
        guard process.terminationStatus == 0 else { throw TooLate(description: "\(name) failed") }
        return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// `DOORSTEP_PROGRAMS`, which `cargo xtask swift` sets, is where the real programs lie.
    private static func path(_ name: String) throws -> URL {
        guard let folder = ProcessInfo.processInfo.environment["DOORSTEP_PROGRAMS"] else {
            throw TooLate(description: "DOORSTEP_PROGRAMS is not set: run the tests by `cargo xtask test swift`")
        }
        return URL(fileURLWithPath: folder).appendingPathComponent(name)
    }
}

extension Process {
    /// A child inherits the signals that its parent's thread blocks, and threads of Swift's pool block all: SIGTERM would not end it.
    fileprivate func runHearingSignals() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}
