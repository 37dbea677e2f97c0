plugins {
    id("com.android.application")
    kotlin("android")
}

android {
    namespace = "dev.doorstep.courier.android"
    compileSdk = 35

    defaultConfig {
        applicationId = "dev.doorstep.courier.android"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
    }

    buildTypes {
        release {
            // The SDK's own rules come with its AAR.
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }

    // `plain` rings while the app is open, `fcm` also when it is closed: it needs app/google-services.json.
    flavorDimensions += "push"
    productFlavors {
        create("plain") { dimension = "push" }
        create("fcm") { dimension = "push" }
    }
}

kotlin {
    jvmToolchain(17)
}

dependencies {
    implementation(project(":courier-logic"))
    implementation("dev.doorstep:doorstep-android:0.1.0") {
        // As an AAR below: the jar has no libraries for Android.
        exclude(group = "net.java.dev.jna")
    }
    implementation("net.java.dev.jna:jna:5.18.1@aar")
    implementation("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.11.0")
    "fcmImplementation"("com.google.firebase:firebase-messaging:25.0.1")
}

if (file("google-services.json").exists()) apply(plugin = "com.google.gms.google-services")
