plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

val root = rootDir.resolve("../..")

android {
    namespace = "org.tandem.dialer"
    compileSdk = 35

    defaultConfig {
        applicationId = "org.tandem.dialer"
        // SubscriptionManager.getPhoneNumber and java.lang.ref.Cleaner came with 33.
        minSdk = 33
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
        ndk {
            abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64")
        }
    }

    // Only the ordinary app: the OEM profile uses hidden API, which the SDK does not have, and is built in the OS tree (profiles/oem).
    flavorDimensions += "profile"
    productFlavors {
        create("app") { dimension = "profile" }
    }

    sourceSets {
        getByName("main") {
            kotlin.srcDir(root.resolve("bindings/kotlin/src/main/kotlin"))
            // Written by scripts/build-android.sh, never committed.
            kotlin.srcDir(root.resolve("target/bindings/kotlin"))
            jniLibs.srcDir(root.resolve("target/android/jniLibs"))
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "keep-rules.pro")
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    packaging {
        // Uncompressed and aligned: loaded from the APK itself, also where pages are 16 KiB.
        jniLibs.useLegacyPackaging = false
    }
}

kotlin {
    jvmToolchain(17)
}

dependencies {
    implementation("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.10.2")
    // The aar holds libjnidispatch.so for each ABI; the jar of the same name holds none for Android.
    implementation("net.java.dev.jna:jna:5.17.0@aar")

    testImplementation("org.junit.jupiter:junit-jupiter:5.13.4")
    testRuntimeOnly("org.junit.platform:junit-platform-launcher:1.13.4")
}

tasks.withType<Test>().configureEach {
    useJUnitPlatform()
}
