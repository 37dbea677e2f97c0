package android.bluetooth

/** Robolectric's Bluetooth names this class of a newer Android in a signature, and older levels do not have it. */
@Suppress("ClassName", "unused")
class `BluetoothDevice$BluetoothAddress`
