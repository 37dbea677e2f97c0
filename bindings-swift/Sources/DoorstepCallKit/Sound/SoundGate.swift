// When the audio unit runs: only while a call needs it and the system has given the audio session; and what is done when that goes
// wrong.

import Foundation

/// Runs what takes long on the thread of the audio unit, and what comes of it on the main actor.
protocol SoundWorker: Sendable {
    func run(_ work: @escaping @Sendable () -> Bool, then: @escaping @MainActor @Sendable (_ done: Bool) -> Void)
}

/// One queue for all starts and stops, in their order.
struct SoundQueue: SoundWorker {
    private let queue = DispatchQueue(label: "dev.doorstep.sound", qos: .userInitiated)

    func run(_ work: @escaping @Sendable () -> Bool, then: @escaping @MainActor @Sendable (_ done: Bool) -> Void) {
        queue.async {
            let done = work()
            onMain { then(done) }
        }
    }
}

/// One path to sound for both directions. The session is given by `didActivate`; since iOS 18.4.1 that is at times missing for outgoing
/// calls, so that the gate takes the session itself after a while.
@MainActor final class SoundGate {
    struct Patience {
        /// From the answer (or the start) to the system's activation.
        var activation: TimeInterval = 3
        /// Without a captured frame.
        var microphone: TimeInterval = 2
        /// Times that the gate tries to take the session itself.
        var tries = 3
    }

    private let session: VoiceSession
    private let unit: any VoiceUnit
    private let worker: any SoundWorker
    private let clock: any AlarmClock
    private let patience: Patience
    private let tell: (SystemCallEvent) -> Void

    /// A call wants sound.
    private var pipes: VoicePipes?
    private var isDue = false
    private var isGranted = false
    /// The gate has taken the session itself, and gives it back itself.
    private var isHealed = false
    private var isInterrupted = false
    private var isRunning = false
    /// Rises with each start and stop: what an older one brings is not looked at.
    private var round = 0
    private var heal: Alarm?
    private var watch: Alarm?
    private var heard: UInt64 = 0
    /// Silent periods in a row.
    private var silences = 0

    init(
        session: VoiceSession, unit: any VoiceUnit, worker: any SoundWorker, clock: any AlarmClock,
        patience: Patience = Patience(), tell: @escaping (SystemCallEvent) -> Void
    ) {
        self.session = session
        self.unit = unit
        self.worker = worker
        self.clock = clock
        self.patience = patience
        self.tell = tell
        session.listener = self
    }

    /// The core wants sound, or (nil) no more.
    func want(_ pipes: VoicePipes?) {
        self.pipes = pipes
        pipes == nil ? stop() : startIfReady()
    }

    /// Before an answer or a start is fulfilled: category and mode, never the activation.
    func prepare() { session.configure() }

    /// A call was answered or started: the system should activate the session now.
    func due() {
        isDue = true
        guard !isGranted else { return startIfReady() }
        expectActivation(patience.tries)
    }

    func activated() {
        heal?.cancel()
        isGranted = true
        isHealed = false
        isInterrupted = false
        startIfReady()
    }

    func deactivated() {
        isGranted = false
        stop()
    }

    /// No call is left.
    func over() {
        heal?.cancel()
        isDue = false
        stop()
        guard isHealed else { return }
        (isHealed, isGranted) = (false, false)
        session.deactivate()
    }

    /// The hardware's format is another one.
    func hardwareChanged() {
        guard isRunning else { return }
        isRunning = false
        startIfReady()
    }

    private func expectActivation(_ tries: Int) {
        heal?.cancel()
        heal = clock.after(patience.activation) { [weak self] in
            guard let self, isDue, !isGranted else { return }
            guard session.activate() else {
                if tries > 1 { return expectActivation(tries - 1) }
                return tell(.noAudio)
            }
            (isGranted, isHealed) = (true, true)
            tell(.audioHealed)
            startIfReady()
        }
    }

    private func startIfReady() {
        guard let pipes, isGranted, !isInterrupted, !isRunning else { return }
        isRunning = true
        round += 1
        let round = round
        let unit = unit
        worker.run(
            { (try? unit.start(pipes)) != nil },
            then: { [weak self] _ in
                // One that did not start hears nothing, which the watch sees.
                guard let self, self.round == round, isRunning else { return }
                listen()
            })
    }

    private func stop() {
        watch?.cancel()
        silences = 0
        guard isRunning else { return }
        isRunning = false
        round += 1
        let unit = unit
        worker.run(
            {
                unit.stop()
                return true
            }, then: { _ in })
    }

    private func listen() {
        watch?.cancel()
        heard = unit.framesCaptured
        watch = clock.after(patience.microphone) { [weak self] in self?.check() }
    }

    private func check() {
        guard isRunning else { return }
        if unit.framesCaptured != heard {
            if silences > 1 { tell(.microphoneBack) }
            silences = 0
            return listen()
        }
        silences += 1
        // Once anew, by itself; then the courier is told, and it is watched further.
        if silences == 2 { tell(.noMicrophone) }
        guard silences == 1 else { return listen() }
        isRunning = false
        startIfReady()
    }
}

extension SoundGate: VoiceSessionListener {
    func interrupted() {
        isInterrupted = true
        stop()
    }

    func interruptionEnded() {
        isInterrupted = false
        guard isDue, isGranted || isHealed else { return }
        // The system does not always do it when the other call was not one of CallKit's.
        if session.activate() { startIfReady() } else { expectActivation(patience.tries) }
    }

    /// All that was made before is an orphan (AVAudioSession, mediaServicesWereResetNotification).
    func mediaServicesReset() {
        guard isDue else { return }
        isRunning = false
        session.configure()
        isGranted = session.activate()
        isGranted ? startIfReady() : expectActivation(patience.tries)
    }

    func routeChanged() { tell(.routeChanged) }
}
