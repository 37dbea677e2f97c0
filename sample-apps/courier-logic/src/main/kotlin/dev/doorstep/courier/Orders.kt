package dev.doorstep.courier

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runInterruptible
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URI
import java.time.Instant
import java.time.format.DateTimeParseException

/** An order of the courier's. */
data class Order(
    val id: String,
    /** What the company wants the screen to say, if anything. */
    val label: String?,
    val closesAt: Instant,
) {
    val title: String get() = label ?: "${Word.Order.text} $id"
}

/** Something that went wrong, and what to do about it, in the courier's words. */
data class Trouble(
    val what: String,
    val advice: String,
) {
    constructor(what: Word, advice: Word) : this(what.text, advice.text)
}

/** Why there is no list. */
class NoOrders(
    val trouble: Trouble,
    /** The token is not taken: only signing in again helps. */
    val isSignedOut: Boolean = false,
) : Exception(trouble.what)

/** Where the courier's open orders come from: the gateway here, a company's own backend in an app of its own. */
fun interface OrderSource {
    /** @throws NoOrders why there are none to be had */
    suspend fun orders(account: Account): List<Order>
}

/** `GET /orders` of the gateway (docs/protocol.md), beside the address that the SDK connects to. */
class GatewayOrders : OrderSource {
    override suspend fun orders(account: Account): List<Order> {
        val (status, body) =
            try {
                runInterruptible(Dispatchers.IO) { ask(address(account.server), account.token) }
            } catch (_: IOException) {
                throw NoOrders(Trouble(Word.NoServer, Word.NoServerAdvice))
            }
        return when (status) {
            200 -> read(body)
            401 -> throw NoOrders(Trouble(Word.Refused, Word.RefusedAdvice), isSignedOut = true)
            in 500..599 -> throw NoOrders(Trouble(Word.ServerTrouble, Word.ServerTroubleAdvice))
            else -> throw NoOrders(NOT_A_GATEWAY)
        }
    }

    private fun address(server: String): URI {
        val uri = uri(server) ?: throw NoOrders(NOT_A_GATEWAY)
        val scheme = if (uri.scheme == "ws") "http" else "https"
        return URI(scheme, null, uri.host, uri.port, uri.path, null, null).resolve("orders")
    }

    private fun ask(
        address: URI,
        token: String,
    ): Pair<Int, String> {
        val connection = address.toURL().openConnection() as HttpURLConnection
        connection.connectTimeout = PATIENCE_MS
        connection.readTimeout = PATIENCE_MS
        // A token goes nowhere but to the server that the courier typed in.
        connection.instanceFollowRedirects = false
        connection.setRequestProperty("Authorization", "Bearer $token")
        connection.setRequestProperty("Accept", "application/json")
        try {
            val status = connection.responseCode
            if (status != HttpURLConnection.HTTP_OK) return status to ""
            return status to connection.inputStream.use { readAtMost(it, MOST_BYTES) }.decodeToString()
        } finally {
            connection.disconnect()
        }
    }

    private fun readAtMost(
        input: java.io.InputStream,
        most: Int,
    ): ByteArray {
        val bytes = java.io.ByteArrayOutputStream()
        val buffer = ByteArray(8 * 1024)
        while (true) {
            val count = input.read(buffer)
            if (count < 0) return bytes.toByteArray()
            bytes.write(buffer, 0, count)
            if (bytes.size() > most) throw NoOrders(NOT_A_GATEWAY)
        }
    }

    private fun read(body: String): List<Order> =
        try {
            Json.parseToJsonElement(body).jsonObject.getValue("orders").jsonArray.map { order ->
                val fields = order.jsonObject
                val closes = fields["closes_at"]?.text() ?: throw NoOrders(NOT_A_GATEWAY)
                Order(fields["id"]?.text() ?: throw NoOrders(NOT_A_GATEWAY), fields["label"]?.text(), Instant.parse(closes))
            }
        } catch (_: SerializationException) {
            throw NoOrders(NOT_A_GATEWAY)
        } catch (_: IllegalArgumentException) {
            throw NoOrders(NOT_A_GATEWAY)
        } catch (_: NoSuchElementException) {
            throw NoOrders(NOT_A_GATEWAY)
        } catch (_: DateTimeParseException) {
            throw NoOrders(NOT_A_GATEWAY)
        }

    private companion object {
        const val PATIENCE_MS = 10_000
        const val MOST_BYTES = 1024 * 1024
        val NOT_A_GATEWAY = Trouble(Word.NotAGateway, Word.NotAGatewayAdvice)
    }
}
