package dev.doorstep.courier.android

import android.content.Context
import android.content.res.ColorStateList
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.drawable.GradientDrawable
import android.graphics.drawable.RippleDrawable
import android.view.Gravity
import android.view.View
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.widget.Button
import android.widget.GridLayout
import android.widget.ImageButton
import android.widget.LinearLayout
import android.widget.TextView
import dev.doorstep.courier.CallStage
import dev.doorstep.courier.CallView
import dev.doorstep.courier.CourierApp
import dev.doorstep.courier.Icon
import dev.doorstep.courier.LineQuality
import dev.doorstep.courier.Palette
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Word

/** A call, from ringing to why it ended. */
internal class CallScreenView(
    private val context: Context,
    private val app: CourierApp,
    answer: () -> Unit,
) : ScreenView<Screen.Call> {
    private val title = centred(TITLE, Palette.CALL_INK, isBold = true, mostLines = 2)
    private val status = centred(BODY, Palette.CALL_QUIET)
    private val bars = Bars(context)
    private val quality = context.text(SMALL, Palette.CALL_QUIET)
    private val line = context.row()
    private val notice = centred(SMALL, Palette.WARNING)
    private val person = context.icon(Icon.Person, 60, Palette.CALL_QUIET)
    private val keys = centred(TITLE, Palette.CALL_INK, mostLines = 1)
    private val keypad = GridLayout(context)

    private val mute = RoundButton(context, Icon.Microphone, Word.Mute, Icon.MicrophoneOff, tap = app::mute)
    private val speaker = RoundButton(context, Icon.Speaker, Word.Speaker, tap = app::speaker)
    private val hold = RoundButton(context, Icon.Hold, Word.Hold, tap = app::hold)
    private val keypadButton = RoundButton(context, Icon.Keypad, Word.Keypad, tap = app::keypad)
    private val controls = context.row()

    private val decline = RoundButton(context, Icon.HangUp, Word.Decline, colour = Palette.CALL_HANG_UP, tap = app::decline)
    private val answer = RoundButton(context, Icon.Phone, Word.Answer, colour = Palette.CALL_ANSWER, tap = answer)
    private val hangUp = RoundButton(context, Icon.HangUp, Word.HangUp, colour = Palette.CALL_HANG_UP, tap = app::hangUp)
    private val close = RoundButton(context, Icon.Close, Word.Close, tap = app::closeCall)
    private val again = RoundButton(context, Icon.Phone, Word.CallAgain, colour = Palette.CALL_ANSWER, tap = app::callAgain)
    private val endings = context.row()

    override val view: View

    init {
        val body = context.column(20)
        body.background =
            GradientDrawable(GradientDrawable.Orientation.TOP_BOTTOM, intArrayOf(opaque(Palette.CALL_TOP), opaque(Palette.CALL_BOTTOM)))
        body.gravity = Gravity.CENTER_HORIZONTAL
        body.fitsSystemWindows = true
        val inner = context.column()
        inner.gravity = Gravity.CENTER_HORIZONTAL
        inner.setPadding(context.dp(20), context.dp(40), context.dp(20), context.dp(28))
        inner.add(title)
        inner.add(status, top = 4)
        line.add(bars, context.dp(28), context.dp(18))
        line.add(quality, WRAP_CONTENT, sides = 8)
        inner.add(line, WRAP_CONTENT, top = 8)
        notice.background = context.rounded(Palette.WARNING_GROUND)
        notice.setPadding(context.dp(16), context.dp(10), context.dp(16), context.dp(10))
        inner.add(notice, top = 14)
        person.background = GradientDrawable().apply {
            shape = GradientDrawable.OVAL
            setColor(0x16FFFFFF)
        }
        person.setPadding(context.dp(28), context.dp(28), context.dp(28), context.dp(28))
        inner.add(person, WRAP_CONTENT, top = 36)
        inner.add(keys, height = context.dp(40), top = 8)
        keypad.columnCount = 3
        "123456789*0#".forEach { keypad.addView(key(it)) }
        inner.add(keypad, WRAP_CONTENT)
        inner.addSpring()
        for (button in listOf(mute, speaker, hold, keypadButton)) controls.add(button, 0, weight = 1f)
        inner.add(controls, top = 12)
        endings.gravity = Gravity.CENTER
        for (button in listOf(decline, this.answer, hangUp, close, again)) endings.add(button, WRAP_CONTENT, sides = 22)
        inner.add(endings, top = 20)
        body.setPadding(0, 0, 0, 0)
        body.add(inner, height = 0, weight = 1f)
        view = body
    }

    private fun centred(
        size: Float,
        colour: Int,
        isBold: Boolean = false,
        mostLines: Int = 4,
    ): TextView = context.text(size, colour, isBold, mostLines).apply { gravity = Gravity.CENTER_HORIZONTAL }

    private fun key(key: Char): View =
        Button(context).apply {
            text = key.toString()
            textSize = 22f
            setTextColor(opaque(Palette.CALL_INK))
            stateListAnimator = null
            background = disc(Palette.CALL_BUTTON)
            minWidth = 0
            minimumWidth = 0
            setPadding(0, 0, 0, 0)
            setOnClickListener { app.key(key) }
            layoutParams =
                GridLayout.LayoutParams().apply {
                    width = context.dp(56)
                    height = context.dp(56)
                    setMargins(context.dp(12), context.dp(5), context.dp(12), context.dp(5))
                }
        }

    override fun show(screen: Screen.Call) = show(screen.call)

    private fun show(call: CallView) {
        val isGoingOn = call.stage == CallStage.Setup || call.stage == CallStage.Talking
        title.text = call.title
        status.text = call.status
        bars.quality = call.quality
        quality.text = call.quality?.word?.text
        line.visibility = if (call.quality == null) View.INVISIBLE else View.VISIBLE
        notice.say(call.notice)
        person.showIf(!call.isKeypadShown)
        keys.text = call.keys.takeLast(MOST_KEYS)
        keys.showIf(call.isKeypadShown)
        keypad.showIf(call.isKeypadShown)
        controls.showIf(isGoingOn)
        mute.set(call.canMute, call.isMuted)
        speaker.set(call.onSpeaker != null, call.onSpeaker == true)
        hold.set(call.canHold, call.isHeld)
        keypadButton.set(call.canSendKeys, call.isKeypadShown)
        decline.showIf(call.stage == CallStage.Incoming)
        answer.showIf(call.stage == CallStage.Incoming)
        hangUp.showIf(isGoingOn)
        close.showIf(call.stage == CallStage.Ended)
        again.showIf(call.canCallAgain)
    }

    private fun View.showIf(on: Boolean) {
        visibility = if (on) View.VISIBLE else View.GONE
    }

    private companion object {
        const val MOST_KEYS = 16
    }
}

private fun disc(colour: Int) =
    RippleDrawable(
        ColorStateList.valueOf(0x66FFFFFF),
        GradientDrawable().apply {
            shape = GradientDrawable.OVAL
            setColor(opaque(colour))
        },
        null,
    )

/** A round button with its word below. */
private class RoundButton(
    context: Context,
    private val icon: Icon,
    private val word: Word,
    private val iconWhenOn: Icon = icon,
    private val colour: Int = Palette.CALL_BUTTON,
    tap: () -> Unit,
) : LinearLayout(context) {
    private val button = ImageButton(context)

    init {
        orientation = VERTICAL
        gravity = Gravity.CENTER_HORIZONTAL
        add(button, context.dp(64), context.dp(64))
        val caption = context.text(SMALL, Palette.CALL_INK).apply { text = word.text }
        // The button says it already.
        caption.importantForAccessibility = IMPORTANT_FOR_ACCESSIBILITY_NO
        add(caption, WRAP_CONTENT, top = 6)
        button.contentDescription = word.text
        button.setOnClickListener { tap() }
        set(isEnabled = true, isOn = false)
    }

    fun set(
        isEnabled: Boolean,
        isOn: Boolean,
    ) {
        button.isEnabled = isEnabled
        button.isSelected = isOn
        alpha = if (isEnabled) 1f else 0.38f
        button.background = disc(if (isOn) Palette.CALL_INK else colour)
        button.setImageDrawable(Glyph(if (isOn) iconWhenOn else icon, context.dp(28), if (isOn) Palette.CALL_BOTTOM else Palette.CALL_INK))
    }
}

/** Four bars. */
private class Bars(
    context: Context,
) : View(context) {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)

    var quality: LineQuality? = null
        set(value) {
            field = value
            invalidate()
        }

    override fun onDraw(canvas: Canvas) {
        val quality = quality ?: return
        val lit = if (quality.bars >= 3) 0x5FD08A else if (quality.bars == 2) 0xF0B429 else 0xF06A6A
        val unit = height / 18f
        for (bar in 1..4) {
            paint.color = if (bar <= quality.bars) opaque(lit) else 0x32FFFFFF
            val left = (bar - 1) * 7 * unit
            canvas.drawRoundRect(left, (15 - bar * 3) * unit, left + 5 * unit, height.toFloat(), unit, unit, paint)
        }
    }
}
