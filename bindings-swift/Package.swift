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
    /// The released XCFramework; nil while there is none.
    let release: (url: String, checksum: String)? = nil
    let local = "Generated/DoorstepCoreFFI.xcframework"
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    if FileManager.default.fileExists(atPath: here.appendingPathComponent(local).path) {
        core = [.binaryTarget(name: "DoorstepCoreFFI", path: local)]
    } else if let release {
        core = [.binaryTarget(name: "DoorstepCoreFFI", url: release.url, checksum: release.checksum)]
    } else {
        fatalError("No XCFramework is released yet. Build it on a Mac: cargo xtask package ios")
    }
#endif

/// Apple's modules, as far as `DoorstepCallKit` uses them, written after Apple's documentation: on Linux, for its tests only.
let standIns: [Target]
let callKit: [Target.Dependency]
let scenarios: [Target.Dependency]
#if os(Linux)
    func standIn(_ module: String, over others: [Target.Dependency] = ["Phone"]) -> Target {
        .target(name: module, dependencies: others, path: "Standins/\(module)")
    }
    standIns = [
        standIn("Phone", over: []), standIn("AVFAudio"), standIn("Network"), standIn("PushKit"), standIn("UIKit"),
        standIn("CallKit", over: ["Phone", "AVFAudio"]), standIn("LiveCommunicationKit", over: ["Phone", "AVFAudio"]),
    ]
    callKit = ["Doorstep", "AVFAudio", "CallKit", "LiveCommunicationKit", "Network", "PushKit", "UIKit"]
    scenarios = [
        "DoorstepCallKit", "DoorstepTestSupport", "AVFAudio", "CallKit", "LiveCommunicationKit", "Network", "Phone", "PushKit",
        "UIKit",
    ]
#else
    standIns = []
    callKit = ["Doorstep"]
    scenarios = ["DoorstepCallKit", "DoorstepTestSupport"]
#endif

let package = Package(
    name: "Doorstep",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Doorstep", targets: ["Doorstep"]),
        .library(name: "DoorstepCallKit", targets: ["DoorstepCallKit"]),
        .library(name: "DoorstepTestSupport", targets: ["DoorstepTestSupport"]),
    ],
    targets: core + standIns + [
        .target(
            name: "DoorstepCore",
            dependencies: ["DoorstepCoreFFI"],
            path: "Generated/DoorstepCore",
            // Swift 6.0's compiler crashes over UniFFI's asynchronous callbacks in its own mode; none of this shows in our API.
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: [.linkedLibrary("doorstep_ffi", .when(platforms: [.linux]))]
        ),
        .target(name: "Doorstep", dependencies: ["DoorstepCore", "DoorstepCoreFFI"]),
        .target(
            name: "DoorstepCallKit",
            dependencies: callKit,
            resources: [.process("PrivacyInfo.xcprivacy")]
        ),
        .target(name: "DoorstepTestSupport", dependencies: ["Doorstep"]),
        .testTarget(name: "DoorstepTests", dependencies: ["Doorstep"]),
        .testTarget(
            name: "DoorstepCallKitTests",
            dependencies: scenarios,
            // XCTest of Swift 6.0 calls the tests of an actor in a way that its own mode refuses.
            swiftSettings: [.swiftLanguageMode(.v5)]
        ),
        .testTarget(name: "DoorstepTestSupportTests", dependencies: ["DoorstepTestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
