package dev.doorstep.courier

import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals

/** The samples of every platform have one table of words. */
class WordTest {
    @Test
    fun `the words are those of the table in the samples' README`() {
        val rows = File("../README.md").readLines().dropWhile { !it.startsWith("| key |") }.drop(2).takeWhile { it.startsWith("| ") }
        val table = rows.associate { row -> row.split('|').map(String::trim).let { it[1] to it[2] } }
        assertEquals(table, Word.entries.associate { it.name.replaceFirstChar(Char::lowercase) to it.text })
        assertEquals(rows.size, table.size, "a key stands there twice")
    }

    @Test
    fun `only words that are filled in have a place for it`() {
        assertEquals(setOf(Word.OpenUntil, Word.OpenUntilTomorrow), Word.entries.filter { "%s" in it.text }.toSet())
        assertEquals("Until 18:30", Word.OpenUntil("18:30"))
    }

    /** What the README promises to a reader. */
    @Test
    fun `the SDK's use is in one file`() {
        val sdk = Regex("""^import dev\.doorstep\.(?!courier\b)""", RegexOption.MULTILINE)
        val files = File("src/main/kotlin").walk().filter { it.isFile && sdk.containsMatchIn(it.readText()) }
        assertEquals(listOf("Phone.kt"), files.map { it.name }.toList())
    }
}
