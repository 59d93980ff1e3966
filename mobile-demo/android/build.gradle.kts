plugins {
    id("com.android.application") version "8.12.0" apply false
    // The version of bindings/kotlin.
    id("org.jetbrains.kotlin.android") version "2.2.20" apply false
}
