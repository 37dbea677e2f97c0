package dev.doorstep.courier.android

import android.app.Application
import android.content.Context
import android.content.Intent
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepConfig
import dev.doorstep.DoorstepError
import dev.doorstep.PushTarget
import dev.doorstep.android.AndroidOptions
import dev.doorstep.android.android
import dev.doorstep.android.create
import dev.doorstep.android.handlePush
import dev.doorstep.courier.Account
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.GatewayOrders
import dev.doorstep.courier.OrderSource
import dev.doorstep.courier.Phone
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch

/**
 * All of this app that only the SDK for Android needs. It is made here, in the application: a push may start the app without a screen.
 * What is done with it, call by call, is in the logic's `Phone`.
 */
open class CourierApplication : Application() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main.immediate)
    private val accounts by lazy { KeptAccount(this) }
    private var doorstep: Doorstep? = null

    internal val device by lazy { AndroidDevice(this, scope) }
    internal val app by lazy { CourierApp(scope, device, accounts, orders(), phone = ::phone) }

    override fun onCreate() {
        super.onCreate()
        app.start()
    }

    private fun phone(account: Account) =
        Phone(
            account,
            device,
            scope,
            // In the tap on "answer" Android gives the microphone also to an app that was not open.
            answer = { call -> doorstep?.android?.answer(call) ?: call.answer() },
            connect = { config -> connect(config).also(::keep) },
        )

    /** Starts the SDK: from now on calls ring, also over the lock screen. */
    protected open fun connect(config: DoorstepConfig): Doorstep =
        Doorstep.create(
            this,
            DoorstepConfig(gateway = config.gateway, push = accounts.pushTarget, tokens = config.tokens),
            AndroidOptions(screen = CallActivity::class.java),
        )

    private fun keep(made: Doorstep) {
        doorstep = made
        device.follow(made)
    }

    /** Where the orders come from: the gateway, or a company's own backend. */
    protected open fun orders(): OrderSource = GatewayOrders()

    /** From Firebase's service: the device has a token, or another one. */
    fun pushToken(
        project: String,
        token: String,
    ) {
        val target = PushTarget.fcm(project, token)
        accounts.pushTarget = target
        scope.launch {
            try {
                doorstep?.setPushTarget(target)
            } catch (_: DoorstepError.ShutDown) {
                // The courier has just signed out; the next sign-in takes it along.
            }
        }
    }

    /** From Firebase's service. False: the message is another one's. */
    fun handlePush(
        data: Map<String, String>,
        originalPriority: Int,
        priority: Int,
    ): Boolean = doorstep?.handlePush(data, originalPriority, priority) ?: false

    /** Whether the courier has tapped "answer" on the SDK's notification, which has opened the call's screen with this intent. */
    internal fun isAnswer(intent: Intent): Boolean = doorstep?.android?.isAnswer(intent) == true

    companion object {
        fun of(context: Context): CourierApplication = context.applicationContext as CourierApplication
    }
}
