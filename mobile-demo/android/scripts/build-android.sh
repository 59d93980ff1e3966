#!/usr/bin/env bash
# NOT RUN IN CI: needs the Android NDK and cargo-ndk, which are out of reach there.
#
# Builds libtandem.so for every ABI and writes the Kotlin bindings, to where app/build.gradle.kts looks for them:
#
#     target/android/jniLibs/<abi>/libtandem.so
#     target/bindings/kotlin/org/tandem/ffi/tandem.kt
#
# Once:  rustup target add aarch64-linux-android armv7-linux-androideabi x86_64-linux-android
#        cargo install cargo-ndk
#        export ANDROID_NDK_HOME=<where the NDK is>
set -euo pipefail
cd "$(dirname "$0")/../../.."

: "${ANDROID_NDK_HOME:?is not set: where is the NDK?}"
command -v cargo-ndk > /dev/null || { echo "cargo-ndk is not installed" >&2; exit 1; }

api=33
out=target/android/jniLibs

# Phones with pages of 16 KiB refuse a library that is aligned to 4.
export RUSTFLAGS="${RUSTFLAGS:-} -C link-arg=-Wl,-z,max-page-size=16384"
cargo ndk --platform "$api" -t arm64-v8a -t armeabi-v7a -t x86_64 -o "$out" build --release --locked -p tandem-ffi

# The generator reads the symbols of a library that is not stripped: the host's own says the same as the phone's.
unset RUSTFLAGS
cargo build --release --locked -p tandem-ffi -p tandem-bindgen
target/release/tandem-bindgen target/release/libtandem.so target/bindings

find "$out" -name 'libtandem.so' -exec ls -l {} +
