package dev.doorstep.stage

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import kotlinx.coroutines.channels.Channel
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.Executors

/** Stands in for push-service, whose API is in docs/push.md: it keeps devices, and hands each wake to the test instead of to Firebase. */
class PushService : AutoCloseable {
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
    private val threads = Executors.newCachedThreadPool()
    private val devices = ConcurrentHashMap<String, String>()

    /** Messages as Firebase hands them to the app. */
    val messages = Channel<Map<String, String>>(Channel.UNLIMITED)

    /** Tokens of devices, as they are registered. */
    val tokens = Channel<String>(Channel.UNLIMITED)

    /** Ids of devices that were taken out. */
    val removed = Channel<String>(Channel.UNLIMITED)

    /** The gateway's `push.url`. */
    val url: String get() = "http://127.0.0.1:${server.address.port}"

    init {
        server.executor = threads
        server.createContext("/") { it.use(::answer) }
        server.start()
    }

    private fun answer(exchange: HttpExchange) {
        val body = exchange.requestBody.readBytes().decodeToString()
        val path = exchange.requestURI.path.trim('/').split('/')
        val (status, said) =
            when (exchange.requestMethod to path[1]) {
                "PUT" to "devices" -> 200.also { register(path[2], body) } to "{}"
                "DELETE" to "devices" -> 204.also { if (devices.remove(path[2]) != null) removed.trySend(path[2]) } to ""
                "POST" to "wakes" -> 202.also { wake(body) } to "{}"
                "GET" to "wakes" -> 200 to devices.keys.joinToString(",", """{"devices":[""", "]}") { """{"device":"$it","state":"sent"}""" }
                "GET" to "users" -> 200 to devices.keys.joinToString(",", """{"devices":[""", "]}") { """{"id":"$it"}""" }
                else -> 204 to ""
            }
        exchange.responseHeaders.add("Content-Type", "application/json")
        exchange.sendResponseHeaders(status, if (said.isEmpty()) -1L else said.length.toLong())
        if (said.isNotEmpty()) exchange.responseBody.write(said.toByteArray())
    }

    private fun register(
        id: String,
        body: String,
    ) {
        devices[id] = body
        tokens.trySend(field(body, "token"))
    }

    private fun wake(body: String) {
        val expires = Regex("\"expires_at\":(\\d+)").find(body)?.groupValues?.get(1) ?: error("no expires_at in $body")
        val message =
            mapOf(
                "v" to "1",
                "kind" to "incoming",
                "call" to field(body, "call"),
                "order" to field(body, "order"),
                "label" to field(body, "label"),
                "sent_at" to System.currentTimeMillis().toString(),
                "expires_at" to expires,
            )
        devices.keys.forEach { _ -> messages.trySend(message) }
    }

    override fun close() {
        server.stop(0)
        threads.shutdownNow()
    }
}

private fun HttpExchange.use(block: (HttpExchange) -> Unit) =
    try {
        block(this)
    } finally {
        close()
    }
