package dev.doorstep.courier.android

import android.content.Context
import android.text.InputType
import android.view.Gravity
import android.view.View
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.view.inputmethod.EditorInfo
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import dev.doorstep.courier.Check
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.Field
import dev.doorstep.courier.Icon
import dev.doorstep.courier.LineStatus
import dev.doorstep.courier.OrderRow
import dev.doorstep.courier.Palette
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Word

private const val EDGE = 20

internal class SignInView(
    private val context: Context,
    private val app: CourierApp,
) : ScreenView<Screen.SignIn> {
    private val typed = Field.entries.associateWith(::box)
    private val wrong = Field.entries.associateWith { context.text(SMALL, Palette.DANGER) }
    private val trouble = TroubleCard(context)
    private val button = context.primary(Word.SignIn.text) { signIn() }
    override val view: View

    init {
        val column = context.column(EDGE)
        column.add(context.text(TITLE, isBold = true).apply { text = Word.SignInTitle.text }, top = 40)
        column.add(context.text(colour = Palette.QUIET).apply { text = Word.SignInAbout.text }, top = 4)
        for ((field, box) in typed) {
            val caption = context.text(SMALL, Palette.QUIET).apply { text = field.label.text }
            box.id = View.generateViewId()
            caption.labelFor = box.id
            column.add(caption, top = 18)
            column.add(box, top = 6)
            column.add(wrong.getValue(field).apply { say(null) }, top = 4)
        }
        column.add(trouble, top = 20)
        column.add(button, height = context.dp(52), top = 24)
        val page = context.page()
        page.add(ScrollView(context).apply { addView(column) })
        view = page
    }

    private fun box(field: Field) =
        EditText(context).apply {
            textSize = BODY
            setTextColor(opaque(Palette.INK))
            setHintTextColor(opaque(0x8A96A1))
            background = context.rounded(Palette.SURFACE, Palette.EDGE, radius = 10)
            setPadding(context.dp(14), context.dp(12), context.dp(14), context.dp(12))
            setSingleLine()
            val kind =
                when (field) {
                    Field.Server -> InputType.TYPE_TEXT_VARIATION_URI
                    Field.Courier -> InputType.TYPE_TEXT_VARIATION_VISIBLE_PASSWORD
                    Field.Token -> InputType.TYPE_TEXT_VARIATION_PASSWORD
                }
            // No dictionary learns an id or a token.
            inputType = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_NO_SUGGESTIONS or kind
            if (field == Field.Server) hint = Word.ServerHint.text
            imeOptions = if (field == Field.Token) EditorInfo.IME_ACTION_DONE else EditorInfo.IME_ACTION_NEXT
            setOnEditorActionListener { _, action, _ ->
                if (action == EditorInfo.IME_ACTION_DONE) signIn()
                false
            }
        }

    private fun signIn() {
        val (server, courier, token) = Field.entries.map { typed.getValue(it).text.toString() }
        app.signIn(server, courier, token)
    }

    override fun show(screen: Screen.SignIn) {
        fill(Field.Server, screen.server)
        fill(Field.Courier, screen.courier)
        for ((field, box) in typed) {
            val error = screen.errors[field]
            wrong.getValue(field).say(error?.text)
            box.background = context.rounded(Palette.SURFACE, if (error == null) Palette.EDGE else Palette.DANGER, radius = 10)
            box.isEnabled = !screen.isBusy
        }
        trouble.show(screen.trouble)
        button.enable(!screen.isBusy)
        button.text = if (screen.isBusy) Word.SigningIn.text else Word.SignIn.text
    }

    /** What the courier types is not overwritten with what was typed before. */
    private fun fill(
        field: Field,
        text: String,
    ) {
        val box = typed.getValue(field)
        if (box.text.isEmpty()) box.setText(text)
    }
}

/** How it stands with the server, as a dot and a line. */
private fun TextView.show(status: LineStatus) {
    val colour =
        when (status) {
            LineStatus.Reachable -> Palette.GOOD
            LineStatus.Connecting -> Palette.QUIET
            LineStatus.Offline -> Palette.WARNING
            LineStatus.NotReachable, LineStatus.SignedOut -> Palette.DANGER
        }
    text = status.word.text
    setTextColor(opaque(colour))
    val dot = context.rounded(colour, radius = 5).apply { setSize(context.dp(9), context.dp(9)) }
    setCompoundDrawablesRelativeWithIntrinsicBounds(dot, null, null, null)
    compoundDrawablePadding = context.dp(8)
}

private fun Context.header(
    title: String,
    vararg tools: View,
): LinearLayout =
    row().apply {
        add(text(TITLE, isBold = true).apply { text = title }, 0, weight = 1f)
        tools.forEach { add(it, WRAP_CONTENT) }
    }

private fun Context.backHeader(app: CourierApp) = row().apply { add(tool(Icon.Back, Word.Back.text, app::back), WRAP_CONTENT, sides = -12) }

internal class OrdersView(
    private val context: Context,
    private val app: CourierApp,
    signOut: () -> Unit,
) : ScreenView<Screen.Orders> {
    private val status = context.text(SMALL)
    private val signIn = context.secondary(Word.SignIn.text, app::signOut)
    private val trouble = TroubleCard(context)
    private val refresh = context.tool(Icon.Refresh, Word.Refresh.text, app::refresh)
    private val list = context.column()
    private var shown: List<OrderRow>? = emptyList()
    override val view: View

    init {
        val page = context.page()
        val top = context.column(EDGE)
        top.setPadding(context.dp(EDGE), context.dp(12), context.dp(EDGE), context.dp(4))
        val reachability = context.tool(Icon.Reachability, Word.Reachability.text, app::openReachability)
        top.add(context.header(Word.Orders.text, refresh, reachability, context.tool(Icon.SignOut, Word.SignOut.text, signOut)))
        top.add(status, WRAP_CONTENT)
        top.add(signIn, WRAP_CONTENT, top = 12)
        top.add(trouble, top = 12)
        page.add(top)
        list.setPadding(context.dp(EDGE), context.dp(8), context.dp(EDGE), context.dp(EDGE))
        page.add(ScrollView(context).apply { addView(list) }, height = 0, weight = 1f)
        view = page
    }

    override fun show(screen: Screen.Orders) {
        status.show(screen.status)
        signIn.visibility = if (screen.status == LineStatus.SignedOut) View.VISIBLE else View.GONE
        trouble.show(screen.trouble)
        refresh.isEnabled = !screen.isLoading
        refresh.alpha = if (screen.isLoading) 0.4f else 1f
        if (screen.orders == shown && list.childCount > 0) return
        shown = screen.orders
        list.removeAllViews()
        val orders = screen.orders
        when {
            orders == null -> if (screen.isLoading) list.add(quiet(Word.Loading.text, null), top = 60)
            orders.isEmpty() -> list.add(quiet(Word.NoOrders.text, Word.NoOrdersAbout.text), top = 60)
            else -> orders.forEach { list.add(card(it), top = 10) }
        }
    }

    private fun card(order: OrderRow): View {
        val card = context.card(isTappable = true)
        val words = context.column()
        words.add(context.text(HEADING, isBold = true, mostLines = 2).apply { text = order.title })
        words.add(context.text(SMALL, Palette.QUIET).apply { text = order.until }, top = 2)
        card.add(words, 0, weight = 1f)
        card.add(context.icon(Icon.Forward, 20, 0x9AA7B2), WRAP_CONTENT)
        card.contentDescription = "${order.title}, ${order.until}"
        card.setOnClickListener { app.open(order) }
        return card
    }

    private fun quiet(
        heading: String,
        about: String?,
    ): View =
        context.column().apply {
            gravity = Gravity.CENTER_HORIZONTAL
            if (about != null) add(context.icon(Icon.Box, 48, 0x9AA7B2), WRAP_CONTENT)
            add(context.text(if (about == null) BODY else HEADING, isBold = about != null).apply { text = heading }, WRAP_CONTENT, top = 12)
            if (about != null) add(context.text(colour = Palette.QUIET).apply { text = about }, WRAP_CONTENT, top = 4)
        }
}

internal class OrderView(
    context: Context,
    app: CourierApp,
    contact: () -> Unit,
) : ScreenView<Screen.OrderDetails> {
    private val title = context.text(TITLE, isBold = true, mostLines = 4)
    private val until = context.text(colour = Palette.QUIET)
    private val number = context.text(isBold = true, mostLines = 2).apply { gravity = Gravity.END }
    private val status = context.text(SMALL)
    private val trouble = TroubleCard(context)
    private val contact = context.primary(Word.ContactCustomer.text, Icon.Phone, contact)
    override val view: View

    init {
        val page = context.page()
        val body = context.column(EDGE)
        body.setPadding(context.dp(EDGE), context.dp(12), context.dp(EDGE), context.dp(EDGE))
        body.add(context.backHeader(app))
        body.add(title, top = 4)
        body.add(until, top = 4)
        val card = context.card()
        card.add(context.text(colour = Palette.QUIET).apply { text = Word.Order.text }, WRAP_CONTENT)
        number.setPadding(context.dp(16), 0, 0, 0)
        card.add(number, 0, weight = 1f)
        body.add(card, top = 18)
        body.add(trouble, top = 14)
        body.addSpring()
        body.add(status.apply { gravity = Gravity.CENTER_VERTICAL }, WRAP_CONTENT)
        (status.layoutParams as LinearLayout.LayoutParams).gravity = Gravity.CENTER_HORIZONTAL
        body.add(this.contact, height = context.dp(56), top = 10)
        val privacy = context.text(SMALL, Palette.QUIET).apply { gravity = Gravity.CENTER_HORIZONTAL }
        privacy.text = Word.Privacy.text
        body.add(privacy, top = 10)
        page.add(ScrollView(context).apply { isFillViewport = true; addView(body) }, height = 0, weight = 1f)
        view = page
    }

    override fun show(screen: Screen.OrderDetails) {
        title.text = screen.order.title
        until.text = screen.order.until
        number.text = screen.order.id
        status.show(screen.status)
        trouble.show(screen.trouble)
        contact.enable(screen.canContact)
    }
}

internal class ReachabilityView(
    private val context: Context,
    private val app: CourierApp,
) : ScreenView<Screen.Reachability> {
    private val summary = context.text(colour = Palette.QUIET)
    private val list = context.column()
    private var shown: List<Check>? = null
    override val view: View

    init {
        val page = context.page()
        val body = context.column(EDGE)
        body.setPadding(context.dp(EDGE), context.dp(12), context.dp(EDGE), context.dp(EDGE))
        body.add(context.backHeader(app))
        body.add(context.text(TITLE, isBold = true).apply { text = Word.Reachability.text }, top = 4)
        body.add(summary, top = 4)
        body.add(list, top = 10)
        body.addSpring()
        body.add(context.secondary(Word.CheckAgain.text, app::checkAgain), top = 20)
        page.add(ScrollView(context).apply { isFillViewport = true; addView(body) }, height = 0, weight = 1f)
        view = page
    }

    override fun show(screen: Screen.Reachability) {
        summary.text = screen.summary.text
        if (screen.checks == shown) return
        shown = screen.checks
        list.removeAllViews()
        screen.checks.forEach { list.add(card(it), top = 10) }
    }

    private fun card(check: Check): View {
        val colour =
            when {
                check.trouble == null -> Palette.GOOD
                check.blocks -> Palette.DANGER
                else -> Palette.WARNING
            }
        val card = context.card()
        card.add(context.icon(if (check.trouble == null) Icon.Check else Icon.Warning, 24, colour), WRAP_CONTENT)
        val words = context.column()
        words.add(context.text(isBold = true).apply { text = check.name })
        words.add(context.text(SMALL, if (check.trouble == null) Palette.QUIET else colour).apply { text = check.trouble ?: Word.Well.text }, top = 2)
        card.add(words, 0, weight = 1f, sides = 14)
        if (check.canMend) {
            val mend = context.secondary(Word.Mend.text) { app.mend(check) }
            mend.contentDescription = "${Word.Mend.text}: ${check.name}"
            card.add(mend, WRAP_CONTENT)
        }
        return card
    }
}
