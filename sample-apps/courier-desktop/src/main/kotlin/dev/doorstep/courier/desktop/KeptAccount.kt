package dev.doorstep.courier.desktop

import dev.doorstep.courier.Account
import dev.doorstep.courier.AccountStore
import java.io.IOException
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.nio.file.attribute.PosixFilePermissions
import java.util.Properties
import kotlin.io.path.deleteIfExists
import kotlin.io.path.inputStream
import kotlin.io.path.outputStream

/** The account in a file that only this user can read. A shop's app takes the system's keyring instead. */
internal class KeptAccount(
    private val file: Path = folder().resolve("account.properties"),
) : AccountStore {
    override fun load(): Account? =
        try {
            val kept = Properties().apply { file.inputStream().use(::load) }
            val (server, courier, token) = KEYS.map { kept.getProperty(it) ?: return null }
            Account(server, courier, token)
        } catch (_: IOException) {
            null
        } catch (_: IllegalArgumentException) {
            // Somebody's file, but not ours.
            null
        }

    /** A disk that is full or read-only costs the convenience, not the sign-in. */
    override fun save(account: Account) {
        try {
            Files.createDirectories(file.parent)
            val fresh = Files.createTempFile(file.parent, "account", null, *owner())
            val kept = Properties()
            KEYS.zip(listOf(account.server, account.courier, account.token)).forEach { (key, value) -> kept.setProperty(key, value) }
            fresh.outputStream().use { kept.store(it, null) }
            Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING)
        } catch (error: IOException) {
            System.err.println("The account could not be kept: $error")
        }
    }

    override fun clear() {
        try {
            file.deleteIfExists()
        } catch (error: IOException) {
            System.err.println("The account could not be forgotten: $error")
        }
    }

    private fun owner() =
        if ("posix" in file.fileSystem.supportedFileAttributeViews()) {
            arrayOf(PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
        } else {
            emptyArray()
        }

    private companion object {
        val KEYS = listOf("server", "courier", "token")

        /** XDG Base Directory Specification. */
        fun folder(): Path {
            val config = System.getenv("XDG_CONFIG_HOME")?.takeIf(String::isNotEmpty)?.let(Path::of)
            return (config ?: Path.of(System.getProperty("user.home"), ".config")).resolve("doorstep-courier")
        }
    }
}
