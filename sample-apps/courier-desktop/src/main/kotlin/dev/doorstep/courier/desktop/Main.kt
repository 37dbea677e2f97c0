package dev.doorstep.courier.desktop

import dev.doorstep.Audio
import dev.doorstep.Doorstep
import dev.doorstep.DoorstepConfig
import dev.doorstep.courier.AccountStore
import dev.doorstep.courier.Check
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.Device
import dev.doorstep.courier.GatewayOrders
import dev.doorstep.courier.Phone
import dev.doorstep.courier.Word
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.swing.Swing
import java.awt.event.WindowAdapter
import java.awt.event.WindowEvent
import javax.swing.SwingUtilities
import javax.swing.WindowConstants
import kotlin.system.exitProcess
import kotlinx.coroutines.Dispatchers as Coroutines

/**
 * The courier's app in a window. Without arguments it signs in to a gateway of yours; `demo` starts one, and a customer's phone beside it.
 */
fun main(arguments: Array<String>) {
    val isDemo = arguments.contentEquals(arrayOf("demo"))
    if (arguments.isNotEmpty() && !isDemo) {
        System.err.println("usage: courier-desktop [demo]")
        exitProcess(2)
    }
    Style.install()
    val demo = if (isDemo) Demo() else null
    SwingUtilities.invokeAndWait {
        val courier = Courier(demo?.account ?: KeptAccount())
        val frame = courier.window.frame
        frame.defaultCloseOperation = WindowConstants.DISPOSE_ON_CLOSE
        frame.addWindowListener(
            object : WindowAdapter() {
                override fun windowClosed(event: WindowEvent) {
                    courier.app.close()
                    demo?.close()
                    exitProcess(0)
                }
            },
        )
        frame.isVisible = true
        demo?.show(beside = frame)
    }
}

/** The app, its window and the computer that they run on, put together. */
internal class Courier(
    accounts: AccountStore,
) {
    private val scope = CoroutineScope(Coroutines.Swing + Job())
    private val sound = ComputerSound()
    private val computer = Computer(sound)

    val app =
        CourierApp(scope, computer, accounts, GatewayOrders()) { account ->
            Phone(account, computer, scope) { config ->
                Doorstep.create(DoorstepConfig(config.gateway, audio = Audio.Device(sound), tokens = config.tokens))
            }
        }
    val window = CourierWindow(app, scope)

    init {
        app.start()
        app.visible(true)
    }
}

/** What this computer has for a call. Which loudspeaker is used is chosen in the system's settings. */
private class Computer(
    private val sound: ComputerSound,
) : Device.Plain() {
    override val soundNotice get() = sound.notice

    override fun checks(): List<Check> =
        listOf(
            Check(Word.CheckMicrophone.text, Word.NoMicrophone.text.takeUnless { sound.hasMicrophone() }),
            Check(Word.CheckSpeaker.text, Word.NoSpeaker.text.takeUnless { sound.hasSpeaker() }),
        )
}
