// For the Android sample's Gradle; here, Maven builds it.
plugins {
    kotlin("jvm")
}

kotlin {
    jvmToolchain(17)
    compilerOptions {
        // Android 8 has no StringConcatFactory.
        freeCompilerArgs.add("-Xstring-concat=inline")
    }
}

dependencies {
    api("dev.doorstep:doorstep:0.1.0") {
        // The Android app has it as an AAR.
        exclude(group = "net.java.dev.jna")
    }
    implementation("org.jetbrains.kotlinx:kotlinx-serialization-json:1.12.0")
}

// Its tests run with Maven, over the real library: `cargo xtask test kotlin`.
sourceSets["test"].kotlin.setSrcDirs(emptyList<String>())
