package dev.doorstep.courier

/** The colours of the app, as 0xRRGGBB. Ink on its ground has a contrast of 4.5 to 1 at least (WCAG 2.1, 1.4.3). */
object Palette {
    const val GROUND = 0xF3F5F7
    const val SURFACE = 0xFFFFFF
    const val EDGE = 0xDDE3E8
    const val INK = 0x14212B
    const val QUIET = 0x566472
    const val BRAND = 0x0A6E5C
    const val ON_BRAND = 0xFFFFFF
    const val GOOD = 0x137A37
    const val WARNING = 0x8F4A00
    const val WARNING_GROUND = 0xFDF0DC
    const val DANGER = 0xC22E37
    const val DANGER_GROUND = 0xFCEBEB

    /** A call is dark, so that a phone at the ear is. */
    const val CALL_TOP = 0x0B2E2B
    const val CALL_BOTTOM = 0x071B1C
    const val CALL_INK = 0xFFFFFF
    const val CALL_QUIET = 0xA8C4C0
    const val CALL_BUTTON = 0x24504B
    const val CALL_ANSWER = 0x1C8F45
    const val CALL_HANG_UP = 0xD63A43
}

/** What draws an icon's lines: Java2D's paths and Android's have the same four words. */
interface Pen {
    fun move(
        x: Float,
        y: Float,
    )

    fun line(
        x: Float,
        y: Float,
    )

    fun curve(
        x1: Float,
        y1: Float,
        x2: Float,
        y2: Float,
        x: Float,
        y: Float,
    )

    fun close()
}

/** A drawing on a square of [SIZE], with lines [STROKE] wide and round, or filled. */
enum class Icon(
    val isFilled: Boolean = false,
    /** Degrees, clockwise, about the middle. */
    val rotation: Float = 0f,
    val draw: Pen.() -> Unit,
) {
    Back(draw = {
        move(15f, 5f)
        line(8f, 12f)
        line(15f, 19f)
    }),
    Forward(draw = {
        move(9f, 5f)
        line(16f, 12f)
        line(9f, 19f)
    }),
    Refresh(draw = {
        move(19.5f, 12f)
        curve(19.5f, 16.1f, 16.1f, 19.5f, 12f, 19.5f)
        curve(7.9f, 19.5f, 4.5f, 16.1f, 4.5f, 12f)
        curve(4.5f, 7.9f, 7.9f, 4.5f, 12f, 4.5f)
        curve(14.5f, 4.5f, 16.7f, 5.7f, 18.1f, 7.6f)
        move(18.7f, 3.6f)
        line(18.5f, 8f)
        line(14.2f, 7.9f)
    }),
    SignOut(draw = {
        move(10f, 4f)
        line(5f, 4f)
        line(5f, 20f)
        line(10f, 20f)
        move(10f, 12f)
        line(20f, 12f)
        move(16f, 8f)
        line(20f, 12f)
        line(16f, 16f)
    }),
    Reachability(draw = {
        circle(12f, 12f, 1.2f)
        move(8f, 16f)
        curve(5.8f, 13.8f, 5.8f, 10.2f, 8f, 8f)
        move(16f, 8f)
        curve(18.2f, 10.2f, 18.2f, 13.8f, 16f, 16f)
        move(5f, 19f)
        curve(1.1f, 15.1f, 1.1f, 8.9f, 5f, 5f)
        move(19f, 5f)
        curve(22.9f, 8.9f, 22.9f, 15.1f, 19f, 19f)
    }),
    HangUp(isFilled = true, draw = { handset() }),
    Phone(isFilled = true, rotation = 225f, draw = { handset() }),
    Microphone(draw = { microphone() }),
    MicrophoneOff(draw = {
        microphone()
        move(4f, 3.5f)
        line(20f, 20.5f)
    }),
    Speaker(draw = {
        move(4f, 9.5f)
        line(4f, 14.5f)
        line(7.5f, 14.5f)
        line(12f, 18.5f)
        line(12f, 5.5f)
        line(7.5f, 9.5f)
        close()
        move(15.5f, 9f)
        curve(17.2f, 10.7f, 17.2f, 13.3f, 15.5f, 15f)
        move(18f, 6.5f)
        curve(21f, 9.5f, 21f, 14.5f, 18f, 17.5f)
    }),
    Hold(draw = {
        move(9f, 5.5f)
        line(9f, 18.5f)
        move(15f, 5.5f)
        line(15f, 18.5f)
    }),
    Keypad(isFilled = true, draw = {
        for (y in listOf(5.5f, 12f, 18.5f)) for (x in listOf(5.5f, 12f, 18.5f)) circle(x, y, 1.7f)
    }),
    Check(draw = {
        move(5f, 12.5f)
        line(10f, 17.5f)
        line(19.5f, 7f)
    }),
    Warning(draw = {
        move(12f, 4f)
        line(21.5f, 20f)
        line(2.5f, 20f)
        close()
        move(12f, 10f)
        line(12f, 14f)
        circle(12f, 17f, 0.3f)
    }),
    Box(draw = {
        move(12f, 3f)
        line(20f, 7.5f)
        line(20f, 16.5f)
        line(12f, 21f)
        line(4f, 16.5f)
        line(4f, 7.5f)
        close()
        move(4f, 7.5f)
        line(12f, 12f)
        line(20f, 7.5f)
        move(12f, 12f)
        line(12f, 21f)
        move(8f, 5.25f)
        line(16f, 9.75f)
    }),
    Person(draw = {
        circle(12f, 8.5f, 4f)
        move(4.5f, 20f)
        curve(5.2f, 16f, 8.2f, 14.8f, 12f, 14.8f)
        curve(15.8f, 14.8f, 18.8f, 16f, 19.5f, 20f)
    }),
    Close(draw = {
        move(6f, 6f)
        line(18f, 18f)
        move(18f, 6f)
        line(6f, 18f)
    }),
    ;

    companion object {
        const val SIZE = 24f
        const val STROKE = 2f
    }
}

/** A cubic curve comes as near to a quarter of a circle as eyes can see with its control points so far out. */
private const val QUARTER = 0.5523f

private fun Pen.circle(
    x: Float,
    y: Float,
    r: Float,
) {
    val c = r * QUARTER
    move(x + r, y)
    curve(x + r, y + c, x + c, y + r, x, y + r)
    curve(x - c, y + r, x - r, y + c, x - r, y)
    curve(x - r, y - c, x - c, y - r, x, y - r)
    curve(x + c, y - r, x + r, y - c, x + r, y)
    close()
}

private fun Pen.microphone() {
    move(15f, 7f)
    line(15f, 11f)
    curve(15f, 12.7f, 13.7f, 14f, 12f, 14f)
    curve(10.3f, 14f, 9f, 12.7f, 9f, 11f)
    line(9f, 6f)
    curve(9f, 4.3f, 10.3f, 3f, 12f, 3f)
    curve(13.7f, 3f, 15f, 4.3f, 15f, 6f)
    line(15f, 7f)
    move(5.5f, 11f)
    curve(5.5f, 14.6f, 8.4f, 17.5f, 12f, 17.5f)
    curve(15.6f, 17.5f, 18.5f, 14.6f, 18.5f, 11f)
    move(12f, 17.5f)
    line(12f, 21f)
}

private fun Pen.handset() {
    move(12f, 8.6f)
    curve(8f, 8.6f, 4.5f, 9.9f, 2.1f, 12.2f)
    curve(1.5f, 12.8f, 1.5f, 13.7f, 2f, 14.3f)
    line(4f, 16.6f)
    curve(4.5f, 17.1f, 5.3f, 17.2f, 5.9f, 16.9f)
    line(8.2f, 15.5f)
    curve(8.7f, 15.2f, 9f, 14.7f, 9f, 14.1f)
    line(9f, 12.4f)
    curve(10f, 12.1f, 11f, 12f, 12f, 12f)
    curve(13f, 12f, 14f, 12.1f, 15f, 12.4f)
    line(15f, 14.1f)
    curve(15f, 14.7f, 15.3f, 15.2f, 15.8f, 15.5f)
    line(18.1f, 16.9f)
    curve(18.7f, 17.2f, 19.5f, 17.1f, 20f, 16.6f)
    line(22f, 14.3f)
    curve(22.5f, 13.7f, 22.5f, 12.8f, 21.9f, 12.2f)
    curve(19.5f, 9.9f, 16f, 8.6f, 12f, 8.6f)
    close()
}
