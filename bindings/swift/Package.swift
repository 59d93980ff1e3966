// swift-tools-version: 6.0

import PackageDescription

/// The core as a release ships it. `scripts/build-xcframework.sh` prints the checksum; a release sets both lines.
let released = (
    url: "https://releases.tandem.example/swift/0.1.0/tandemFFI.xcframework.zip",
    checksum: "0000000000000000000000000000000000000000000000000000000000000000"
)

/// `TANDEM_LOCAL_BINARY=1` links the core that `scripts/build-xcframework.sh` built instead.
let isLocal = Context.environment["TANDEM_LOCAL_BINARY"] == "1"

let package = Package(
    name: "Tandem",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "Tandem", targets: ["Tandem"])],
    targets: [
        // Brings two C modules: tandemFFI, which the generated code speaks to, and CTandemAudio, a call's sound.
        isLocal
            ? .binaryTarget(name: "tandemFFI", path: "artifacts/tandemFFI.xcframework")
            : .binaryTarget(name: "tandemFFI", url: released.url, checksum: released.checksum),
        .target(name: "Tandem", dependencies: ["tandemFFI"], path: "Sources/Tandem"),
    ],
    swiftLanguageModes: [.v6]
)
