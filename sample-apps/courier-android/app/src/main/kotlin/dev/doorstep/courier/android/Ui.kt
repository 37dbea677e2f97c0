package dev.doorstep.courier.android

import android.content.Context
import android.content.res.ColorStateList
import android.graphics.Canvas
import android.graphics.ColorFilter
import android.graphics.Paint
import android.graphics.Path
import android.graphics.PixelFormat
import android.graphics.Typeface
import android.graphics.drawable.Drawable
import android.graphics.drawable.GradientDrawable
import android.graphics.drawable.RippleDrawable
import android.os.Build
import android.text.SpannableString
import android.text.Spanned
import android.text.TextUtils
import android.text.style.ImageSpan
import android.view.Gravity
import android.view.View
import android.view.ViewGroup.LayoutParams.MATCH_PARENT
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.widget.Button
import android.widget.ImageButton
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.TextView
import dev.doorstep.courier.Icon
import dev.doorstep.courier.Palette
import dev.doorstep.courier.Pen
import dev.doorstep.courier.Screen
import dev.doorstep.courier.Trouble

// The look, in framework classes only: texts, grounds, icons and buttons that all screens are made of.

/** Draws one kind of screen. */
internal interface ScreenView<S : Screen> {
    val view: View

    fun show(screen: S)
}

internal const val TITLE = 26f
internal const val HEADING = 18f
internal const val BODY = 16f
internal const val SMALL = 14f

internal fun Context.dp(value: Int): Int = (value * resources.displayMetrics.density).toInt()

/** A colour of the palette, opaque. */
internal fun opaque(rgb: Int): Int = rgb or (0xFF shl 24)

internal fun Context.text(
    size: Float = BODY,
    colour: Int = Palette.INK,
    isBold: Boolean = false,
    mostLines: Int = Int.MAX_VALUE,
): TextView =
    TextView(this).apply {
        textSize = size
        setTextColor(opaque(colour))
        if (isBold) typeface = Typeface.create("sans-serif-medium", Typeface.NORMAL)
        maxLines = mostLines
        ellipsize = TextUtils.TruncateAt.END
    }

/** Gone when there is nothing to say. */
internal fun TextView.say(said: String?) {
    text = said.orEmpty()
    visibility = if (said.isNullOrEmpty()) View.GONE else View.VISIBLE
}

internal fun Context.rounded(
    fill: Int,
    edge: Int? = null,
    radius: Int = 12,
): GradientDrawable =
    GradientDrawable().apply {
        setColor(opaque(fill))
        cornerRadius = dp(radius).toFloat()
        if (edge != null) setStroke(dp(1), opaque(edge))
    }

private fun Context.pressable(ground: Drawable) = RippleDrawable(ColorStateList.valueOf(0x33808080), ground, null)

internal fun Context.column(padding: Int = 0): LinearLayout =
    LinearLayout(this).apply {
        orientation = LinearLayout.VERTICAL
        setPadding(dp(padding), dp(padding), dp(padding), dp(padding))
    }

internal fun Context.row(): LinearLayout =
    LinearLayout(this).apply {
        orientation = LinearLayout.HORIZONTAL
        gravity = Gravity.CENTER_VERTICAL
    }

/** A whole screen, clear of the system's bars and the keyboard. */
internal fun Context.page(): LinearLayout =
    column().apply {
        setBackgroundColor(opaque(Palette.GROUND))
        fitsSystemWindows = true
        clipToPadding = false
    }

internal fun LinearLayout.add(
    view: View,
    width: Int = MATCH_PARENT,
    height: Int = WRAP_CONTENT,
    top: Int = 0,
    weight: Float = 0f,
    sides: Int = 0,
) {
    val place = LinearLayout.LayoutParams(width, height, weight)
    place.setMargins(context.dp(sides), context.dp(top), context.dp(sides), 0)
    addView(view, place)
}

/** Takes the room that is left. */
internal fun LinearLayout.addSpring() = add(View(context), height = 0, weight = 1f)

internal fun Context.icon(
    icon: Icon,
    size: Int,
    colour: Int,
): ImageView =
    ImageView(this).apply {
        setImageDrawable(Glyph(icon, dp(size), colour))
        importantForAccessibility = View.IMPORTANT_FOR_ACCESSIBILITY_NO
    }

/** The one thing to do on a screen. */
internal fun Context.primary(
    text: String,
    icon: Icon? = null,
    tap: () -> Unit,
): Button =
    plainButton(text, Palette.ON_BRAND, tap).apply {
        background = pressable(rounded(Palette.BRAND, radius = 14))
        if (icon != null) {
            // Beside the words: a button's own drawable would stand at its edge.
            val glyph = Glyph(icon, dp(20), Palette.ON_BRAND).apply { setBounds(0, 0, intrinsicWidth, intrinsicHeight) }
            val line = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) ImageSpan.ALIGN_CENTER else ImageSpan.ALIGN_BASELINE
            val words = SpannableString("\uFFFC  $text")
            words.setSpan(ImageSpan(glyph, line), 0, 1, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
            this.text = words
            contentDescription = text
        }
    }

/** Off, it is grey and says so to the accessibility services. */
internal fun Button.enable(on: Boolean) {
    isEnabled = on
    alpha = if (on) 1f else 0.4f
}

/** Another thing to do. */
internal fun Context.secondary(
    text: String,
    tap: () -> Unit,
): Button = plainButton(text, Palette.BRAND, tap).apply { background = pressable(rounded(Palette.SURFACE, Palette.EDGE)) }

private fun Context.plainButton(
    text: String,
    colour: Int,
    tap: () -> Unit,
) = Button(this).apply {
    this.text = text
    textSize = BODY
    isAllCaps = false
    stateListAnimator = null
    typeface = Typeface.create("sans-serif-medium", Typeface.NORMAL)
    setTextColor(opaque(colour))
    setPadding(dp(20), 0, dp(20), 0)
    minHeight = dp(48)
    minimumHeight = dp(48)
    setOnClickListener { tap() }
}

/** A tool in a screen's header. */
internal fun Context.tool(
    icon: Icon,
    text: String,
    tap: () -> Unit,
): ImageButton =
    ImageButton(this).apply {
        setImageDrawable(Glyph(icon, dp(24), Palette.INK))
        background = pressable(rounded(Palette.GROUND))
        contentDescription = text
        tooltipText = text
        minimumWidth = dp(48)
        minimumHeight = dp(48)
        setOnClickListener { tap() }
    }

/** A rounded ground for what belongs together. */
internal fun Context.card(isTappable: Boolean = false): LinearLayout =
    row().apply {
        background = if (isTappable) pressable(rounded(Palette.SURFACE, Palette.EDGE)) else rounded(Palette.SURFACE, Palette.EDGE)
        setPadding(dp(16), dp(14), dp(16), dp(14))
    }

/** What went wrong and what to do, or nothing at all. */
internal class TroubleCard(
    context: Context,
) : LinearLayout(context) {
    private val what = context.text(colour = Palette.DANGER, isBold = true)
    private val advice = context.text(SMALL)

    init {
        orientation = HORIZONTAL
        gravity = Gravity.CENTER_VERTICAL
        background = context.rounded(Palette.DANGER_GROUND)
        setPadding(context.dp(16), context.dp(14), context.dp(16), context.dp(14))
        add(context.icon(Icon.Warning, 24, Palette.DANGER), WRAP_CONTENT)
        val words = context.column()
        words.add(what)
        words.add(advice, top = 2)
        add(words, 0, weight = 1f, sides = 12)
        accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
        visibility = GONE
    }

    fun show(trouble: Trouble?) {
        visibility = if (trouble == null) GONE else VISIBLE
        what.text = trouble?.what
        advice.text = trouble?.advice
    }
}

/** An icon of the app's, in a size and a colour. */
internal class Glyph(
    icon: Icon,
    private val size: Int,
    colour: Int,
) : Drawable() {
    private val rotation = icon.rotation
    private val path = Outline().also { icon.draw(it) }.path
    private val paint =
        Paint(Paint.ANTI_ALIAS_FLAG).apply {
            color = opaque(colour)
            style = if (icon.isFilled) Paint.Style.FILL else Paint.Style.STROKE
            strokeWidth = Icon.STROKE
            strokeCap = Paint.Cap.ROUND
            strokeJoin = Paint.Join.ROUND
        }

    override fun draw(canvas: Canvas) {
        val saved = canvas.save()
        canvas.translate(bounds.left.toFloat(), bounds.top.toFloat())
        canvas.scale(bounds.width() / Icon.SIZE, bounds.height() / Icon.SIZE)
        canvas.rotate(rotation, Icon.SIZE / 2, Icon.SIZE / 2)
        canvas.drawPath(path, paint)
        canvas.restoreToCount(saved)
    }

    override fun getIntrinsicWidth() = size

    override fun getIntrinsicHeight() = size

    override fun setAlpha(alpha: Int) {
        paint.alpha = alpha
    }

    override fun setColorFilter(filter: ColorFilter?) {
        paint.colorFilter = filter
    }

    @Deprecated("Android asks no more", ReplaceWith("PixelFormat.TRANSLUCENT"))
    override fun getOpacity() = PixelFormat.TRANSLUCENT

    private class Outline : Pen {
        val path = Path()

        override fun move(
            x: Float,
            y: Float,
        ) = path.moveTo(x, y)

        override fun line(
            x: Float,
            y: Float,
        ) = path.lineTo(x, y)

        override fun curve(
            x1: Float,
            y1: Float,
            x2: Float,
            y2: Float,
            x: Float,
            y: Float,
        ) = path.cubicTo(x1, y1, x2, y2, x, y)

        override fun close() = path.close()
    }
}

