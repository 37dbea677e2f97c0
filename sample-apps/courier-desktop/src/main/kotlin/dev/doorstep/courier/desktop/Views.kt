package dev.doorstep.courier.desktop

import dev.doorstep.courier.Check
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.Field
import dev.doorstep.courier.Icon
import dev.doorstep.courier.LineStatus
import dev.doorstep.courier.OrderRow
import dev.doorstep.courier.Palette
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Word
import java.awt.Color
import java.awt.Component
import java.awt.Cursor
import java.awt.Dimension
import java.awt.Graphics
import java.awt.Rectangle
import java.awt.event.ActionEvent
import java.awt.event.MouseAdapter
import java.awt.event.MouseEvent
import javax.swing.AbstractAction
import javax.swing.JComponent
import javax.swing.JLabel
import javax.swing.JOptionPane
import javax.swing.JPanel
import javax.swing.JPasswordField
import javax.swing.JScrollPane
import javax.swing.JTextField
import javax.swing.KeyStroke
import javax.swing.Scrollable
import javax.swing.SwingConstants
import javax.swing.SwingUtilities

/** Draws one kind of screen. */
internal interface View<S : Screen> {
    val component: JComponent

    fun show(screen: S)
}

private fun page() = JPanel(grid("insets 20, fillx, wrap, alignx center, gapy 4", "[${Style.COLUMN}!]"))

/** The content of a list that scrolls up and down only. */
private class ScrolledList :
    JPanel(grid("insets 0 1 0 1, fillx, wrap, gapy 10", "[grow, fill, 0::]")),
    Scrollable {
    override fun getPreferredScrollableViewportSize(): Dimension = preferredSize

    override fun getScrollableUnitIncrement(
        visible: Rectangle,
        orientation: Int,
        direction: Int,
    ) = 24

    override fun getScrollableBlockIncrement(
        visible: Rectangle,
        orientation: Int,
        direction: Int,
    ) = visible.height

    override fun getScrollableTracksViewportWidth() = true

    override fun getScrollableTracksViewportHeight() = false
}

internal class SignInView(
    private val app: CourierApp,
) : View<Screen.SignIn> {
    private val typed =
        mapOf(
            Field.Server to JTextField().apply { putClientProperty("JTextField.placeholderText", Word.ServerHint.text) },
            Field.Courier to JTextField(),
            Field.Token to JPasswordField(),
        )
    private val wrong = Field.entries.associateWith { Paragraph(Style.COLUMN, SMALL, Color(Palette.DANGER)) }
    private val trouble = TroubleCard()
    private val button = primary(Word.SignIn.text) { signIn() }.apply { name = Word.SignIn.name }
    override val component: JComponent = page()

    init {
        component.addSpring()
        component.add(label(Word.SignInTitle.text, TITLE))
        component.add(label(Word.SignInAbout.text, BODY, Style.quiet), "gapbottom 10")
        for (field in Field.entries) {
            val box = typed.getValue(field)
            val caption = label(field.label.text, SMALL, Style.quiet)
            caption.labelFor = box
            box.name = field.label.name
            box.font = BODY
            box.margin = java.awt.Insets(9, 10, 9, 10)
            box.addActionListener { signIn() }
            component.add(caption, "gaptop 10")
            component.add(box, "growx, h 42!")
            component.add(wrong.getValue(field), "growx")
        }
        component.add(trouble, "growx, gaptop 16")
        component.add(button, "growx, h 48!, gaptop 20")
        component.addSpring()
        component.addSpring()
    }

    private fun signIn() {
        val token = typed.getValue(Field.Token) as JPasswordField
        app.signIn(typed.getValue(Field.Server).text, typed.getValue(Field.Courier).text, String(token.password))
    }

    override fun show(screen: Screen.SignIn) {
        fill(Field.Server, screen.server)
        fill(Field.Courier, screen.courier)
        for ((field, box) in typed) {
            val error = screen.errors[field]
            wrong.getValue(field).text = error?.text.orEmpty()
            box.putClientProperty("JComponent.outline", if (error == null) null else "error")
            box.isEnabled = !screen.isBusy
        }
        trouble.trouble = screen.trouble
        button.isEnabled = !screen.isBusy
        button.text = if (screen.isBusy) Word.SigningIn.text else Word.SignIn.text
    }

    /** What the courier types is not overwritten with what was typed before. */
    private fun fill(
        field: Field,
        text: String,
    ) {
        val box = typed.getValue(field)
        if (box.text.isEmpty()) box.text = text
    }
}

/** How it stands with the server, as a dot and a line. */
private class StatusLine : JLabel() {
    init {
        font = SMALL
        iconTextGap = 8
    }

    fun show(status: LineStatus) {
        val colour =
            when (status) {
                LineStatus.Reachable -> Color(Palette.GOOD)
                LineStatus.Connecting -> Style.quiet
                LineStatus.Offline -> Color(Palette.WARNING)
                LineStatus.NotReachable, LineStatus.SignedOut -> Color(Palette.DANGER)
            }
        text = status.word.text
        foreground = colour
        icon = Dot(colour)
    }

    private class Dot(
        private val colour: Color,
    ) : javax.swing.Icon {
        override fun getIconWidth() = 9

        override fun getIconHeight() = 9

        override fun paintIcon(
            on: Component?,
            graphics: Graphics,
            x: Int,
            y: Int,
        ) {
            val g = graphics.smooth()
            g.color = colour
            g.fillOval(x, y, 9, 9)
            g.dispose()
        }
    }
}

internal class OrdersView(
    private val app: CourierApp,
) : View<Screen.Orders> {
    private val status = StatusLine()
    private val trouble = TroubleCard()
    private val signIn = secondary(Word.SignIn.text) { app.signOut() }
    private val refresh = tool(Icon.Refresh, Word.Refresh.text) { app.refresh() }
    private val list = ScrolledList()
    private var shown: List<OrderRow>? = emptyList()
    override val component: JComponent = page()

    init {
        val header = row(columns = "[grow][][][]")
        header.add(label(Word.Orders.text, TITLE))
        header.add(refresh)
        header.add(tool(Icon.Reachability, Word.Reachability.text) { app.openReachability() })
        header.add(tool(Icon.SignOut, Word.SignOut.text) { askToSignOut() })
        component.add(header, "growx")
        component.add(status, "gapbottom 8")
        component.add(signIn, "")
        component.add(trouble, "growx, gapbottom 4")
        val scroll = JScrollPane(list, JScrollPane.VERTICAL_SCROLLBAR_AS_NEEDED, JScrollPane.HORIZONTAL_SCROLLBAR_NEVER)
        scroll.border = null
        scroll.isOpaque = false
        scroll.viewport.isOpaque = false
        list.isOpaque = false
        component.add(scroll, "grow, push")
    }

    override fun show(screen: Screen.Orders) {
        status.show(screen.status)
        signIn.isVisible = screen.status == LineStatus.SignedOut
        trouble.trouble = screen.trouble
        refresh.isEnabled = !screen.isLoading
        if (screen.orders == shown && list.componentCount > 0) return
        shown = screen.orders
        list.removeAll()
        val orders = screen.orders
        when {
            orders == null -> if (screen.isLoading) list.add(quiet(Word.Loading.text, null), "gaptop 60")
            orders.isEmpty() -> list.add(quiet(Word.NoOrders.text, Word.NoOrdersAbout.text), "gaptop 60")
            else -> orders.forEach { list.add(OrderCard(it) { app.open(it) }) }
        }
        list.revalidate()
        list.repaint()
    }

    private fun quiet(
        heading: String,
        about: String?,
    ): JComponent {
        val panel = row("insets 0, fillx, wrap, gapy 6", "[center, grow]")
        if (about != null) panel.add(JLabel(Glyph(Icon.Box, 44, Color(0x9AA7B2))), "gapbottom 6")
        panel.add(label(heading, if (about == null) BODY else HEADING, if (about == null) Style.quiet else Style.ink))
        if (about != null) panel.add(label(about, BODY, Style.quiet))
        return panel
    }

    private fun askToSignOut() {
        val said = arrayOf<Any>(Word.SignOut.text, Word.Cancel.text)
        val chosen =
            JOptionPane.showOptionDialog(
                SwingUtilities.getWindowAncestor(component),
                Word.SignOutQuestion.text,
                Word.SignOut.text,
                JOptionPane.DEFAULT_OPTION,
                JOptionPane.PLAIN_MESSAGE,
                null,
                said,
                said[1],
            )
        if (chosen == 0) app.signOut()
    }
}

/** An order in the list, to be opened by a click or by the keyboard. */
private class OrderCard(
    order: OrderRow,
    private val open: () -> Unit,
) : Card(columns = "[grow, fill, 0::]8[]") {
    private var isHot = false

    init {
        name = "order ${order.id}"
        add(label(order.title, HEADING), "")
        add(JLabel(Glyph(Icon.Forward, 18, Color(0x9AA7B2))), "spany 2, wrap")
        add(label(order.until, SMALL, Style.quiet))
        isFocusable = true
        cursor = Cursor.getPredefinedCursor(Cursor.HAND_CURSOR)
        toolTipText = order.title
        getAccessibleContext().accessibleName = "${order.title}, ${order.until}"
        addMouseListener(
            object : MouseAdapter() {
                override fun mouseReleased(event: MouseEvent) {
                    if (contains(event.point)) open()
                }

                override fun mouseEntered(event: MouseEvent) = heat(true)

                override fun mouseExited(event: MouseEvent) = heat(false)
            },
        )
        for (key in listOf("ENTER", "SPACE")) getInputMap().put(KeyStroke.getKeyStroke(key), "open")
        actionMap.put(
            "open",
            object : AbstractAction() {
                override fun actionPerformed(event: ActionEvent) = open()
            },
        )
        addFocusListener(
            object : java.awt.event.FocusListener {
                override fun focusGained(event: java.awt.event.FocusEvent) = repaint()

                override fun focusLost(event: java.awt.event.FocusEvent) = repaint()
            },
        )
    }

    private fun heat(on: Boolean) {
        isHot = on
        repaint()
    }

    override fun paintComponent(graphics: Graphics) {
        super.paintComponent(graphics)
        if (!isHot && !isFocusOwner) return
        val g = graphics.smooth()
        g.color = Style.brand
        g.drawRoundRect(0, 0, width - 1, height - 1, 2 * ARC, 2 * ARC)
        g.dispose()
    }
}

internal class OrderView(
    private val app: CourierApp,
) : View<Screen.OrderDetails> {
    private val title = Paragraph(Style.COLUMN, TITLE, mostLines = 3)
    private val until = label("", BODY, Style.quiet)
    private val number = label("", BODY_BOLD)
    private val status = StatusLine()
    private val trouble = TroubleCard()
    private val contact = primary(Word.ContactCustomer.text, Icon.Phone) { app.contact() }.apply { name = Word.ContactCustomer.name }
    private val privacy = Paragraph(Style.COLUMN - 20, SMALL, Style.quiet, isCentred = true)
    override val component: JComponent = page()

    init {
        val header = row(columns = "[][grow]")
        header.add(tool(Icon.Back, Word.Back.text) { app.back() }, "gapleft -8")
        component.add(header, "growx")
        component.add(title, "growx, gaptop 4")
        component.add(until, "growx")
        val card = Card(columns = "[pref!]16[grow, right, 0::]")
        card.add(label(Word.Order.text, BODY, Style.quiet))
        card.add(number)
        component.add(card, "growx, gaptop 14")
        component.add(trouble, "growx, gaptop 12")
        component.addSpring()
        component.add(status, "alignx center, gapbottom 6")
        component.add(contact, "growx, h 52!")
        privacy.text = Word.Privacy.text
        component.add(privacy, "growx, gaptop 8, gapbottom 8")
    }

    override fun show(screen: Screen.OrderDetails) {
        title.text = screen.order.title
        until.text = screen.order.until
        number.text = screen.order.id
        status.show(screen.status)
        trouble.trouble = screen.trouble
        contact.isEnabled = screen.canContact
    }
}

internal class ReachabilityView(
    private val app: CourierApp,
) : View<Screen.Reachability> {
    private val summary = label("", BODY, Style.quiet)
    private val list = row("insets 0, fillx, wrap, gapy 10", "[grow, fill]")
    private var shown: List<Check>? = null
    override val component: JComponent = page()

    init {
        val header = row(columns = "[][grow]")
        header.add(tool(Icon.Back, Word.Back.text) { app.back() }, "gapleft -8")
        component.add(header, "growx")
        component.add(label(Word.Reachability.text, TITLE), "gaptop 4")
        component.add(summary, "growx, gapbottom 12")
        component.add(list, "growx")
        component.addSpring()
        component.add(secondary(Word.CheckAgain.text) { app.checkAgain() }, "growx, h 44!")
    }

    override fun show(screen: Screen.Reachability) {
        summary.text = screen.summary.text
        if (screen.checks == shown) return
        shown = screen.checks
        list.removeAll()
        screen.checks.forEach { list.add(card(it)) }
        list.revalidate()
        list.repaint()
    }

    private fun card(check: Check): JComponent {
        val colour =
            when {
                check.trouble == null -> Color(Palette.GOOD)
                check.blocks -> Color(Palette.DANGER)
                else -> Color(Palette.WARNING)
            }
        val card = Card(columns = "[]12[grow, fill, 0::]8[]")
        card.add(JLabel(Glyph(if (check.trouble == null) Icon.Check else Icon.Warning, 22, colour)), "spany 2")
        card.add(label(check.name, BODY_BOLD))
        if (check.canMend) card.add(secondary(Word.Mend.text) { app.mend(check) }, "spany 2, wrap") else card.add(JLabel("", SwingConstants.RIGHT), "spany 2, wrap")
        val said = Paragraph(if (check.canMend) 190 else 270, SMALL, if (check.trouble == null) Style.quiet else colour)
        said.text = check.trouble ?: Word.Well.text
        card.add(said)
        return card
    }
}
