pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositories {
        // The SDK, where it was built on this machine.
        mavenLocal()
        google()
        mavenCentral()
    }
}

rootProject.name = "courier-android"
include(":app", ":courier-logic")
project(":courier-logic").projectDir = file("../courier-logic")
