//! Why a call was refused, as the courier's app and the API read it (docs/protocol.md).

/// The machine-readable half of a refusal, in `X-Doorstep-Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 403: the order belongs to another courier.
    NotYourOrder,
    /// 404: no order of that id.
    NoSuchOrder,
    /// 410: the order is closed or not open yet.
    OrderClosed,
    /// 480: nobody answered, or the number cannot be reached.
    CustomerUnreachable,
    /// 486: the customer is on the phone.
    CustomerBusy,
    /// 480: no app of the courier is connected.
    CourierUnreachable,
    /// 503: the carrier does not answer.
    TrunkDown,
    /// 429: the courier, or the gateway, has too many calls.
    TooManyCalls,
    /// 503: the gateway is stopping or its store does not answer.
    Unavailable,
    /// 488: no audio that both sides know.
    NoCommonCodec,
    /// 403: the transfer's target is not allowed.
    TargetNotAllowed,
    /// 401: no token, and no digest or a wrong one.
    Unauthorized,
    /// 401: the token of the connection has run out.
    TokenExpired,
    /// 403: REGISTER for somebody else.
    NotYourAddress,
    /// 404 at the API: no running call of that id.
    NoSuchCall,
}

impl ErrorCode {
    /// The word in `X-Doorstep-Error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotYourOrder => "not_your_order",
            Self::NoSuchOrder => "no_such_order",
            Self::OrderClosed => "order_closed",
            Self::CustomerUnreachable => "customer_unreachable",
            Self::CustomerBusy => "customer_busy",
            Self::CourierUnreachable => "courier_unreachable",
            Self::TrunkDown => "trunk_down",
            Self::TooManyCalls => "too_many_calls",
            Self::Unavailable => "unavailable",
            Self::NoCommonCodec => "no_common_codec",
            Self::TargetNotAllowed => "target_not_allowed",
            Self::Unauthorized => "unauthorized",
            Self::TokenExpired => "token_expired",
            Self::NotYourAddress => "not_your_address",
            Self::NoSuchCall => "no_such_call",
        }
    }

    /// The SIP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::Unauthorized | Self::TokenExpired => 401,
            Self::NotYourOrder | Self::TargetNotAllowed | Self::NotYourAddress => 403,
            Self::NoSuchOrder | Self::NoSuchCall => 404,
            Self::OrderClosed => 410,
            Self::TooManyCalls => 429,
            Self::CustomerUnreachable | Self::CourierUnreachable => 480,
            Self::CustomerBusy => 486,
            Self::NoCommonCodec => 488,
            Self::TrunkDown | Self::Unavailable => 503,
        }
    }

    /// A sentence for the person who pressed the button; it names no number and no other person.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotYourOrder => "This order is with another courier",
            Self::NoSuchOrder => "There is no such order",
            Self::OrderClosed => "This order is closed",
            Self::CustomerUnreachable => "The customer cannot be reached",
            Self::CustomerBusy => "The customer is on another call",
            Self::CourierUnreachable => "The courier cannot be reached",
            Self::TrunkDown => "The telephone network does not answer",
            Self::TooManyCalls => "Too many calls at once",
            Self::Unavailable => "The service is not available",
            Self::NoCommonCodec => "No audio format that both sides know",
            Self::TargetNotAllowed => "The call cannot be transferred there",
            Self::Unauthorized => "Please sign in",
            Self::TokenExpired => "Your sign-in has expired",
            Self::NotYourAddress => "You can only register yourself",
            Self::NoSuchCall => "There is no such call",
        }
    }
}
