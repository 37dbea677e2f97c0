// The name under which the system knows a call.

import Foundation

extension UUID {
    /// Made from the gateway's name for a call, the same at every start of the app: a push that comes twice, or after its INVITE, is
    /// about the same call for the system, too. An RFC 9562 version 8 UUID of two FNV-1a sums: nobody's safety hangs on it, and the
    /// name cannot be read from it.
    init(ofCall name: String) {
        let high = Self.sum(name.utf8, from: 0xcbf2_9ce4_8422_2325)
        let low = Self.sum(name.utf8.reversed(), from: 0x6c62_272e_07bb_0142)
        var bytes = withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { [UInt8]($0) }
        bytes[6] = bytes[6] & 0x0f | 0x80
        bytes[8] = bytes[8] & 0x3f | 0x80
        self = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    private static func sum(_ bytes: some Sequence<UInt8>, from basis: UInt64) -> UInt64 {
        bytes.reduce(basis) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}
