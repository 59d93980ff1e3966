#!/usr/bin/env bash
# Lays out the dialer as a folder of an OS tree, e.g. packages/apps/TandemDialer:
#
#     profiles/oem/stage.sh <folder> [<jna aar>]
#
# After scripts/build-android.sh; without its libraries, or without JNA's aar, the folder holds everything but them.
set -euo pipefail
out=${1:?usage: stage.sh FOLDER [JNA_AAR]}
mkdir -p "$out/src" "$out/prebuilt"
out=$(cd "$out" && pwd)
aar=${2:+$(realpath "$2")}
cd "$(dirname "$0")/../.."
root=../..

for sources in app/src/main/kotlin app/src/oem/kotlin "$root/bindings/kotlin/src/main/kotlin" "$root/target/bindings/kotlin"; do
    cp -R "$sources/." "$out/src/"
done
# Soong wants the package in the manifest; Gradle wants it out.
sed 's|<manifest |<manifest package="org.tandem.dialer" |' app/src/main/AndroidManifest.xml > "$out/AndroidManifest.xml"
sed 's|<manifest |<manifest package="org.tandem.dialer" |' app/src/oem/AndroidManifest.xml > "$out/AndroidManifest-oem.xml"
cp app/keep-rules.pro "$out/"
cp -R profiles/oem/Android.bp profiles/oem/privapp-permissions-tandem.xml profiles/oem/overlay "$out/"

for abi in arm64-v8a armeabi-v7a x86_64; do
    mkdir -p "$out/prebuilt/$abi"
    lib=$root/target/android/jniLibs/$abi/libtandem.so
    if [ -f "$lib" ]; then cp "$lib" "$out/prebuilt/$abi/"; else echo "missing: libtandem.so for $abi" >&2; fi
    if [ -n "$aar" ]; then unzip -oqj "$aar" "jni/$abi/libjnidispatch.so" -d "$out/prebuilt/$abi"; fi
done
if [ -n "$aar" ]; then
    unzip -oqj "$aar" classes.jar -d "$out/prebuilt"
    mv "$out/prebuilt/classes.jar" "$out/prebuilt/jna.jar"
else
    echo "missing: JNA's aar" >&2
fi
