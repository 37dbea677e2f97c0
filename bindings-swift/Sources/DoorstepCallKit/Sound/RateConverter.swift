// From the hardware's sampling rate to the core's, without allocating: Bluetooth headsets run at 8 or 16 kHz, older phones at 44.1 kHz.

import Foundation

/// A windowed-sinc interpolator for one channel. Keeps the last samples between calls, so that pieces join without a seam.
struct RateConverter {
    /// Samples on each side of the point that is computed.
    private static let reach = 12
    /// Points between two samples that have a filter of their own.
    private static let phases = 128

    /// Input samples per output sample.
    private let step: Double
    /// `phases + 1` filters of `2 * reach` taps.
    private let taps: [Float]
    private var history: [Float]
    private var filled: Int
    /// Where the next output sample lies, in `history`.
    private var place: Double

    /// `longest`: the most samples that are put in at once.
    init(from input: Double, to output: Double, longest: Int) {
        step = input / output
        // Above half of the lower rate nothing may pass; a little less leaves the filter room.
        let cutoff = min(1, output / input) * 0.92
        let width = 2 * Self.reach
        var taps = [Float](repeating: 0, count: (Self.phases + 1) * width)
        for phase in 0...Self.phases {
            let offset = Double(phase) / Double(Self.phases)
            var sum = 0.0
            var row = [Double](repeating: 0, count: width)
            for tap in 0..<width {
                let x = Double(tap - Self.reach + 1) - offset
                let sinc = x == 0 ? 1 : sin(.pi * cutoff * x) / (.pi * cutoff * x)
                let window = 0.5 + 0.5 * cos(.pi * x / Double(Self.reach + 1))
                row[tap] = sinc * window
                sum += row[tap]
            }
            for tap in 0..<width { taps[phase * width + tap] = Float(row[tap] / sum) }
        }
        self.taps = taps
        filled = width
        history = [Float](repeating: 0, count: width + longest + 1)
        place = Double(Self.reach - 1)
    }

    /// The most samples that come out when `count` go in.
    func most(for count: Int) -> Int { Int((Double(count) / step).rounded(.up)) + 1 }

    /// Converts, and returns how many samples came out. What does not fit into `output` is lost, like what is longer than `longest`.
    mutating func convert(_ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Int16>) -> Int {
        let width = 2 * Self.reach
        let taken = min(input.count, history.count - filled)
        for index in 0..<taken { history[filled + index] = input[index] }
        filled += taken
        var made = 0
        while Int(place) + Self.reach < filled, made < output.count {
            let whole = Int(place)
            let phase = Int(((place - Double(whole)) * Double(Self.phases)).rounded())
            var sum: Float = 0
            for tap in 0..<width { sum += history[whole - Self.reach + 1 + tap] * taps[phase * width + tap] }
            output[made] = Int16(clamping: Int((sum * 32_767).rounded()))
            made += 1
            place += step
        }
        // Keeps what the next point needs.
        let spent = min(max(Int(place) - Self.reach + 1, 0), filled)
        for index in spent..<filled { history[index - spent] = history[index] }
        filled -= spent
        place -= Double(spent)
        return made
    }
}
