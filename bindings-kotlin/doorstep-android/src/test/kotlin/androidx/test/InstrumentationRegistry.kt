package androidx.test.platform.app

import android.app.Instrumentation
import android.os.Bundle

// Stand-ins for what Robolectric calls of androidx.test, which only Google's own repository has. They keep the names and signatures that
// Robolectric was compiled against, and of what they do only what it relies on.

/** Where Robolectric leaves its instrumentation, to find it again. */
object InstrumentationRegistry {
    private var registered: Instrumentation? = null

    @JvmStatic
    fun registerInstance(
        instrumentation: Instrumentation?,
        @Suppress("unused") arguments: Bundle?,
    ) {
        registered = instrumentation
    }

    @JvmStatic
    fun getInstrumentation(): Instrumentation = checkNotNull(registered) { "Robolectric has not started" }
}
