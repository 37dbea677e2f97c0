package dev.doorstep.courier.android

import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage

/** What Firebase hands over goes to the SDK: a call rings, also when this has just started the app. */
class PushService : FirebaseMessagingService() {
    override fun onNewToken(token: String) = CourierApplication.of(this).pushToken(FIREBASE_PROJECT, token)

    override fun onMessageReceived(message: RemoteMessage) {
        if (CourierApplication.of(this).handlePush(message.data, message.originalPriority, message.priority)) return
        // Another message of the company's own.
    }

    private companion object {
        /** `project_info.project_id` of google-services.json. */
        const val FIREBASE_PROJECT = "your-firebase-project"
    }
}
