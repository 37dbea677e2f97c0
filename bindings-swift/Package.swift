// swift-tools-version: 6.0
// Doorstep for iOS: masked calls between couriers and customers.
//
// `Generated/` is written by `cargo xtask` and fits one library: Swift over the library's C functions, and on Linux, where the
// tests run, the C headers. An iOS app links an XCFramework: the one that `cargo xtask package ios` has put into `Generated/`, or
// else the released one.

import Foundation
import PackageDescription

let core: [Target]
#if os(Linux)
    core = [.systemLibrary(name: "DoorstepCoreFFI", path: "Generated/DoorstepCoreFFI")]
#else
    /// What was released: `cargo xtask package ios` says both.
    let release = (
        url: "https://github.com/doorstep-voice/doorstep-swift/releases/download/0.1.0/DoorstepCoreFFI.xcframework.zip",
        checksum: "0000000000000000000000000000000000000000000000000000000000000000"
    )
    let local = "Generated/DoorstepCoreFFI.xcframework"
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let isLocal = FileManager.default.fileExists(atPath: here.appendingPathComponent(local).path)
    core = [
        isLocal
            ? .binaryTarget(name: "DoorstepCoreFFI", path: local)
            : .binaryTarget(name: "DoorstepCoreFFI", url: release.url, checksum: release.checksum)
    ]
#endif

let package = Package(
    name: "Doorstep",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Doorstep", targets: ["Doorstep"]),
        .library(name: "DoorstepCallKit", targets: ["DoorstepCallKit"]),
        .library(name: "DoorstepTestSupport", targets: ["DoorstepTestSupport"]),
    ],
    targets: core + [
        .target(
            name: "DoorstepCore",
            dependencies: ["DoorstepCoreFFI"],
            path: "Generated/DoorstepCore",
            // Swift 6.0's compiler crashes over UniFFI's asynchronous callbacks in its own mode; none of this shows in our API.
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: [.linkedLibrary("doorstep_ffi", .when(platforms: [.linux]))]
        ),
        .target(name: "Doorstep", dependencies: ["DoorstepCore", "DoorstepCoreFFI"]),
        .target(name: "DoorstepCallKit", dependencies: ["Doorstep"]),
        .target(name: "DoorstepTestSupport", dependencies: ["Doorstep"]),
        .testTarget(name: "DoorstepTests", dependencies: ["Doorstep"]),
        .testTarget(name: "DoorstepCallKitTests", dependencies: ["DoorstepCallKit", "DoorstepTestSupport"]),
        .testTarget(name: "DoorstepTestSupportTests", dependencies: ["DoorstepTestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
