package dev.doorstep.stage

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.withTimeout
import java.io.BufferedReader
import java.io.File
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Files
import java.time.Instant
import java.util.concurrent.LinkedBlockingQueue
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.seconds

/** Longer than anything takes that works. */
val HANG = 30.seconds

private const val API_KEY = "a key of the company's backend"
private const val PUSH_KEY = "a key of the gateway at push-service"
private const val SECRET = "an HS256 secret of thirty-two or more bytes"
const val CUSTOMER = "+4917612345678"
const val COMPANY = "+493022220000"

/** A real gateway and a customer's real phone, as processes of their own. Both end with it. */
class Stage(
    push: PushService? = null,
) : AutoCloseable {
    /** Where it keeps what it writes; gone with it. */
    val dir: File = Files.createTempDirectory("doorstep-kotlin").toFile()
    private val programs = File(System.getProperty("doorstep.programs"))
    private val phoneAddress = "127.0.0.1:${freePort()}"
    private val trunkAddress = "127.0.0.1:${freePort()}"
    private val config = File(dir, "gateway.toml")
    private val gateway: Program
    private val http = HttpClient.newHttpClient()
    private val api: String
    private val phones = mutableListOf<Program>()

    /** Where apps connect to. */
    val edge: String

    init {
        val hash = output(listOf("hash-key"), input = API_KEY).trim()
        config.writeText(
            """
            [edge]
            listen = "127.0.0.1:0"
            insecure_loopback = true
            [auth]
            jwt_secret = "$SECRET"
            [api]
            listen = "127.0.0.1:0"
            keys = ["${hash.filter { it.isLetterOrDigit() }.takeLast(64)}"]
            [store]
            path = "${File(dir, "gateway.db")}"
            [trunk]
            udp = "$trunkAddress"
            carrier = "$phoneAddress"
            options_interval_s = 0
            [media]
            edge_ips = ["127.0.0.1"]
            trunk_ip = "127.0.0.1"
            [numbers]
            company = ["$COMPANY"]
            """.trimIndent() + push?.let { "\n[push]\nurl = \"${it.url}\"\nkey = \"$PUSH_KEY\"\n" }.orEmpty(),
        )
        gateway = Program(listOf(program("doorstep-gateway"), "--config", config.path, "--ready-json"))
        val ready = gateway.line()
        edge = field(ready, "edge")
        api = field(ready, "api")
    }

    /** The customer's phone, which waits to be called or calls. */
    fun phone(vararg words: String): Program = phone(emptyList(), *words)

    /** As [phone], with options. */
    fun phone(
        options: List<String>,
        vararg words: String,
    ): Program {
        val common = listOf("--json", "--bind", phoneAddress, "--trunk", trunkAddress, "--number", CUSTOMER)
        return Program(listOf(program("customer-phone")) + common + options + words).also {
            phones += it
            it.event("listening")
        }
    }

    /** An order of `courier` that is open for so many hours. */
    fun openOrder(
        id: String,
        courier: String,
        label: String = "Order $id",
        hours: Long = 1,
    ) {
        val closes = Instant.now().plusSeconds(hours * 3600)
        val body = """{"courier":"$courier","customer":"$CUSTOMER","label":"$label","closes_at":"$closes"}"""
        val request =
            HttpRequest
                .newBuilder(URI("$api/v1/orders/$id"))
                .header("Authorization", "Bearer $API_KEY")
                .header("Content-Type", "application/json")
                .PUT(HttpRequest.BodyPublishers.ofString(body))
                .build()
        val answer = http.send(request, HttpResponse.BodyHandlers.ofString())
        check(answer.statusCode() == 201) { "${answer.statusCode()} ${answer.body()}" }
    }

    /** As the company's backend mints it. */
    fun token(courier: String): String = output(listOf("token", "--config", config.path, "--courier", courier)).trim()

    private fun output(
        words: List<String>,
        input: String = "",
    ): String {
        val process = ProcessBuilder(listOf(program("doorstep-gateway")) + words).start()
        process.outputStream.use { it.write(input.toByteArray()) }
        val text = process.inputStream.bufferedReader().readText()
        check(process.waitFor() == 0) { process.errorStream.bufferedReader().readText() }
        return text
    }

    private fun program(name: String): String = File(programs, name).path

    override fun close() {
        phones.forEach(Program::close)
        gateway.close()
        dir.deleteRecursively()
    }
}

/** A process whose lines on stdout are events. */
class Program(
    words: List<String>,
) : AutoCloseable {
    private val process = ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val lines = LinkedBlockingQueue<String>()

    init {
        val output: BufferedReader = process.inputStream.bufferedReader()
        thread(isDaemon = true) {
            // Its end closes the stream in the middle of a read.
            runCatching { output.forEachLine(lines::put) }
            lines.put("")
        }
    }

    /** The next line; empty when there are no more. */
    fun line(): String = lines.take()

    /** Reads on to the event of this name. */
    fun event(name: String): String {
        while (true) {
            val line = lines.take()
            check(line.isNotEmpty()) { "no event $name came" }
            if ("\"event\":\"$name\"" in line) return line
        }
    }

    /** As [event], for coroutines. */
    suspend fun await(name: String): String = withTimeout(HANG) { runInterruptible(Dispatchers.IO) { event(name) } }

    override fun close() {
        // Not Process.destroy: that closes the pipe, and a program that still tells of its end would find nobody to tell.
        process.toHandle().destroy()
        process.waitFor()
    }
}

/** A text field of a JSON line. */
fun field(
    json: String,
    name: String,
): String = Regex("\"$name\":\"([^\"]*)\"").find(json)?.groupValues?.get(1) ?: error("no $name in $json")

private fun freePort(): Int = DatagramSocket(0, InetAddress.getLoopbackAddress()).use { it.localPort }
