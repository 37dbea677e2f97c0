import Foundation

/// Samples to speak and to listen to.
enum Sound {
    static func tone(hertz: Double, rate: Int, count: Int) -> [Int16] {
        (0..<count).map { Int16(8000 * sin(2 * .pi * hertz * Double($0) / Double(rate))) }
    }

    /// Louder than noise.
    static func isLoud(_ samples: [Int16]) -> Bool {
        let power = samples.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(samples.count, 1))
        return power.squareRoot() > 1000
    }

    /// A WAV file, 16 bits, mono, 8 kHz.
    static func wav(of samples: [Int16]) -> Data {
        func bytes<Number: FixedWidthInteger>(_ number: Number) -> Data {
            withUnsafeBytes(of: number.littleEndian) { Data($0) }
        }
        let data = samples.reduce(into: Data()) { $0 += bytes($1) }
        var file = Data("RIFF".utf8) + bytes(UInt32(36 + data.count)) + Data("WAVEfmt ".utf8)
        file += bytes(UInt32(16)) + bytes(UInt16(1)) + bytes(UInt16(1)) + bytes(UInt32(8000)) + bytes(UInt32(16000))
        file += bytes(UInt16(2)) + bytes(UInt16(16)) + Data("data".utf8) + bytes(UInt32(data.count))
        return file + data
    }
}
