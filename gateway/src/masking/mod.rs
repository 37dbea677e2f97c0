//! Who may reach whom: pure decisions on orders, without a store, a clock or a socket.

use std::fmt;
use std::time::Duration;

/// A phone number in E.164 (`+` and 8 to 15 digits); prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(String);

/// The text is not a valid international number. Carries no part of the text: it may be a real number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid phone number in E.164 form, such as +4930123456")]
pub struct NotE164;

impl E164 {
    /// Normalises a number written internationally (`+49 30 …`); one without `+` is refused, since its country is unknown.
    pub fn parse(text: &str) -> Result<Self, NotE164> {
        // The library reads letters as a telephone's keys, and extensions.
        let written = |c: char| c.is_ascii_digit() || " +-()./\u{a0}".contains(c);
        if !text.trim().chars().all(written) {
            return Err(NotE164);
        }
        Self::of(&phonenumber::parse(None, text.trim()).map_err(|_| NotE164)?)
    }

    fn of(number: &phonenumber::PhoneNumber) -> Result<Self, NotE164> {
        let text = number.format().mode(phonenumber::Mode::E164).to_string();
        // The library takes some that are longer than E.164 has them.
        let fits = (9..=16).contains(&text.len());
        (number.is_valid() && fits).then_some(Self(text)).ok_or(NotE164)
    }

    /// How the number's own country dials; `None` for numbers of no country (satellites, freephone).
    pub fn plan(&self) -> Option<NumberPlan> {
        let country = phonenumber::parse(None, &self.0).ok()?.country().id()?;
        Some(NumberPlan { country })
    }

    /// The number in clear, for the trunk and the store only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// How numbers are read that do not say their country: as the country's telephones dial them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberPlan {
    country: phonenumber::country::Id,
}

/// The text names no country (ISO 3166-1 alpha-2, such as `DE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a country code of two letters, such as DE")]
pub struct NotACountry;

impl NumberPlan {
    /// Germany's.
    pub const GERMANY: Self = Self { country: phonenumber::country::Id::DE };

    /// The plan of a country, by its two letters (ISO 3166-1).
    pub fn of(country: &str) -> Result<Self, NotACountry> {
        let country = country.to_ascii_uppercase().parse().map_err(|_| NotACountry)?;
        Ok(Self { country })
    }

    /// Reads a number written internationally (`+49 30 …`, `0049 30 …`) or nationally (`030 …`).
    pub fn read(&self, text: &str) -> Result<E164, NotE164> {
        E164::of(&phonenumber::parse(Some(self.country), text.trim()).map_err(|_| NotE164)?)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// One delivery: the courier and customer it lets talk, and when. Times are Unix milliseconds.
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    /// The company's own identifier.
    pub id: String,
    /// The courier's subject, as in the token's `sub`.
    pub courier: String,
    /// The customer's number.
    pub customer: E164,
    /// The number that both sides see.
    pub company_number: E164,
    /// What the courier's screen shows.
    pub label: String,
    /// First millisecond at which calls are allowed.
    pub opens_at: i64,
    /// First millisecond at which the order is closed, before grace.
    pub closes_at: i64,
    /// Milliseconds after `closes_at` during which calls are still allowed.
    pub grace_ms: i64,
    /// Longest call; `None`: the gateway's limit.
    pub max_call: Option<Duration>,
    /// How long a call may ring; `None`: the gateway's limit.
    pub ring: Option<Duration>,
    /// What happens to the customer's call when the courier cannot be reached; `None`: the gateway's policy.
    pub otherwise: Option<Otherwise>,
}

/// An order's own policy for a customer who does not reach the courier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// To the contact centre, where the gateway has one; first its message, where it has one.
    ContactCentre,
    /// The gateway's message and the end, where it has one.
    Message,
    /// Refuse with 480.
    Refuse,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Order {
    /// Whether calls are allowed at `now` (Unix milliseconds).
    pub fn is_open(&self, now: i64) -> bool {
        self.opens_at <= now && now < self.closes_at.saturating_add(self.grace_ms)
    }
}

/// The answer to "may this courier call for this order now?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Call the order's customer, showing the order's company number.
    Allow(Order),
    /// 404: no order of that identifier.
    NoSuchOrder,
    /// 403: the order is another courier's.
    NotYourOrder,
    /// 410: not open yet, or closed and its grace over.
    OrderClosed,
}

impl Decision {
    /// The SIP status of a refusal; `None` when allowed.
    pub fn refusal_status(&self) -> Option<u16> {
        match self {
            Self::Allow(_) => None,
            Self::NoSuchOrder => Some(404),
            Self::NotYourOrder => Some(403),
            Self::OrderClosed => Some(410),
        }
    }
}

/// Decides a courier's call. Ownership is judged before times, so that a stranger learns nothing of an order's hours.
pub fn courier_calls(courier: &str, order: Option<Order>, now: i64) -> Decision {
    match order {
        None => Decision::NoSuchOrder,
        Some(order) if order.courier != courier => Decision::NotYourOrder,
        Some(order) if !order.is_open(now) => Decision::OrderClosed,
        Some(order) => Decision::Allow(order),
    }
}

/// Picks the order that a customer's call belongs to: of those open at `now`, the most recently opened one.
pub fn customer_calls(orders: Vec<Order>, now: i64) -> Option<Order> {
    orders.into_iter().filter(|o| o.is_open(now)).max_by(|a, b| (a.opens_at, &a.id).cmp(&(b.opens_at, &b.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(id: &str, opens_at: i64) -> Order {
        Order {
            id: id.into(),
            courier: "anna".into(),
            customer: E164::parse("+49 30 901820").unwrap(),
            company_number: E164::parse("+493022220000").unwrap(),
            label: "Order 4711".into(),
            opens_at,
            closes_at: 1000,
            grace_ms: 100,
            max_call: None,
            ring: None,
            otherwise: None,
        }
    }

    #[test]
    fn a_courier_reaches_only_their_own_open_order() {
        let status = |c, o, t| courier_calls(c, o, t).refusal_status();
        assert_eq!(status("anna", Some(order("1", 10)), 10), None);
        assert_eq!(status("anna", Some(order("1", 10)), 1099), None);
        assert_eq!(status("anna", Some(order("1", 10)), 1100), Some(410));
        assert_eq!(status("anna", Some(order("1", 10)), 9), Some(410));
        assert_eq!(status("bert", Some(order("1", 10)), 9), Some(403));
        assert_eq!(status("anna", None, 10), Some(404));
    }

    #[test]
    fn a_customer_reaches_the_most_recently_opened_order() {
        let found = customer_calls(vec![order("1", 10), order("2", 20), order("3", 900)], 500).unwrap();
        assert_eq!(found.id, "2");
        assert_eq!(customer_calls(vec![order("1", 10)], 2000), None);
    }

    #[test]
    fn numbers_are_read_as_the_country_dials_them() {
        let plan = NumberPlan::of("de").unwrap();
        for text in ["+4930901820", "004930901820", "030901820", "030 / 90 18 20", " +49 (0)30 901820"] {
            assert_eq!(
                plan.read(text).map(|n| n.expose().to_owned()).as_deref(),
                Ok("+4930901820"),
                "{text}"
            );
        }
        assert_eq!(plan.read("+44 20 7946 0958").unwrap().expose(), "+442079460958");
        assert_eq!(plan.read("0044 20 7946 0958").unwrap().expose(), "+442079460958");
        for text in ["", "anonymous", "110", "+", "030"] {
            assert_eq!(plan.read(text), Err(NotE164), "{text}");
        }
        assert_eq!(NumberPlan::of("Germany"), Err(NotACountry));
    }

    #[test]
    fn numbers_are_normalised_and_never_printed() {
        let printed = format!("{:?} {:?}", order("1", 1), E164::parse("+49 30 901820"));
        assert!(!printed.contains("901820"), "{printed}");
        assert_eq!(E164::parse("+49 (30) 901820").unwrap().expose(), "+4930901820");
        for text in [
            "030 901820",
            "+49 30 90182a",
            "+49 30 901820 ext 5",
            "+49 30 901820;x=1",
            "+49309018201234567",
            "٠",
        ] {
            assert_eq!(E164::parse(text), Err(NotE164), "{text}");
        }
    }
}
