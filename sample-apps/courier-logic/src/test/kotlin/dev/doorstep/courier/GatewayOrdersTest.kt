package dev.doorstep.courier

import com.sun.net.httpserver.HttpServer
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterEach
import java.net.InetAddress
import java.net.InetSocketAddress
import java.time.Instant
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** The list of orders, from servers that answer well, badly and not at all. The real gateway is in [RealCallTest]. */
class GatewayOrdersTest {
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0).apply { start() }
    private val asked = mutableListOf<String>()

    @AfterEach
    fun end() = server.stop(0)

    private fun answers(
        status: Int,
        body: String = "",
    ) = server.createContext("/") { exchange ->
        asked += "${exchange.requestURI.path} ${exchange.requestHeaders.getFirst("Authorization")}"
        exchange.responseHeaders.add("Location", "/elsewhere")
        exchange.sendResponseHeaders(status, if (body.isEmpty()) -1 else body.toByteArray().size.toLong())
        exchange.responseBody.use { it.write(body.toByteArray()) }
    }

    private fun orders(path: String = "/ws") =
        runBlocking { GatewayOrders().orders(Account("ws://127.0.0.1:${server.address.port}$path", "anna", "a-token")) }

    private fun refusal(): NoOrders = assertFailsWith<NoOrders> { orders() }

    @Test
    fun `orders are read, with and without a label`() {
        answers(200, """{"orders":[{"id":"1","label":"Pizza","closes_at":"2026-11-25T18:30:00Z","new":1},{"id":"2","closes_at":"2026-11-25T19:00:00.5Z"}]}""")
        val (first, second) = orders()
        assertEquals(Order("1", "Pizza", Instant.parse("2026-11-25T18:30:00Z")), first)
        assertEquals("Pizza" to "Order 2", first.title to second.title)
        assertEquals(listOf("/orders Bearer a-token"), asked)
    }

    @Test
    fun `the list is beside the address that the SDK connects to`() {
        answers(200, """{"orders":[]}""")
        assertEquals(emptyList(), orders("/calls/ws"))
        assertEquals(listOf("/calls/orders Bearer a-token"), asked)
    }

    @Test
    fun `a token that is not taken means signing in again`() {
        answers(401)
        val refusal = refusal()
        assertTrue(refusal.isSignedOut)
        assertEquals(Trouble(Word.Refused, Word.RefusedAdvice), refusal.trouble)
    }

    @Test
    fun `a server in trouble is one to try again`() {
        answers(503)
        assertFalse(refusal().isSignedOut)
        assertEquals(Trouble(Word.ServerTrouble, Word.ServerTroubleAdvice), refusal().trouble)
    }

    @Test
    fun `another kind of server is told of, and the token follows no redirection`() {
        answers(302)
        assertEquals(Trouble(Word.NotAGateway, Word.NotAGatewayAdvice), refusal().trouble)
        assertEquals(1, asked.size)
    }

    @Test
    fun `answers that make no sense are told of`() {
        var body = ""
        server.createContext("/") { exchange ->
            exchange.sendResponseHeaders(200, body.toByteArray().size.toLong())
            exchange.responseBody.use { it.write(body.toByteArray()) }
        }
        val nonsense =
            listOf(
                "<html>",
                "[]",
                "{}",
                """{"orders":{}}""",
                """{"orders":[1]}""",
                """{"orders":[{"closes_at":"2026-11-25T18:30:00Z"}]}""",
                """{"orders":[{"id":"1"}]}""",
                """{"orders":[{"id":"1","closes_at":"soon"}]}""",
                """{"orders":[]${" ".repeat(1_100_000)}}""",
            )
        for (text in nonsense) {
            body = text
            assertEquals(Trouble(Word.NotAGateway, Word.NotAGatewayAdvice), refusal().trouble, text.take(60))
        }
    }

    @Test
    fun `nobody there`() {
        server.stop(0)
        assertEquals(Trouble(Word.NoServer, Word.NoServerAdvice), refusal().trouble)
    }
}
