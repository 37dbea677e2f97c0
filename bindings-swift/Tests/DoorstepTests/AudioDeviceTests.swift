import XCTest

@testable import Doorstep

/// An app's own microphone and speaker.
final class AudioDeviceTests: StagedTestCase {
    func testADevicesSoundReachesTheCustomerAndTheCustomersReachesIt() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        let wav = stage.file("speech.wav")
        try Sound.wav(of: Sound.tone(hertz: 600, rate: 8000, count: 8000 * 20)).write(to: wav)
        let phone = try await stage.phone("answer", "--after", "0", says: wav)
        let device = LoopDevice(rate: 48000)
        var doorstep: Doorstep? = try stage.sdk(audio: .device(device))
        let events = device.events
        let call = try await XCTUnwrap(doorstep).contactCustomer(order: "4711")
        try await events.until("a start") { $0 == .started }
        try await phone.event("first_audio")
        try await events.until("the customer's voice") { $0 == .heard }
        try await call.hangUp()
        try await events.until("a stop") { $0 == .stopped }
        doorstep = nil
        try await eventually("the exchange's end") { device.isDetached }
    }

    func testWithoutAMicrophoneTheCallEndsWithAReason() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        _ = try await stage.phone("answer", "--after", "0")
        let doorstep = try stage.sdk(audio: .device(LoopDevice(rate: 48000, refusal: .denied)))
        let call = try await doorstep.contactCustomer(order: "4711")
        let end = try await within("the end") { try await call.ended() }
        XCTAssertEqual(end.reason, .mediaFailed)
    }

    func testADeviceThatFailsWhileItRunsEndsTheCall() async throws {
        let stage = try await stage()
        try await stage.openOrder("4711")
        _ = try await stage.phone("answer", "--after", "0")
        let device = LoopDevice(rate: 16000)
        let events = device.events
        let doorstep = try stage.sdk(audio: .device(device))
        let call = try await doorstep.contactCustomer(order: "4711")
        try await events.until("a start") { $0 == .started }
        try await call.states.until("an answer") { if case .active = $0 { true } else { false } }
        device.fail()
        let end = try await within("the end") { try await call.ended() }
        XCTAssertEqual(end.reason, .mediaFailed)
    }

    func testARateThatCannotBeUsedIsAnErrorAtOnce() throws {
        let gateway = try XCTUnwrap(URL(string: "ws://127.0.0.1:9/"))
        for rate in [11025, 4000, -1] {
            let configuration = Configuration(gateway: gateway, audio: .device(LoopDevice(rate: rate)), tokens: { "" })
            XCTAssertThrowsError(try Doorstep(configuration: configuration)) { error in
                XCTAssertEqual(error as? DoorstepError, .invalidRate)
            }
        }
    }
}

/// A microphone that hears a tone, and a speaker that listens for one.
private final class LoopDevice: AudioDevice {
    enum Event: Sendable { case started, heard, stopped }

    let captureRate: Int
    let playoutRate: Int
    let events: AsyncStream<Event>

    private let tell: AsyncStream<Event>.Continuation
    private let refusal: AudioProblem?
    private let running = Locked<AudioExchange?>(nil)
    private let last = Locked<AudioExchange?>(nil)

    init(rate: Int, refusal: AudioProblem? = nil) {
        captureRate = rate
        playoutRate = rate
        self.refusal = refusal
        (events, tell) = AsyncStream.makeStream(of: Event.self)
    }

    /// The SDK that the exchange belonged to is gone.
    var isDetached: Bool { last.with { $0 }?.capture(UnsafeBufferPointer(start: nil, count: 0)) == false }

    func start(_ exchange: AudioExchange) throws {
        if let refusal { throw refusal }
        running.with { $0 = exchange }
        last.with { $0 = exchange }
        tell.yield(.started)
        Thread.detachNewThread { [self] in run(exchange) }
    }

    func stop() {
        running.with { $0 = nil }
        tell.yield(.stopped)
    }

    func fail() { last.with { $0 }?.failed(.failed) }

    private func run(_ exchange: AudioExchange) {
        let frame = captureRate / 100
        let voice = Sound.tone(hertz: 440, rate: captureRate, count: captureRate)
        var heard = [Int16](repeating: 0, count: frame)
        var place = 0
        var isTold = false
        while running.with({ $0 === exchange }) {
            voice.withUnsafeBufferPointer { voice in
                _ = exchange.capture(UnsafeBufferPointer(rebasing: voice[place..<place + frame]))
            }
            place = (place + frame) % captureRate
            _ = heard.withUnsafeMutableBufferPointer { exchange.playout($0) }
            if !isTold, Sound.isLoud(heard) {
                isTold = true
                tell.yield(.heard)
            }
            // The pace of a sound card.
            Thread.sleep(forTimeInterval: 0.01)
        }
    }
}
