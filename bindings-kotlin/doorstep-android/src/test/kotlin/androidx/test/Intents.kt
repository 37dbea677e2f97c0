package androidx.test.runner.intent

import android.app.Instrumentation.ActivityResult
import android.content.Intent

/** Hears of intents; nobody here listens. */
interface IntentMonitor

object IntentMonitorRegistry {
    @JvmStatic
    fun registerInstance(
        @Suppress("unused") monitor: IntentMonitor?,
    ) = Unit
}

/** Answers intents in an activity's stead; nobody here does. */
interface IntentStubber {
    fun getActivityResultForIntent(intent: Intent): ActivityResult?
}

object IntentStubberRegistry {
    @JvmStatic
    fun isLoaded(): Boolean = false

    @JvmStatic
    fun getInstance(): IntentStubber = error("no intent is stubbed here")
}
