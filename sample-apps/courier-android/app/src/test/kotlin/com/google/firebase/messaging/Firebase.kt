package com.google.firebase.messaging

import android.app.Service
import android.content.Intent
import android.os.IBinder

// Stand-ins for Firebase's classes, which only Google's own repository has: the names and signatures that the app uses.

open class FirebaseMessagingService : Service() {
    override fun onBind(intent: Intent?): IBinder? = null

    open fun onNewToken(token: String) = Unit

    open fun onMessageReceived(message: RemoteMessage) = Unit
}

class RemoteMessage(
    val data: Map<String, String>,
    val originalPriority: Int = 1,
    val priority: Int = 1,
)
