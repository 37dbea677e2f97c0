package dev.doorstep.courier

import java.time.Instant
import java.util.Base64
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertIs

internal val NOW: Instant = Instant.parse("2026-11-25T12:00:00Z")

/** As a backend mints it, but for the signature, which no app can judge. */
internal fun token(
    courier: String = "anna",
    expires: Instant? = NOW.plusSeconds(3600),
): String = "e30.${encoded("""{"sub":"$courier"${expires?.let { ""","exp":${it.epochSecond}""" }.orEmpty()}}""")}.c2ln"

private fun encoded(text: String) = Base64.getUrlEncoder().withoutPadding().encodeToString(text.toByteArray())

/** What is typed at sign-in is looked at before anything is asked of a server. */
class SignInTest {
    private fun judge(
        server: String = "wss://calls.example.com/ws",
        courier: String = "anna",
        token: String = token(),
    ) = Typed.judge(server, courier, token, NOW)

    private fun wrong(typed: Typed) = assertIs<Typed.Wrong>(typed).errors

    @Test
    fun `what is right becomes an account, without the spaces of a copy`() {
        val account = assertIs<Typed.Right>(judge(" wss://calls.example.com/ws\n", " anna ", "  ${token()}\n ")).account
        assertEquals(listOf("wss://calls.example.com/ws", "anna", token()), listOf(account.server, account.courier, account.token))
        assertIs<Typed.Right>(judge(token = token(expires = null)))
        assertIs<Typed.Right>(judge(server = "ws://127.0.0.1:7443/ws"))
    }

    @Test
    fun `every field is told of`() {
        assertEquals(
            mapOf(Field.Server to Word.ServerMissing, Field.Courier to Word.CourierMissing, Field.Token to Word.TokenMissing),
            wrong(judge("", " ", "")),
        )
    }

    @Test
    fun `a server's address is wss with a path`() {
        for (address in listOf("calls.example.com", "https://calls.example.com/ws", "ws://calls.example.com/ws")) {
            assertEquals(mapOf(Field.Server to Word.ServerNotSecure), wrong(judge(server = address)), address)
        }
        for (address in listOf("wss://", "wss://calls.example.com", "wss://calls.example.com/", "wss://two words/ws", "wss:calls")) {
            assertEquals(mapOf(Field.Server to Word.ServerWrong), wrong(judge(server = address)), address)
        }
    }

    @Test
    fun `a token that is none, another's or has run out is told of`() {
        val json = { text: String -> "e30.${encoded(text)}.c2ln" }
        for (text in listOf("x", "a.b", "a.b.c", "a.%%.c", json("[1]"), json("{"), "${token()}.more", json("""{"exp":1e300}"""))) {
            assertEquals(mapOf(Field.Token to Word.TokenMalformed), wrong(judge(token = text)), text)
        }
        assertEquals(mapOf(Field.Token to Word.TokenOfAnother), wrong(judge(token = token("bert"))))
        assertEquals(mapOf(Field.Token to Word.TokenOfAnother), wrong(judge(token = json("""{"sub":7}"""))))
        assertEquals(mapOf(Field.Token to Word.TokenExpired), wrong(judge(token = token(expires = NOW))))
    }

    @Test
    fun `an account does not print its token or its courier`() {
        val account = Account("wss://calls.example.com/ws", "anna", token())
        assertFalse(account.token in "$account" || "anna" in "$account")
    }
}
