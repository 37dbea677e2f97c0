package dev.doorstep.courier.desktop

import org.junit.jupiter.api.Assumptions.assumeFalse
import java.awt.Component
import java.awt.Container
import java.awt.GraphicsEnvironment
import java.awt.image.BufferedImage
import java.io.File
import javax.imageio.ImageIO
import javax.swing.JFrame
import javax.swing.SwingUtilities

/** What tests do with windows. */
internal object Desktop {
    private val folder = File(System.getProperty("courier.screenshots", "target/screenshots"))

    /** `cargo xtask test` gives them a display of their own. */
    fun needed() {
        assumeFalse(GraphicsEnvironment.isHeadless(), "no display: set DISPLAY, or run `cargo xtask test kotlin`")
        onScreen { Style.install() }
    }

    fun <T> onScreen(block: () -> T): T {
        var result: Result<T>? = null
        SwingUtilities.invokeAndWait { result = runCatching(block) }
        return checkNotNull(result).getOrThrow()
    }

    fun all(root: Container): List<Component> = root.components.filter { it.isVisible }.flatMap { listOf(it) + if (it is Container) all(it) else emptyList() }

    fun named(
        frame: JFrame,
        name: String,
    ): Component? = onScreen { all(frame.contentPane).find { it.name == name } }

    /** Twice as fine as the screen, as on most laptops. */
    fun picture(
        frame: JFrame,
        name: String,
    ) = onScreen {
        val content = frame.contentPane
        val image = BufferedImage(content.width * 2, content.height * 2, BufferedImage.TYPE_INT_RGB)
        val graphics = image.createGraphics()
        graphics.scale(2.0, 2.0)
        content.printAll(graphics)
        graphics.dispose()
        folder.mkdirs()
        ImageIO.write(image, "png", File(folder, "$name.png"))
    }
}
