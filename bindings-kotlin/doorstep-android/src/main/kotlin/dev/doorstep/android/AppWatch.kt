package dev.doorstep.android

import android.app.Activity
import android.app.ActivityManager
import android.app.Application
import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.os.Bundle
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import java.net.InetAddress

/** Whether one of the app's activities is on the screen. */
internal class Visibility(
    private val application: Application?,
) : Application.ActivityLifecycleCallbacks,
    AutoCloseable {
    private var started = 0

    /** An activity that was there before this was: it is seen to stop, but not to start. */
    private var earlier = 0
    private val visibleNow = MutableStateFlow(false)

    val visible: StateFlow<Boolean> = visibleNow

    fun start() {
        val process = ActivityManager.RunningAppProcessInfo()
        ActivityManager.getMyMemoryState(process)
        if (process.importance <= ActivityManager.RunningAppProcessInfo.IMPORTANCE_FOREGROUND) earlier = 1
        visibleNow.value = earlier > 0
        application?.registerActivityLifecycleCallbacks(this)
    }

    override fun onActivityStarted(activity: Activity) {
        started += 1
        visibleNow.value = true
    }

    override fun onActivityStopped(activity: Activity) {
        if (started > 0) started -= 1 else earlier = 0
        // One that turns with the phone comes back at once.
        if (started == 0 && !activity.isChangingConfigurations) {
            earlier = 0
            visibleNow.value = false
        }
    }

    override fun onActivityCreated(
        activity: Activity,
        savedInstanceState: Bundle?,
    ) = Unit

    override fun onActivityResumed(activity: Activity) = Unit

    override fun onActivityPaused(activity: Activity) = Unit

    override fun onActivitySaveInstanceState(
        activity: Activity,
        outState: Bundle,
    ) = Unit

    override fun onActivityDestroyed(activity: Activity) = Unit

    override fun close() {
        application?.unregisterActivityLifecycleCallbacks(this)
    }
}

/** Tells when the phone's network is another one, or has other addresses: calls move to it. Losing it is told by its successor. */
internal class NetworkWatch(
    context: Context,
    private val problems: Problems,
    private val changed: () -> Unit,
) : ConnectivityManager.NetworkCallback(),
    AutoCloseable {
    private val connectivity: ConnectivityManager? = context.getSystemService(ConnectivityManager::class.java)
    private var network: Network? = null
    private var addresses: Set<InetAddress>? = null
    private var first = true

    /** Its callback comes on a thread of the system's. Android 11 throws a SecurityException here at times, for no fault of the app. */
    fun start() {
        problems.guard(Problem.NetworkNotWatched) { connectivity?.registerDefaultNetworkCallback(this) }
    }

    @Synchronized
    override fun onAvailable(network: Network) {
        val isOther = network != this.network
        this.network = network
        if (!isOther) return
        addresses = null
        // The first is the one that the SDK started with.
        if (first) first = false else changed()
    }

    @Synchronized
    override fun onLinkPropertiesChanged(
        network: Network,
        properties: LinkProperties,
    ) {
        val now = properties.linkAddresses.mapTo(HashSet()) { it.address }
        val before = addresses
        addresses = now
        if (network == this.network && before != null && before != now) changed()
    }

    @Synchronized
    override fun onLost(network: Network) {
        if (network != this.network) return
        this.network = null
        first = false
    }

    override fun close() {
        // One that was never registered is refused.
        try {
            connectivity?.unregisterNetworkCallback(this)
        } catch (_: RuntimeException) {
            return
        }
    }
}
