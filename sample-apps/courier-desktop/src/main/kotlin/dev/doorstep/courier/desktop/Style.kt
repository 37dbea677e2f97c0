package dev.doorstep.courier.desktop

import com.formdev.flatlaf.FlatLaf
import com.formdev.flatlaf.FlatLightLaf
import com.formdev.flatlaf.fonts.inter.FlatInterFont
import dev.doorstep.courier.Icon
import dev.doorstep.courier.Palette
import dev.doorstep.courier.Pen
import net.miginfocom.swing.MigLayout
import java.awt.BasicStroke
import java.awt.Color
import java.awt.Component
import java.awt.Cursor
import java.awt.Dimension
import java.awt.Font
import java.awt.Graphics
import java.awt.Graphics2D
import java.awt.RenderingHints
import java.awt.font.LineBreakMeasurer
import java.awt.font.TextAttribute
import java.awt.font.TextLayout
import java.awt.geom.Path2D
import java.text.AttributedString
import javax.swing.JButton
import javax.swing.JComponent
import javax.swing.JLabel
import javax.swing.JPanel
import javax.swing.UIManager
import kotlin.math.ceil
import javax.swing.Icon as SwingIcon

/** The look, once for all windows. */
internal object Style {
    /** The column that all screens are set in. */
    const val COLUMN = 344
    const val GAP = 12

    val ground = Color(Palette.GROUND)
    val surface = Color(Palette.SURFACE)
    val edge = Color(Palette.EDGE)
    val ink = Color(Palette.INK)
    val quiet = Color(Palette.QUIET)
    val brand = Color(Palette.BRAND)

    fun install() {
        FlatInterFont.install()
        FlatLaf.setPreferredFontFamily(FlatInterFont.FAMILY)
        FlatLaf.setPreferredSemiboldFontFamily(FlatInterFont.FAMILY_SEMIBOLD)
        FlatLaf.setGlobalExtraDefaults(mapOf("@accentColor" to "#%06x".format(Palette.BRAND)))
        FlatLightLaf.setup()
        UIManager.put("Panel.background", ground)
        UIManager.put("Label.foreground", ink)
        UIManager.put("TextComponent.arc", 10)
        UIManager.put("TextComponent.selectAllOnFocusPolicy", "never")
        UIManager.put("Component.focusWidth", 1)
        UIManager.put("ScrollBar.thumbArc", 999)
        UIManager.put("ScrollBar.width", 8)
    }

    fun font(
        size: Int,
        isBold: Boolean = false,
    ): Font = Font(if (isBold) FlatInterFont.FAMILY_SEMIBOLD else FlatInterFont.FAMILY, Font.PLAIN, size)
}

internal val TITLE = Style.font(26, isBold = true)
internal val HEADING = Style.font(17, isBold = true)
internal val BODY = Style.font(15)
internal val BODY_BOLD = Style.font(15, isBold = true)
internal val SMALL = Style.font(13)

/** One line, cut with an ellipsis where it is too long. */
internal fun label(
    text: String,
    font: Font = BODY,
    colour: Color = Style.ink,
): JLabel =
    JLabel().apply {
        // A label from the company that begins with <html> is a text like any other.
        putClientProperty("html.disable", true)
        this.text = text
        this.font = font
        foreground = colour
        minimumSize = Dimension(0, preferredSize.height)
    }

/** Sizes are those of the parts, without what the look leaves free around them. */
internal fun grid(
    layout: String,
    columns: String = "",
    rows: String = "",
) = MigLayout("$layout, novisualpadding, hidemode 3", columns, rows)

/** A panel without a ground of its own. */
internal fun row(
    layout: String = "insets 0, fill",
    columns: String = "",
): JPanel = JPanel(grid(layout, columns)).apply { isOpaque = false }

/** Takes the height that is left. */
internal fun JComponent.addSpring() = add(JLabel(), "push")

/** Anything that is drawn by hand is drawn smoothly. */
internal fun Graphics.smooth(): Graphics2D =
    (create() as Graphics2D).apply {
        setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON)
        setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON)
        setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE)
    }

/** An icon of the app's, in a size and a colour. */
internal class Glyph(
    icon: Icon,
    private val size: Int,
    private val colour: Color,
) : SwingIcon {
    private val isFilled = icon.isFilled
    private val rotation = Math.toRadians(icon.rotation.toDouble())
    private val path = Outline().also { icon.draw(it) }.path

    override fun getIconWidth() = size

    override fun getIconHeight() = size

    override fun paintIcon(
        on: Component?,
        graphics: Graphics,
        x: Int,
        y: Int,
    ) {
        val g = graphics.smooth()
        g.translate(x, y)
        g.scale(size / Icon.SIZE.toDouble(), size / Icon.SIZE.toDouble())
        g.rotate(rotation, Icon.SIZE / 2.0, Icon.SIZE / 2.0)
        g.color = colour
        g.stroke = BasicStroke(Icon.STROKE, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND)
        if (isFilled) g.fill(path) else g.draw(path)
        g.dispose()
    }

    private class Outline : Pen {
        val path = Path2D.Float()

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
        ) = path.curveTo(x1, y1, x2, y2, x, y)

        override fun close() = path.closePath()
    }
}

/** A text that breaks into lines at [width], and is cut after [mostLines]. */
internal class Paragraph(
    private val width: Int,
    private val textFont: Font = BODY,
    private val colour: Color = Style.ink,
    private val isCentred: Boolean = false,
    private val mostLines: Int = 6,
) : JComponent() {
    private var lines = emptyList<TextLayout>()

    var text: String = ""
        set(value) {
            if (field == value) return
            field = value
            lines = broken(value)
            getAccessibleContext()?.accessibleName = value
            isVisible = value.isNotEmpty()
            revalidate()
            repaint()
        }

    init {
        isVisible = false
    }

    private fun broken(text: String): List<TextLayout> {
        if (text.isEmpty()) return emptyList()
        val metrics = getFontMetrics(textFont).fontRenderContext
        val found = mutableListOf<TextLayout>()
        for (line in text.lines().filter(String::isNotEmpty)) {
            val characters = AttributedString(line, mapOf(TextAttribute.FONT to textFont)).iterator
            val measurer = LineBreakMeasurer(characters, metrics)
            while (measurer.position < characters.endIndex) {
                if (found.size == mostLines) return found.dropLast(1) + cut(line, measurer.position, found.last().characterCount)
                found += measurer.nextLayout(width.toFloat())
            }
        }
        return found
    }

    /** The last line that is to be seen, so much shorter that it shows that there is more. */
    private fun cut(
        text: String,
        end: Int,
        length: Int,
    ): TextLayout {
        val metrics = getFontMetrics(textFont).fontRenderContext
        var last = text.substring(end - length, end)
        do {
            last = last.dropLast(1).trimEnd { !it.isLetterOrDigit() }
        } while (last.isNotEmpty() && TextLayout("$last…", textFont, metrics).advance > width)
        return TextLayout("$last…", textFont, metrics)
    }

    private val lineHeight get() = ceil(textFont.size * 1.4f).toInt()

    override fun getPreferredSize() = Dimension(width, lines.size * lineHeight)

    override fun getMinimumSize() = Dimension(0, preferredSize.height)

    override fun paintComponent(graphics: Graphics) {
        val g = graphics.smooth()
        g.color = colour
        lines.forEachIndexed { index, line ->
            val x = if (isCentred) (getWidth() - line.advance) / 2 else 0f
            line.draw(g, x, index * lineHeight + (lineHeight - line.ascent - line.descent) / 2 + line.ascent)
        }
        g.dispose()
    }

    override fun getAccessibleContext() = accessibleContext ?: object : AccessibleJComponent() {}.also { accessibleContext = it }
}

/** A rounded ground for what belongs together. */
internal open class Card(
    private val fill: Color = Style.surface,
    private val outline: Color? = Style.edge,
    layout: String = "insets 14 16 14 16, fillx",
    columns: String = "",
) : JPanel(grid(layout, columns)) {
    init {
        isOpaque = false
    }

    override fun paintComponent(graphics: Graphics) {
        val g = graphics.smooth()
        g.color = fill
        g.fillRoundRect(0, 0, width - 1, height - 1, 2 * ARC, 2 * ARC)
        if (outline != null) {
            g.color = outline
            g.drawRoundRect(0, 0, width - 1, height - 1, 2 * ARC, 2 * ARC)
        }
        g.dispose()
    }

    protected companion object {
        const val ARC = 12
    }
}

/** What went wrong and what to do, or nothing at all. */
internal class TroubleCard(
    width: Int = Style.COLUMN,
) : Card(Color(Palette.DANGER_GROUND), null, columns = "[]10[grow]") {
    private val what = Paragraph(width - 66, BODY_BOLD, Color(Palette.DANGER))
    private val advice = Paragraph(width - 66, SMALL, Style.ink)

    init {
        add(JLabel(Glyph(Icon.Warning, 20, Color(Palette.DANGER))), "spany 2, top")
        add(what, "wrap 2")
        add(advice, "")
        isVisible = false
    }

    var trouble: dev.doorstep.courier.Trouble? = null
        set(value) {
            field = value
            isVisible = value != null
            what.text = value?.what.orEmpty()
            advice.text = value?.advice.orEmpty()
        }
}

/** The one thing to do on a screen. */
internal fun primary(
    text: String,
    icon: Icon? = null,
    tap: () -> Unit,
): JButton =
    JButton(text).apply {
        font = BODY_BOLD
        if (icon != null) {
            this.icon = Glyph(icon, 20, Color(Palette.ON_BRAND))
            disabledIcon = Glyph(icon, 20, Color(0x8A969F))
            iconTextGap = 10
        }
        putClientProperty(
            "FlatLaf.style",
            "arc: 14; margin: 12,20,12,20; borderWidth: 0; background: #%06x; foreground: #ffffff; focusedBackground: null; "
                .format(Palette.BRAND) +
                "hoverBackground: lighten(#%06x,5%%); pressedBackground: darken(#%06x,5%%); disabledBackground: #DDE3E8; disabledText: #7A8792; "
                    .format(Palette.BRAND, Palette.BRAND),
        )
        cursor = Cursor.getPredefinedCursor(Cursor.HAND_CURSOR)
        addActionListener { tap() }
    }

/** Another thing to do. */
internal fun secondary(
    text: String,
    tap: () -> Unit,
): JButton =
    JButton(text).apply {
        font = BODY_BOLD
        putClientProperty("FlatLaf.style", "arc: 12; margin: 9,16,9,16; foreground: #%06x".format(Palette.BRAND))
        cursor = Cursor.getPredefinedCursor(Cursor.HAND_CURSOR)
        addActionListener { tap() }
    }

/** A tool in a screen's header. */
internal fun tool(
    icon: Icon,
    text: String,
    tap: () -> Unit,
): JButton =
    JButton(Glyph(icon, 22, Style.ink)).apply {
        name = text
        toolTipText = text
        disabledIcon = Glyph(icon, 22, Color(0xAEB8C0))
        getAccessibleContext().accessibleName = text
        putClientProperty("JButton.buttonType", "toolBarButton")
        putClientProperty("FlatLaf.style", "toolbar.margin: 8,8,8,8; arc: 14")
        cursor = Cursor.getPredefinedCursor(Cursor.HAND_CURSOR)
        addActionListener { tap() }
    }
