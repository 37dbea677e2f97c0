import Foundation

@testable import Doorstep

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

let customer = "+4917612345678"
let company = "+493022220000"

/// A real gateway and a customer's real phone, as processes of their own; if wished, a real push-service before a stand-in for Apple.
/// All end with ``stop()``.
final class Stage: @unchecked Sendable {
    /// Where apps connect to.
    let edge: URL
    /// Who wakes closed apps.
    let wakes: Wakes?

    private static let key = "a key of the company's backend"
    private let folder: URL
    private let gateway: Program
    private let api: String
    private let phoneAddress: String
    private let trunkAddress: String
    private let phones = Locked<[Program]>([])

    static func open(withPush: Bool = false) async throws -> Stage {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("doorstep-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let wakes = withPush ? try await Wakes(in: folder) : nil
        let (phone, trunk) = ("127.0.0.1:\(try freePort())", "127.0.0.1:\(try freePort())")
        let hash = try Program.output("doorstep-gateway", ["hash-key"], input: key)
        let configuration = """
            [edge]
            listen = "127.0.0.1:0"
            insecure_loopback = true
            [auth]
            jwt_secret = "an HS256 secret of thirty-two or more bytes"
            [api]
            listen = "127.0.0.1:0"
            keys = ["\(hash.filter { $0.isHexDigit }.suffix(64))"]
            [store]
            path = "\(folder.appendingPathComponent("gateway.db").path)"
            [trunk]
            udp = "\(trunk)"
            carrier = "\(phone)"
            options_interval_s = 0
            [media]
            edge_ips = ["127.0.0.1"]
            trunk_ip = "127.0.0.1"
            [numbers]
            company = ["\(company)"]
            \(wakes?.gatewayLines ?? "")
            """
        try Data(configuration.utf8).write(to: folder.appendingPathComponent("gateway.toml"))
        let gateway = try Program(
            "doorstep-gateway", ["--config", folder.appendingPathComponent("gateway.toml").path, "--ready-json"])
        let ready = try await gateway.line()
        guard let edge = ready["edge"].flatMap(URL.init), let api = ready["api"] else {
            throw TooLate(description: "the gateway's ready line names no addresses")
        }
        return Stage(
            folder: folder, wakes: wakes, gateway: gateway, edge: edge, api: api, phone: phone, trunk: trunk)
    }

    private init(
        folder: URL, wakes: Wakes?, gateway: Program, edge: URL, api: String, phone: String, trunk: String
    ) {
        self.folder = folder
        self.wakes = wakes
        self.gateway = gateway
        self.edge = edge
        self.api = api
        phoneAddress = phone
        trunkAddress = trunk
    }

    /// The SDK of a courier who speaks a tone.
    func sdk(
        courier: String = "anna", audio: Audio = .tone(hertz: 440), installation: UUID? = nil, push: PushTarget? = nil
    ) throws -> Doorstep {
        try Doorstep(configuration: configuration(courier: courier, audio: audio, installation: installation, push: push))
    }

    func configuration(
        courier: String = "anna", audio: Audio = .tone(hertz: 440), installation: UUID? = nil, push: PushTarget? = nil
    ) -> Configuration {
        Configuration(
            gateway: edge, installation: installation, push: push, audio: audio,
            tokens: { [self] in try token(courier: courier) })
    }

    /// As the company's backend mints it.
    func token(courier: String = "anna", seconds: Int = 3600) throws -> String {
        let file = folder.appendingPathComponent("gateway.toml").path
        return try Program.output(
            "doorstep-gateway", ["token", "--config", file, "--courier", courier, "--ttl", "\(seconds)"])
    }

    /// The customer's phone, which waits to be called or calls.
    func phone(_ words: String..., says wav: URL? = nil) async throws -> Program {
        var arguments = ["--json", "--bind", phoneAddress, "--trunk", trunkAddress, "--number", customer]
        if let wav { arguments += ["--play", wav.path] }
        let phone = try Program("customer-phone", arguments + words)
        phones.with { $0.append(phone) }
        try await phone.event("listening")
        return phone
    }

    /// An order that is open for an hour.
    func openOrder(_ id: String, courier: String = "anna") async throws {
        let closes = ISO8601DateFormatter().string(from: Date().addingTimeInterval(3600))
        let order = ["courier": courier, "customer": customer, "label": "Order \(id)", "closes_at": closes]
        let status = try await http("PUT", "\(api)/v1/orders/\(id)", key: Self.key, body: order).status
        guard status == 201 else { throw TooLate(description: "the gateway answers \(status) to an order") }
    }

    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }

    func stop() {
        for phone in phones.with({ $0 }) { phone.stop() }
        gateway.stop()
        wakes?.stop()
        try? FileManager.default.removeItem(at: folder)
    }
}

/// A request and its answer.
func http(
    _ method: String, _ url: String, key: String, body: [String: String]? = nil
) async throws -> (status: Int, body: Data) {
    guard let url = URL(string: url) else { throw TooLate(description: "not a URL: \(url)") }
    var request = URLRequest(url: url)
    request.httpMethod = method
    request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization")
    if let body {
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try JSONSerialization.data(withJSONObject: body)
    }
    let ready = request
    let (data, response) = try await within("the answer to \(method)") { try await URLSession.shared.data(for: ready) }
    return ((response as? HTTPURLResponse)?.statusCode ?? 0, data)
}

/// A UDP port of the loopback that nobody has.
private func freePort() throws -> UInt16 {
    #if canImport(Glibc)
        let datagrams = Int32(SOCK_DGRAM.rawValue)
    #else
        let datagrams = SOCK_DGRAM
    #endif
    let socket = socket(AF_INET, datagrams, 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
        }
    }
    guard bound else { throw TooLate(description: "no port") }
    return UInt16(bigEndian: address.sin_port)
}
