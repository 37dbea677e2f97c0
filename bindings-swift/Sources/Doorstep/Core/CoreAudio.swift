internal import DoorstepCore

/// Starts and stops an ``AudioDevice`` when the library asks for it.
final class CoreAudioControl: DoorstepCore.AudioControl {
    private let device: any AudioDevice
    private let exchange = Locked<AudioExchange?>(nil)

    private init(device: any AudioDevice) {
        self.device = device
    }

    /// The library's port for a device.
    static func port(for device: any AudioDevice) throws -> DoorstepCore.AudioPort {
        let control = CoreAudioControl(device: device)
        guard let capture = UInt32(exactly: device.captureRate), let playout = UInt32(exactly: device.playoutRate) else {
            throw DoorstepError.invalidRate
        }
        let port = try translated {
            try DoorstepCore.AudioPort(captureRate: capture, playoutRate: playout, control: control)
        }
        // The port's thread holds the control: it must not hold the port.
        let weakly = Weak(port)
        let exchange = AudioExchange(port: port.number()) { problem in weakly.object?.failed(error: .init(problem)) }
        control.exchange.with { $0 = exchange }
        return port
    }

    func start() throws {
        guard let exchange = exchange.with({ $0 }) else { throw DoorstepCore.AudioError.Failed }
        do {
            try device.start(exchange)
        } catch let problem as AudioProblem {
            throw DoorstepCore.AudioError(problem)
        } catch {
            throw DoorstepCore.AudioError.Failed
        }
    }

    func stop() { device.stop() }
}

/// Written once, before anybody reads it; what it looks at may go at any time.
private final class Weak<Object: AnyObject & Sendable>: @unchecked Sendable {
    private(set) weak var object: Object?

    init(_ object: Object) {
        self.object = object
    }
}

extension DoorstepCore.AudioError {
    fileprivate init(_ problem: AudioProblem) {
        switch problem {
        case .noMicrophone: self = .NoMicrophone
        case .noSpeaker: self = .NoSpeaker
        case .denied: self = .Denied
        case .failed: self = .Failed
        }
    }
}
