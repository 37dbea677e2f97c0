use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! end_reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)*) => {
        /// Why a call is over. [`text`](Self::text) is what the courier should read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EndReason {
            $($(#[$doc])* $variant,)*
        }

        impl EndReason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// A word for programs, stable over versions.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// A sentence for the courier. It names no number and no other person.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

end_reasons! {
    /// The courier hung up, or gave up while it rang.
    HungUpHere = "hung_up_here", "You ended the call";
    /// The far side hung up.
    HungUpThere = "hung_up_there", "The call was ended by the other side";
    /// The far side declined.
    Declined = "declined", "The call was declined";
    /// The courier declined.
    DeclinedHere = "declined_here", "You declined the call";
    /// The far side is on another call (486, `customer_busy`).
    Busy = "busy", "The customer is on another call";
    /// It rang until its deadline.
    NoAnswer = "no_answer", "Nobody answered";
    /// The caller gave up before this side answered.
    Cancelled = "cancelled", "The caller hung up before you answered";
    /// Another device of the same courier took the call.
    AnsweredElsewhere = "answered_elsewhere", "The call was answered on another device";
    /// The courier declined on another device.
    DeclinedElsewhere = "declined_elsewhere", "The call was declined on another device";
    /// `not_your_order`.
    NotYourOrder = "not_your_order", "This order is with another courier";
    /// `no_such_order`.
    NoSuchOrder = "no_such_order", "There is no such order";
    /// `order_closed`.
    OrderClosed = "order_closed", "This order is closed";
    /// `customer_unreachable`, or 480 without more.
    CustomerUnreachable = "customer_unreachable", "The customer cannot be reached";
    /// `trunk_down`.
    TrunkDown = "trunk_down", "The telephone network does not answer; try again in a moment";
    /// `too_many_calls`, or the limit of this endpoint.
    TooManyCalls = "too_many_calls", "Too many calls at once";
    /// The gateway is stopping or overloaded (5xx without more).
    Unavailable = "unavailable", "The service is not available; try again in a moment";
    /// The token or the password is not accepted, or there is none.
    Unauthorized = "unauthorized", "You are signed out; sign in again";
    /// The target may not be called (403 without more, `target_not_allowed`).
    NotAllowed = "not_allowed", "This call is not allowed";
    /// The target does not exist (404 without more) or cannot stand in a SIP message.
    NoSuchTarget = "no_such_target", "There is nobody to call under this address";
    /// No connection to the gateway came up in time.
    NoNetwork = "no_network", "No connection; check your network";
    /// The connection was lost during the call and did not come back in time.
    ConnectionLost = "connection_lost", "The connection was lost";
    /// The far side vanished without hanging up.
    FarSideLost = "far_side_lost", "The other side was lost";
    /// No path for the voice, or no microphone.
    MediaFailed = "media_failed", "No voice connection could be made";
    /// No codec that both sides know.
    NoCommonCodec = "no_common_codec", "The two phones do not understand each other";
    /// The gateway does not answer.
    TimedOut = "timed_out", "The service does not answer; try again";
    /// The longest time to talk is over.
    TalkLimit = "talk_limit", "The longest time for a call is over";
    /// The call lives on elsewhere: it was transferred, or another one took its place.
    Transferred = "transferred", "The call was transferred";
    /// This endpoint shuts down.
    Shutdown = "shutdown", "The app was closed";
    /// A push announced the call, but it did not come.
    Expired = "expired", "The call was over before it reached you";
    /// The far side does not keep to the protocol.
    ProtocolError = "protocol_error", "The call failed";
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
