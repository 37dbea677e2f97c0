plugins {
    id("com.android.application") version "8.13.0" apply false
    id("com.google.gms.google-services") version "4.4.3" apply false
    kotlin("android") version "2.4.21" apply false
    kotlin("jvm") version "2.4.21" apply false
}
