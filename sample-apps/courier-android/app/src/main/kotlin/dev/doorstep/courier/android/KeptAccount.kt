package dev.doorstep.courier.android

import android.content.Context
import dev.doorstep.PushTarget
import dev.doorstep.courier.Account
import dev.doorstep.courier.AccountStore

/**
 * The account in the app's own storage, which other apps cannot read, Android encrypts with the screen's lock, and no backup takes along.
 * Beside it, where Firebase delivers to: that stays when another courier signs in.
 */
internal class KeptAccount(
    context: Context,
) : AccountStore {
    private val kept = context.getSharedPreferences("account", Context.MODE_PRIVATE)

    override fun load(): Account? {
        val (server, courier, token) = KEYS.map { kept.getString(it, null) ?: return null }
        return Account(server, courier, token)
    }

    override fun save(account: Account) {
        val values = listOf(account.server, account.courier, account.token)
        kept.edit().apply { KEYS.zip(values).forEach { (key, value) -> putString(key, value) } }.apply()
    }

    override fun clear() {
        kept.edit().apply { KEYS.forEach(::remove) }.apply()
    }

    var pushTarget: PushTarget?
        get() {
            val project = kept.getString(PROJECT, null) ?: return null
            return kept.getString(PUSH_TOKEN, null)?.let { PushTarget.fcm(project, it) }
        }
        set(target) = kept.edit().putString(PROJECT, target?.param).putString(PUSH_TOKEN, target?.token).apply()

    private companion object {
        val KEYS = listOf("server", "courier", "token")
        const val PROJECT = "push-project"
        const val PUSH_TOKEN = "push-token"
    }
}
