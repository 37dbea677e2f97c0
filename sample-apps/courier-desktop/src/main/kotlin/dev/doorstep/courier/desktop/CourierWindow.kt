package dev.doorstep.courier.desktop

import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Word
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import java.awt.BorderLayout
import java.awt.Dimension
import javax.swing.JFrame

/** The window: it draws the app's screen, whatever it is. */
internal class CourierWindow(
    private val app: CourierApp,
    scope: CoroutineScope,
) {
    val frame = JFrame(Word.AppName.text)
    private var shown: View<*>? = null

    init {
        frame.minimumSize = Dimension(Style.COLUMN + 56, 600)
        frame.size = Dimension(Style.COLUMN + 76, 760)
        frame.setLocationByPlatform(true)
        frame.contentPane.layout = BorderLayout()
        scope.launch { app.screen.collect(::show) }
    }

    fun show(screen: Screen) {
        when (screen) {
            is Screen.SignIn -> view { SignInView(app) }.show(screen)
            is Screen.Orders -> view { OrdersView(app) }.show(screen)
            is Screen.OrderDetails -> view { OrderView(app) }.show(screen)
            is Screen.Call -> view { CallPanel(app) }.show(screen)
            is Screen.Reachability -> view { ReachabilityView(app) }.show(screen)
        }
    }

    /** The view that is there, when it is of the kind that is wanted; else a new one. */
    private inline fun <reified V : View<*>> view(make: () -> V): V {
        (shown as? V)?.let { return it }
        return make().also { view ->
            shown = view
            frame.contentPane.removeAll()
            frame.contentPane.add(view.component, BorderLayout.CENTER)
            // Nothing looks chosen before the courier chooses; the tab key begins at the top.
            view.component.isFocusable = true
            view.component.requestFocusInWindow()
            frame.revalidate()
            frame.repaint()
            if (view is CallPanel) comeForward()
        }
    }

    /** A call is not overlooked. */
    private fun comeForward() {
        if (frame.extendedState == JFrame.ICONIFIED) frame.extendedState = JFrame.NORMAL
        frame.toFront()
    }
}
