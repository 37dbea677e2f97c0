package dev.doorstep.courier

import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.doubleOrNull
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.net.URI
import java.net.URISyntaxException
import java.time.Instant
import java.util.Base64

/** Who is signed in, and where. */
class Account(
    /** `wss://HOST/ws`. */
    val server: String,
    /** The courier's id, as the company's backend has it. */
    val courier: String,
    /** What the company's backend gave out for this courier. */
    val token: String,
) {
    /** Whether there is no use in showing the token to the server any more. */
    fun isExpired(now: Instant): Boolean = Claims.of(token)?.expiresAt?.let { now >= it } == true

    /** Without the token, which is no business of a log. */
    override fun toString(): String = "Account($server)"
}

/** Where the account stays while the app is closed. A token is a secret: the platform's protected storage is the place for it. */
interface AccountStore {
    fun load(): Account?

    fun save(account: Account)

    fun clear()
}

/** The fields of the sign-in screen. */
enum class Field(
    val label: Word,
) {
    Server(Word.Server),
    Courier(Word.CourierId),
    Token(Word.Token),
}

/** What was typed, looked at: an account, or what is wrong with each field. */
sealed interface Typed {
    class Right(
        val account: Account,
    ) : Typed

    class Wrong(
        val errors: Map<Field, Word>,
    ) : Typed

    companion object {
        fun judge(
            server: String,
            courier: String,
            token: String,
            now: Instant,
        ): Typed {
            val account = Account(server.trim(), courier.trim(), token.filterNot(Char::isWhitespace))
            val errors =
                buildMap {
                    serverError(account.server)?.let { put(Field.Server, it) }
                    if (account.courier.isEmpty()) put(Field.Courier, Word.CourierMissing)
                    tokenError(account, now)?.let { put(Field.Token, it) }
                }
            return if (errors.isEmpty()) Right(account) else Wrong(errors)
        }

        private fun serverError(server: String): Word? {
            if (server.isEmpty()) return Word.ServerMissing
            val uri = uri(server) ?: return Word.ServerWrong
            val isLocal = uri.host in setOf("localhost", "127.0.0.1", "[::1]")
            return when {
                uri.scheme == null -> Word.ServerNotSecure
                uri.scheme != "wss" && !(uri.scheme == "ws" && isLocal) -> Word.ServerNotSecure
                uri.host == null || uri.path.isNullOrEmpty() || uri.path == "/" -> Word.ServerWrong
                else -> null
            }
        }

        private fun tokenError(
            account: Account,
            now: Instant,
        ): Word? {
            if (account.token.isEmpty()) return Word.TokenMissing
            val claims = Claims.of(account.token) ?: return Word.TokenMalformed
            return when {
                claims.courier != account.courier && account.courier.isNotEmpty() -> Word.TokenOfAnother
                account.isExpired(now) -> Word.TokenExpired
                else -> null
            }
        }
    }
}

/** What a token says of itself (RFC 7519). Nobody but the server can say whether it is true. */
private class Claims(
    val courier: String?,
    val expiresAt: Instant?,
) {
    companion object {
        fun of(token: String): Claims? =
            try {
                val parts = token.split('.')
                val body = Json.parseToJsonElement(Base64.getUrlDecoder().decode(parts[1]).decodeToString()).jsonObject
                val ends = body["exp"]?.jsonPrimitive?.doubleOrNull
                if (parts.size != 3) null else Claims(body["sub"]?.text(), ends?.let { Instant.ofEpochSecond(it.toLong()) })
            } catch (_: SerializationException) {
                null
            } catch (_: IllegalArgumentException) {
                // No Base64, or other JSON than a token's.
                null
            } catch (_: IndexOutOfBoundsException) {
                null
            } catch (_: java.time.DateTimeException) {
                null
            }
    }
}

internal fun kotlinx.serialization.json.JsonElement.text(): String? = (this as? JsonPrimitive)?.takeIf { it.isString }?.content

internal fun uri(text: String): URI? =
    try {
        URI(text)
    } catch (_: URISyntaxException) {
        null
    }
