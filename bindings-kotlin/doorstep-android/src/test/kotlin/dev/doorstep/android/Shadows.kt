package dev.doorstep.android

import android.app.NotificationManager
import android.os.Build
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.Resetter
import org.robolectric.shadows.ShadowNotificationManager

/** Robolectric's, which does not know yet whether an app may fill the screen (Android 14). */
@Implements(NotificationManager::class)
class FullScreenShadow : ShadowNotificationManager() {
    @Implementation(minSdk = Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
    fun canUseFullScreenIntent(): Boolean = allowed

    companion object {
        var allowed = true

        @JvmStatic
        @Resetter
        fun allowAgain() {
            allowed = true
        }
    }
}
