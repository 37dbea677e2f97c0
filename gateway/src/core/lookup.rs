//! What the core asks of masking and the store, as plain questions and answers.
//!
//! The driver spawns each question and hands its answer back as an input under the same [`super::ids::OpId`]. A store that cannot answer
//! answers [`LookupResult::Unavailable`]: new calls are then refused with 503, running calls go on.

use std::time::Duration;

use super::ids::{CallId, CourierId, Hidden, OrderId, PhoneNumber, Side, Timestamp};
use super::media_port::{ClipId, LegStats};
use super::refusal::ErrorCode;

/// A question to the store.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// May this courier call the order's customer now? `courier` is `None` for click-to-call by the company itself.
    /// Answered by `Grant` or `Refused`.
    MayCall {
        /// Who asks.
        courier: Option<CourierId>,
        /// For which order.
        order: OrderId,
    },
    /// A call came from the carrier: whom does it go to? Answered by `Route`.
    RouteIncoming {
        /// The caller's number, if shown.
        caller: Option<PhoneNumber>,
        /// The company number that was called.
        called: PhoneNumber,
    },
    /// Add or replace a binding (RFC 3261 section 10.3; the key is courier + instance + reg-id, or the contact URI without those).
    /// Answered by `Bindings` with all that the courier then has.
    SaveBinding(Binding),
    /// Remove one binding of a courier, or all (`contact` is `None`). Answered by `Bindings`.
    RemoveBinding {
        /// Whose.
        courier: CourierId,
        /// Which: its contact URI as registered, or all.
        contact: Option<Hidden>,
    },
    /// All bindings of a courier that have not run out or have push data. Answered by `Bindings`.
    LoadBindings {
        /// Whose.
        courier: CourierId,
    },
    /// A device's token is gone: the courier's binding of that contact loses its push data, unless it has another token by now. Answered by
    /// `Bindings`.
    ForgetPush {
        /// Whose.
        courier: CourierId,
        /// Which: its contact URI as registered.
        contact: Hidden,
        /// The token that is gone.
        prid: Hidden,
    },
    /// Insert or update a call record, by its id. Answered by `Recorded`.
    RecordCall(CallRecord),
}

/// The store's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum LookupResult {
    /// The courier may call.
    Grant(Grant),
    /// The courier may not call.
    Refused(ErrorCode),
    /// Where an incoming call goes.
    Route(Route),
    /// The courier's bindings.
    Bindings(Vec<Binding>),
    /// The call record is kept.
    Recorded,
    /// The store does not answer (full disk, locked database).
    Unavailable,
}

/// All that is needed to put a courier's call through.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The order.
    pub order: OrderId,
    /// The order's courier.
    pub courier: CourierId,
    /// What the courier's screen shows.
    pub label: Option<Hidden>,
    /// Whom the trunk calls.
    pub customer: PhoneNumber,
    /// The company number that the customer sees.
    pub caller_id: PhoneNumber,
    /// How long it may ring; `None`: the gateway's own limit.
    pub ring_time: Option<Duration>,
    /// How long they may talk; `None`: the gateway's own limit.
    pub max_talk: Option<Duration>,
}

/// Where a call from the carrier goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Route {
    /// To the courier of the caller's open order.
    Courier {
        /// The order, with its courier, label and limits; `customer` is the caller.
        grant: Grant,
        /// When the courier cannot be reached or does not answer.
        otherwise: Fallback,
    },
    /// No open order goes with that caller and number.
    NoOrder(Fallback),
}

/// What happens to a customer's call that reaches no courier.
#[derive(Debug, Clone, PartialEq)]
pub enum Fallback {
    /// Call the contact centre through the trunk and join the caller with it.
    ContactCentre {
        /// The contact centre's number.
        number: PhoneNumber,
        /// The company number shown to it.
        caller_id: PhoneNumber,
        /// Said to the caller first; the contact centre is called meanwhile.
        message: Option<ClipId>,
    },
    /// Answer, say this, and hang up.
    Message {
        /// What is said.
        clip: ClipId,
    },
    /// Refuse with 480.
    Refuse,
}

/// One registered contact of a courier.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// Whose.
    pub courier: CourierId,
    /// The contact URI as registered, without its `pn-*` parameters.
    pub contact: Hidden,
    /// `+sip.instance`, without quotes and brackets (RFC 5626).
    pub instance: Option<String>,
    /// `reg-id` (RFC 5626).
    pub reg_id: Option<u32>,
    /// Call-ID of the REGISTER: it may hold the app's address.
    pub call_id: Hidden,
    /// CSeq of the REGISTER.
    pub cseq: u32,
    /// When it runs out, in the driver's time. One with push data stays all the same (RFC 8599 section 4.1.4): until it is removed or
    /// replaced, or its token is gone.
    pub expires_at: Timestamp,
    /// Push service data (RFC 8599), when the app gave it.
    pub push: Option<PushTarget>,
}

/// RFC 8599: how to wake the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTarget {
    /// `pn-provider`: `apns` or `fcm`.
    pub provider: String,
    /// `pn-param`.
    pub param: String,
    /// `pn-prid`: the device's token.
    pub prid: Hidden,
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The courier called the customer.
    CourierToCustomer,
    /// The customer called the company's number.
    CustomerToCourier,
    /// The company rang one side and then the other.
    ClickToCall,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The courier hung up, or gave up while it rang.
    CourierHungUp,
    /// The customer hung up, or gave up while it rang.
    CustomerHungUp,
    /// The company ended it through the API, or its contact centre hung up.
    CompanyHungUp,
    /// It was refused with this code.
    Refused(ErrorCode),
    /// Nobody answered in the ring time.
    NoAnswer,
    /// The courier's app declined the call.
    Declined,
    /// The talk limit was reached.
    TalkLimit,
    /// A leg was lost: its transport, its session timer or its media.
    Lost,
    /// The courier passed the call on.
    Transferred,
    /// The gateway stopped.
    Shutdown,
}

/// What the store keeps of a call. It holds no number: the order has it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// The call.
    pub id: CallId,
    /// The order, unless the call found none.
    pub order: Option<OrderId>,
    /// The order's courier.
    pub courier: Option<CourierId>,
    /// Who called whom.
    pub direction: Direction,
    /// When the INVITE came, in the driver's time.
    pub started_at: Timestamp,
    /// When the far side rang.
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why.
    pub end: Option<EndReason>,
    /// What its media carried; told when its last leg has closed, a moment after its end.
    pub media: CallMedia,
}

/// What the media of a call's two sides have carried. A side that had several legs is told as one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallMedia {
    /// With the courier's apps; `None`: nothing.
    pub courier: Option<LegStats>,
    /// With phones: the customer's, and the contact centre's.
    pub phone: Option<LegStats>,
}

impl CallMedia {
    /// Counts a leg that closed. One that was never in use tells nothing.
    pub(super) fn add(&mut self, side: Side, leg: &LegStats) {
        if leg.packets_received == 0 && leg.packets_sent == 0 {
            return;
        }
        let all = match side {
            Side::Edge => &mut self.courier,
            Side::Trunk => &mut self.phone,
        };
        all.get_or_insert_default().add(leg);
    }
}
