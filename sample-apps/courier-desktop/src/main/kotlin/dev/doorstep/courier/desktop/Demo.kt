package dev.doorstep.courier.desktop

import dev.doorstep.courier.Account
import dev.doorstep.courier.AccountStore
import dev.doorstep.courier.Icon
import dev.doorstep.stage.COMPANY
import dev.doorstep.stage.Program
import dev.doorstep.stage.Stage
import java.awt.Window
import java.util.concurrent.Executors
import javax.swing.JComboBox
import javax.swing.JFrame
import javax.swing.JPanel
import javax.swing.SwingUtilities
import javax.swing.WindowConstants

/**
 * A gateway on this computer with a few orders, and a customer's telephone in a window of its own: it is called, and calls. All of it ends
 * with the app.
 */
internal class Demo : AutoCloseable {
    private val stage = Stage()
    private var phone: CustomersPhone? = null

    /** Signed in already; nothing is kept. */
    val account =
        object : AccountStore {
            private var now: Account? = Account(stage.edge, COURIER, stage.token(COURIER))

            override fun load() = now

            override fun save(account: Account) {
                now = account
            }

            override fun clear() {
                now = null
            }
        }

    init {
        stage.openOrder("4711", COURIER, "Pizza Napoli, 2 boxes")
        stage.openOrder("4712", COURIER, "Sushi Garden, table for two, ring at the back door")
        stage.openOrder("4713", COURIER, "Flower shop", hours = 5)
    }

    /** Opens the customer's window. */
    fun show(beside: Window): JFrame = CustomersPhone(stage).also { phone = it }.show(beside)

    override fun close() {
        phone?.close()
        stage.close()
    }

    private companion object {
        const val COURIER = "anna"
    }
}

/** What the customer's telephone does when it is called. */
private enum class Habit(
    val text: String,
    vararg val words: String,
) {
    Answers("Answers after two seconds", "answer", "--after", "2000"),
    Busy("Is busy", "answer", "--busy"),
    Away("Nobody answers", "answer", "--no-answer"),
}

private class CustomersPhone(
    private val stage: Stage,
) : AutoCloseable {
    private val frame = JFrame("Customer's phone")
    private val status = label("Waits to be called", BODY, Style.quiet)
    private val habit = JComboBox(Habit.entries.map { it.text }.toTypedArray())
    private val call = primary("Call the courier", Icon.Phone) { start("call", COMPANY) }.apply { name = "customer calls" }
    private val hangUp = secondary("Hang up") { rest() }.apply { name = "customer hangs up" }

    /** Programs come and go one after the other: they have one address. */
    private val line = Executors.newSingleThreadExecutor { Thread(it, "customer's phone").apply { isDaemon = true } }

    @Volatile private var program: Program? = null

    fun show(beside: Window): JFrame {
        val panel = JPanel(grid("insets 20, fillx, wrap, gapy 10", "[260!, fill]"))
        panel.add(label("The customer", HEADING))
        panel.add(status)
        panel.add(label("When called", SMALL, Style.quiet), "gaptop 8")
        panel.add(habit)
        panel.add(call, "h 44!, gaptop 8")
        panel.add(hangUp, "h 40!")
        habit.addActionListener { rest() }
        frame.contentPane = panel
        frame.defaultCloseOperation = WindowConstants.HIDE_ON_CLOSE
        frame.pack()
        frame.setLocation(beside.x + beside.width + 20, beside.y)
        frame.isVisible = true
        rest()
        return frame
    }

    /** Ends what goes on, and waits to be called. */
    private fun rest() = start(*Habit.entries[habit.selectedIndex].words)

    private fun start(vararg words: String) {
        program?.close()
        line.execute {
            try {
                run(*words)
            } catch (_: InterruptedException) {
                // The app was closed.
            }
        }
    }

    private fun run(vararg words: String) {
        val mine = stage.phone(*words)
        program = mine
        say("waits")
        while (true) {
            val told = mine.line()
            if (told.isEmpty()) break
            say(Regex("\"event\":\"([^\"]*)\"").find(told)?.groupValues?.get(1) ?: continue)
        }
        // A call that the customer made is over: the phone waits again. One that was ended from here has a successor already.
        if (words.first() == "call") SwingUtilities.invokeLater { if (program === mine) rest() }
    }

    private fun say(event: String) {
        val text =
            when (event) {
                "waits", "listening", "ended" -> "Waits to be called"
                "incoming", "ringing" -> "Rings"
                "calling", "progress" -> "Calls the company's number"
                "answered", "first_audio" -> "Talks"
                "held" -> "Is put on hold, or back"
                "dtmf" -> "Hears a key"
                else -> return
            }
        SwingUtilities.invokeLater { status.text = text }
    }

    override fun close() {
        line.shutdownNow()
        program?.close()
        frame.dispose()
    }
}
