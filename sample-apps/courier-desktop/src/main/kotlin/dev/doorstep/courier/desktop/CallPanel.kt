package dev.doorstep.courier.desktop

import dev.doorstep.courier.CallStage
import dev.doorstep.courier.CallView
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.Icon
import dev.doorstep.courier.LineQuality
import dev.doorstep.courier.Palette
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Word
import java.awt.BasicStroke
import java.awt.Color
import java.awt.Cursor
import java.awt.Dimension
import java.awt.GradientPaint
import java.awt.Graphics
import javax.swing.JButton
import javax.swing.JComponent
import javax.swing.JLabel
import javax.swing.JPanel

/** A call, from ringing to why it ended. */
internal class CallPanel(
    private val app: CourierApp,
) : View<Screen.Call> {
    private val title = Paragraph(Style.COLUMN, TITLE, Color(Palette.CALL_INK), isCentred = true, mostLines = 2)
    private val status = Paragraph(Style.COLUMN, BODY, Color(Palette.CALL_QUIET), isCentred = true)
    private val bars = Bars()
    private val notice = Paragraph(Style.COLUMN - 32, SMALL, Color(Palette.WARNING), isCentred = true)
    private val noticeCard = Card(Color(Palette.WARNING_GROUND), null, "insets 10 16 10 16, fillx").apply { add(notice, "growx") }
    private val person = JLabel(Portrait())
    private val keys = Paragraph(Style.COLUMN, TITLE, Color(Palette.CALL_INK), isCentred = true, mostLines = 1)
    private val keypad = row("insets 0, wrap 3, gap 22 8, alignx center")

    private val mute = button(Icon.Microphone, Word.Mute, Icon.MicrophoneOff) { app.mute() }
    private val speaker = button(Icon.Speaker, Word.Speaker) { app.speaker() }
    private val hold = button(Icon.Hold, Word.Hold) { app.hold() }
    private val keypadButton = button(Icon.Keypad, Word.Keypad) { app.keypad() }
    private val controls = row("insets 0, fillx, gapx 0", "[grow, center][grow, center][grow, center][grow, center]")

    private val answer = button(Icon.Phone, Word.Answer, colour = Palette.CALL_ANSWER) { app.answer() }
    private val decline = button(Icon.HangUp, Word.Decline, colour = Palette.CALL_HANG_UP) { app.decline() }
    private val hangUp = button(Icon.HangUp, Word.HangUp, colour = Palette.CALL_HANG_UP) { app.hangUp() }
    private val again = button(Icon.Phone, Word.CallAgain, colour = Palette.CALL_ANSWER) { app.callAgain() }
    private val close = button(Icon.Close, Word.Close) { app.closeCall() }
    private val endings = row("insets 0, fillx", "[grow, center]")

    override val component: JComponent =
        Night().apply {
            layout = grid("insets 40 20 28 20, fillx, wrap, gapy 0, alignx center", "[${Style.COLUMN}!]")
            add(title, "growx")
            add(status, "growx, gaptop 4")
            add(bars, "alignx center, gaptop 6, h 20!")
            add(noticeCard, "growx, gaptop 14")
            add(person, "alignx center, gaptop 44")
            add(keys, "growx, gaptop 10, h 38!")
            add(keypad, "growx, gaptop 4")
            addSpring()
            add(controls, "growx")
            add(endings, "growx, gaptop 20")
        }

    init {
        for (key in "123456789*0#") keypad.add(Key(key) { app.key(key) }, "w 52!, h 52!")
        listOf(mute, speaker, hold, keypadButton).forEach { controls.add(it) }
        listOf(decline, answer, hangUp, close, again).forEach { endings.add(it, "split, gapx 30 30") }
    }

    private fun button(
        icon: Icon,
        word: Word,
        iconWhenOn: Icon = icon,
        colour: Int = Palette.CALL_BUTTON,
        tap: () -> Unit,
    ) = RoundButton(icon, iconWhenOn, word.text, Color(colour), tap).apply { name = word.name }

    override fun show(screen: Screen.Call) = show(screen.call)

    private fun show(call: CallView) {
        title.text = call.title
        status.text = call.status
        bars.quality = call.quality
        bars.isVisible = call.stage == CallStage.Talking
        notice.text = call.notice.orEmpty()
        noticeCard.isVisible = call.notice != null
        person.isVisible = !call.isKeypadShown
        keys.text = call.keys.takeLast(MOST_KEYS)
        keys.isVisible = call.isKeypadShown
        keypad.isVisible = call.isKeypadShown
        controls.isVisible = call.stage == CallStage.Setup || call.stage == CallStage.Talking
        mute.set(call.canMute, call.isMuted)
        speaker.set(call.onSpeaker != null, call.onSpeaker == true)
        hold.set(call.canHold, call.isHeld)
        keypadButton.set(call.canSendKeys, call.isKeypadShown)
        answer.isVisible = call.stage == CallStage.Incoming
        decline.isVisible = call.stage == CallStage.Incoming
        hangUp.isVisible = controls.isVisible
        close.isVisible = call.stage == CallStage.Ended
        again.isVisible = call.canCallAgain
    }

    private companion object {
        const val MOST_KEYS = 16
    }
}

private class Night : JPanel() {
    override fun paintComponent(graphics: Graphics) {
        val g = graphics.smooth()
        g.paint = GradientPaint(0f, 0f, Color(Palette.CALL_TOP), 0f, height.toFloat(), Color(Palette.CALL_BOTTOM))
        g.fillRect(0, 0, width, height)
        g.dispose()
    }
}

private class Portrait : javax.swing.Icon {
    private val person = Glyph(Icon.Person, 58, Color(Palette.CALL_QUIET))

    override fun getIconWidth() = 116

    override fun getIconHeight() = 116

    override fun paintIcon(
        on: java.awt.Component?,
        graphics: Graphics,
        x: Int,
        y: Int,
    ) {
        val g = graphics.smooth()
        g.color = Color(255, 255, 255, 22)
        g.fillOval(x, y, iconWidth, iconHeight)
        g.dispose()
        person.paintIcon(on, graphics, x + 29, y + 29)
    }
}

/** Four bars and what they mean. */
private class Bars : JComponent() {
    var quality: LineQuality? = null
        set(value) {
            field = value
            toolTipText = value?.word?.text
            getAccessibleContext()?.accessibleName = value?.word?.text
            repaint()
        }

    override fun getPreferredSize() = Dimension(160, 20)

    override fun paintComponent(graphics: Graphics) {
        val quality = quality ?: return
        val g = graphics.smooth()
        g.font = SMALL
        val text = quality.word.text
        val start = (width - (BARS + 8 + g.fontMetrics.stringWidth(text))) / 2
        val lit = if (quality.bars >= 3) Color(0x5FD08A) else if (quality.bars == 2) Color(0xF0B429) else Color(0xF06A6A)
        for (bar in 1..4) {
            g.color = if (bar <= quality.bars) lit else Color(255, 255, 255, 50)
            val tall = 3 + bar * 3
            g.fillRoundRect(start + (bar - 1) * 7, 17 - tall, 5, tall, 2, 2)
        }
        g.color = Color(Palette.CALL_QUIET)
        g.drawString(text, start + BARS + 8, 16)
        g.dispose()
    }

    override fun getAccessibleContext() = accessibleContext ?: object : AccessibleJComponent() {}.also { accessibleContext = it }

    private companion object {
        const val BARS = 26
    }
}

/** A round button with its word below. */
private class RoundButton(
    icon: Icon,
    iconWhenOn: Icon,
    private val caption: String,
    private val colour: Color,
    tap: () -> Unit,
) : JButton() {
    private val off = Glyph(icon, 26, Color(Palette.CALL_INK))
    private val on = Glyph(iconWhenOn, 26, Color(Palette.CALL_BOTTOM))

    init {
        toolTipText = caption
        getAccessibleContext().accessibleName = caption
        isContentAreaFilled = false
        isBorderPainted = false
        isFocusPainted = false
        isOpaque = false
        cursor = Cursor.getPredefinedCursor(Cursor.HAND_CURSOR)
        addActionListener { tap() }
    }

    fun set(
        isEnabled: Boolean,
        isOn: Boolean,
    ) {
        this.isEnabled = isEnabled
        isSelected = isOn
        repaint()
    }

    override fun getPreferredSize() = Dimension(84, DISC + 26)

    override fun getMinimumSize() = preferredSize

    override fun paintComponent(graphics: Graphics) {
        val g = graphics.smooth()
        if (!isEnabled) g.composite = java.awt.AlphaComposite.getInstance(java.awt.AlphaComposite.SRC_OVER, 0.38f)
        val x = (width - DISC) / 2
        g.color =
            when {
                isSelected -> Color(Palette.CALL_INK)
                model.isArmed -> colour.darker()
                model.isRollover && isEnabled -> colour.brighter()
                else -> colour
            }
        g.fillOval(x, 2, DISC, DISC)
        if (isFocusOwner) {
            g.color = Color(255, 255, 255, 200)
            g.stroke = BasicStroke(2f)
            g.drawOval(x - 1, 1, DISC + 2, DISC + 2)
        }
        (if (isSelected) on else off).paintIcon(this, g, x + (DISC - 26) / 2, 2 + (DISC - 26) / 2)
        g.font = SMALL
        g.color = Color(Palette.CALL_INK)
        g.drawString(caption, (width - g.fontMetrics.stringWidth(caption)) / 2, DISC + 21)
        g.dispose()
    }

    private companion object {
        const val DISC = 62
    }
}

/** One key of a telephone. */
private class Key(
    private val key: Char,
    tap: () -> Unit,
) : JButton() {
    init {
        name = "key $key"
        getAccessibleContext().accessibleName = key.toString()
        isContentAreaFilled = false
        isBorderPainted = false
        isFocusPainted = false
        isOpaque = false
        cursor = Cursor.getPredefinedCursor(Cursor.HAND_CURSOR)
        addActionListener { tap() }
    }

    override fun paintComponent(graphics: Graphics) {
        val g = graphics.smooth()
        g.color = Color(255, 255, 255, if (model.isArmed) 90 else if (model.isRollover || isFocusOwner) 55 else 28)
        g.fillOval(0, 0, width - 1, height - 1)
        g.font = Style.font(22)
        g.color = Color(Palette.CALL_INK)
        val text = key.toString()
        g.drawString(text, (width - g.fontMetrics.stringWidth(text)) / 2, (height - g.fontMetrics.height) / 2 + g.fontMetrics.ascent)
        g.dispose()
    }
}
