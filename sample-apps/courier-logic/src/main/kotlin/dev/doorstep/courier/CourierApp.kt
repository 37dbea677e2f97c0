package dev.doorstep.courier

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.flatMapLatest
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import java.time.Clock
import java.time.Instant
import java.time.LocalDate
import java.time.format.DateTimeFormatter
import java.util.Locale
import kotlin.time.Duration.Companion.seconds

/**
 * The courier's app without a screen: taps go in, [screen] comes out. Everything runs on [scope]'s one thread, the one that draws; taps
 * that make no sense any more, since the screen has just changed, do nothing.
 */
class CourierApp(
    private val scope: CoroutineScope,
    private val device: Device,
    private val accounts: AccountStore,
    private val source: OrderSource,
    private val clock: Clock = Clock.systemDefaultZone(),
    /** Starts the SDK for a courier. */
    private val phone: (Account) -> Phone,
) {
    private val screenNow = MutableStateFlow<Screen>(Screen.SignIn())
    private var signIn = Screen.SignIn()
    private var session: Session? = null
    private var place: Place = Place.Orders
    private var isVisible = false

    val screen: StateFlow<Screen> = screenNow.asStateFlow()

    private sealed interface Place {
        data object Orders : Place

        class Details(
            val order: Order,
        ) : Place {
            var trouble: Trouble? = null
        }

        data object Reachability : Place
    }

    /** Whoever was signed in before is again. */
    fun start() {
        accounts.load()?.let { account ->
            try {
                enter(account, known = null)
            } catch (refused: NoPhone) {
                signIn = Screen.SignIn(account.server, account.courier, trouble = refused.trouble)
            }
        }
        show()
    }

    /** Whether somebody looks: then the list is kept fresh. */
    fun visible(on: Boolean) {
        isVisible = on
        session?.keepFresh()
        show()
    }

    /** The app is closed. Calls end; the registration stays. */
    fun close() {
        session?.close()
        session = null
    }

    fun signIn(
        server: String,
        courier: String,
        token: String,
    ) {
        if (session != null || signIn.isBusy) return
        when (val typed = Typed.judge(server, courier, token, clock.instant())) {
            is Typed.Wrong -> signIn = Screen.SignIn(server, courier, typed.errors)
            is Typed.Right -> {
                signIn = Screen.SignIn(server, courier, isBusy = true)
                scope.launch { signIn = signIn(typed.account) }.invokeOnCompletion { show() }
            }
        }
        show()
    }

    /** The server has the last word on the token: it is asked for the orders. */
    private suspend fun signIn(account: Account): Screen.SignIn =
        try {
            enter(account, source.orders(account))
            accounts.save(account)
            Screen.SignIn()
        } catch (refused: NoOrders) {
            Screen.SignIn(account.server, account.courier, trouble = refused.trouble)
        } catch (refused: NoPhone) {
            Screen.SignIn(account.server, account.courier, trouble = refused.trouble)
        }

    private fun enter(
        account: Account,
        known: List<Order>?,
    ) {
        place = Place.Orders
        session = Session(account, phone(account), known).also { it.keepFresh() }
    }

    fun signOut() {
        val left = session ?: return
        session = null
        accounts.clear()
        signIn = Screen.SignIn(left.account.server, left.account.courier, isBusy = true)
        show()
        scope.launch {
            left.signOut()
            signIn = signIn.copy(isBusy = false)
            show()
        }
    }

    fun refresh() {
        session?.refresh()
    }

    fun open(row: OrderRow) {
        val order = session?.orders?.find { it.id == row.id } ?: return
        place = Place.Details(order)
        show()
    }

    fun openReachability() {
        place = Place.Reachability
        show()
    }

    fun back() {
        place = Place.Orders
        show()
    }

    /** Looks at the phone's settings again, as after coming back from them. */
    fun checkAgain() = show()

    fun mend(check: Check) {
        device.mend(check)
        show()
    }

    fun contact() {
        val details = place as? Place.Details ?: return
        session?.contact(row(details.order)) { trouble -> details.trouble = trouble }
    }

    fun answer() = onCall { answer() }

    fun decline() = onCall { decline() }

    fun hangUp() = onCall { hangUp() }

    fun mute() = onCall { mute() }

    fun hold() = onCall { hold() }

    fun speaker() = onCall { speaker() }

    fun keypad() = onCall { keypad() }

    fun key(key: Char) = onCall { key(key) }

    fun callAgain() {
        val call = session?.phone?.call?.value ?: return
        val id = call.order ?: return
        closeCall()
        session?.contact(OrderRow(id, call.view.value.title, until = "", isOpen = true)) { trouble ->
            (place as? Place.Details)?.trouble = trouble
        }
    }

    /** The end of a call was read. */
    fun closeCall() {
        val phone = session?.phone ?: return
        val call = phone.call.value?.takeIf { it.view.value.stage == CallStage.Ended } ?: return
        phone.putAway(call)
        session?.refresh()
    }

    private inline fun onCall(what: LiveCall.() -> Unit) {
        session?.phone?.call?.value?.what()
    }

    private fun show() {
        screenNow.value = draw()
    }

    private fun draw(): Screen {
        val session = session ?: return signIn
        session.phone.call.value?.let { return Screen.Call(it.view.value) }
        val status = session.status
        return when (val place = place) {
            is Place.Orders -> Screen.Orders(session.orders?.map(::row), session.isLoading, session.trouble, status)
            is Place.Details -> details(place, session)
            is Place.Reachability -> Screen.Reachability(listOf(lineCheck(status)) + device.checks())
        }
    }

    private fun details(
        place: Place.Details,
        session: Session,
    ): Screen.OrderDetails {
        // A list that could not be loaded says nothing of the order.
        val isOpen = session.orders?.any { it.id == place.order.id } != false
        val row = row(place.order)
        val trouble = place.trouble ?: Trouble(Word.OrderClosed, Word.OrderClosedAdvice).takeIf { !isOpen }
        return Screen.OrderDetails(
            order = if (isOpen) row else row.copy(until = Word.Closed.text, isOpen = false),
            status = session.status,
            trouble = trouble,
            canContact = isOpen && session.status != LineStatus.SignedOut && !session.isContacting,
        )
    }

    private fun lineCheck(status: LineStatus) =
        Check(Word.CheckServer.text, trouble = status.word.text.takeIf { status != LineStatus.Reachable })

    private fun row(order: Order) = OrderRow(order.id, order.title, until(order.closesAt), isOpen = true)

    private fun until(closes: Instant): String {
        val at = closes.atZone(clock.zone)
        val today = LocalDate.now(clock)
        return when (at.toLocalDate()) {
            today -> Word.OpenUntil(at.format(HOUR))
            today.plusDays(1) -> Word.OpenUntilTomorrow(at.format(HOUR))
            else -> Word.OpenUntil(at.format(DAY))
        }
    }

    /** A courier who is signed in. */
    @OptIn(ExperimentalCoroutinesApi::class)
    private inner class Session(
        val account: Account,
        val phone: Phone,
        var orders: List<Order>?,
    ) {
        private val scope = CoroutineScope(this@CourierApp.scope.coroutineContext + Job(this@CourierApp.scope.coroutineContext.job))
        private var freshness: Job? = null
        private var loading: Job? = null
        private var isRefused = false
        var trouble: Trouble? = null
        var isContacting = false

        val isLoading: Boolean get() = loading?.isActive == true
        val status: LineStatus get() = if (isRefused) LineStatus.SignedOut else phone.status.value

        init {
            scope.launch { phone.status.collect { show() } }
            scope.launch { phone.call.flatMapLatest { it?.view ?: flowOf(null) }.collect { show() } }
        }

        fun keepFresh() {
            freshness?.cancel()
            if (!isVisible) return
            freshness =
                scope.launch {
                    while (true) {
                        refresh()
                        delay(REFRESH)
                    }
                }
        }

        fun refresh() {
            if (isLoading) return
            loading = scope.launch { load() }.also { it.invokeOnCompletion { show() } }
            show()
        }

        private suspend fun load() {
            try {
                orders = source.orders(account)
                trouble = null
                isRefused = false
            } catch (refused: NoOrders) {
                trouble = refused.trouble
                isRefused = refused.isSignedOut
            }
        }

        fun contact(
            order: OrderRow,
            told: (Trouble?) -> Unit,
        ) {
            if (isContacting) return
            isContacting = true
            scope.launch {
                told(phone.contact(order))
                isContacting = false
                show()
            }
            show()
        }

        suspend fun signOut() {
            scope.cancel()
            phone.signOut()
        }

        fun close() {
            scope.cancel()
            phone.close()
        }
    }

    private companion object {
        val REFRESH = 30.seconds
        val HOUR: DateTimeFormatter = DateTimeFormatter.ofPattern("HH:mm", Locale.ENGLISH)
        val DAY: DateTimeFormatter = DateTimeFormatter.ofPattern("EEE d MMM, HH:mm", Locale.ENGLISH)
    }
}
