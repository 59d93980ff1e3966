#!/bin/sh
# Builds the core for Apple's platforms and assembles what Package.swift links: artifacts/tandemFFI.xcframework and
# Sources/Tandem/Generated/Tandem.swift.
#
# NEEDS macOS with Xcode, and Rust with the targets below. It is not run by tests/run: no Apple toolchain is there. What is
# checked elsewhere: the generated sources, by their golden; the headers, by a C compiler.
#
#   scripts/build-xcframework.sh            all targets
#   scripts/build-xcframework.sh --debug    a debug build
set -eu

if [ "$(uname -s)" != Darwin ]; then
    echo "this needs macOS: xcodebuild assembles the framework" >&2
    exit 2
fi
profile=release
flags=--release
if [ "${1:-}" = --debug ]; then
    profile=debug
    flags=
fi

here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
artifacts=$here/artifacts
export IPHONEOS_DEPLOYMENT_TARGET=17.0 MACOSX_DEPLOYMENT_TARGET=14.0
cd "$root"

# A static library: an app needs no embedded dylib, and the linker drops what is not called. The crate's own crate-type is
# for other platforms, so it is named here.
for triple in aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios aarch64-apple-darwin x86_64-apple-darwin; do
    rustup target add "$triple"
    cargo rustc $flags --package tandem-ffi --target "$triple" --crate-type staticlib
done

# The generator reads the symbols of an unstripped library; that of this machine holds the same API.
cargo build --release --package tandem-ffi --package tandem-bindgen
"$target/release/tandem-bindgen" "$target/release/libtandem.dylib" "$target/bindings"
mkdir -p "$here/Sources/Tandem/Generated"
cp "$target/bindings/swift/Tandem.swift" "$here/Sources/Tandem/Generated/Tandem.swift"

# Two C modules, each in a folder of its name, where clang finds a module.modulemap without being told.
rm -rf "$artifacts"
mkdir -p "$artifacts/headers/tandemFFI" "$artifacts/headers/CTandemAudio"
cp "$target/bindings/swift/tandemFFI.h" "$artifacts/headers/tandemFFI/tandemFFI.h"
cp "$target/bindings/swift/tandemFFI.modulemap" "$artifacts/headers/tandemFFI/module.modulemap"
cp "$root/bindings/ffi/include/tandem_audio.h" "$artifacts/headers/CTandemAudio/tandem_audio.h"
cp "$here/scripts/CTandemAudio.modulemap" "$artifacts/headers/CTandemAudio/module.modulemap"

# One library per platform: the two architectures of a simulator, and of a Mac, share one.
fat() {
    mkdir -p "$artifacts/$1"
    platform=$1
    shift
    lipo -create "$@" -output "$artifacts/$platform/libtandem.a"
}
fat simulator "$target/aarch64-apple-ios-sim/$profile/libtandem.a" "$target/x86_64-apple-ios/$profile/libtandem.a"
fat mac "$target/aarch64-apple-darwin/$profile/libtandem.a" "$target/x86_64-apple-darwin/$profile/libtandem.a"

xcodebuild -create-xcframework \
    -library "$target/aarch64-apple-ios/$profile/libtandem.a" -headers "$artifacts/headers" \
    -library "$artifacts/simulator/libtandem.a" -headers "$artifacts/headers" \
    -library "$artifacts/mac/libtandem.a" -headers "$artifacts/headers" \
    -output "$artifacts/tandemFFI.xcframework"

cd "$artifacts"
ditto -c -k --keepParent tandemFFI.xcframework tandemFFI.xcframework.zip
echo "checksum for Package.swift: $(swift package --package-path "$here" compute-checksum tandemFFI.xcframework.zip)"
