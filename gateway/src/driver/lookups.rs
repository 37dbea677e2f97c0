//! The core's questions about orders, answered from the store by the rules of [`crate::masking`]. A store that fails is
//! `Unavailable`, never a refusal: the caller then gets 503 and may try again.

use crate::config::ContactCentre;
use crate::core::{
    ClipId, CourierId, ErrorCode, Fallback, Grant, Hidden, LookupResult, OrderId, PhoneNumber, Route,
};
use crate::masking::{Decision, Order, Otherwise, courier_calls, customer_calls};
use crate::store::Store;

/// Answers [`crate::core::Lookup::MayCall`]. `now` is in Unix milliseconds.
pub async fn may_call(store: &Store, courier: Option<&CourierId>, order: &OrderId, now: i64) -> LookupResult {
    let Ok(found) = store.order(&order.0).await else {
        return LookupResult::Unavailable;
    };
    let asking = match (courier, &found) {
        (Some(courier), _) => courier.expose().to_owned(),
        // The company itself asks: it may for any order.
        (None, Some(order)) => order.courier.clone(),
        (None, None) => return LookupResult::Refused(ErrorCode::NoSuchOrder),
    };
    match courier_calls(&asking, found, now) {
        Decision::Allow(order) => LookupResult::Grant(grant(order)),
        Decision::NoSuchOrder => LookupResult::Refused(ErrorCode::NoSuchOrder),
        Decision::NotYourOrder => LookupResult::Refused(ErrorCode::NotYourOrder),
        Decision::OrderClosed => LookupResult::Refused(ErrorCode::OrderClosed),
    }
}

/// What happens to a customer's call that reaches no courier, as far as the gateway is set up for it.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Where it goes.
    pub contact_centre: Option<ContactCentre>,
    /// What the caller hears first, or instead.
    pub message: Option<ClipId>,
}

impl Policy {
    fn contact_centre(&self) -> Option<Fallback> {
        self.contact_centre.as_ref().map(|centre| Fallback::ContactCentre {
            number: centre.number.clone(),
            caller_id: centre.caller_id.clone(),
            message: self.message,
        })
    }

    fn message(&self) -> Option<Fallback> {
        self.message.map(|clip| Fallback::Message { clip })
    }

    /// The order's own wish goes before the gateway's custom: the contact centre, else the message, else a refusal. What the gateway is not
    /// set up for falls back to that custom.
    fn of(&self, wish: Option<Otherwise>) -> Fallback {
        let custom = || self.contact_centre().or_else(|| self.message()).unwrap_or(Fallback::Refuse);
        match wish {
            None => custom(),
            Some(Otherwise::ContactCentre) => self.contact_centre().unwrap_or_else(custom),
            Some(Otherwise::Message) => self.message().unwrap_or_else(custom),
            Some(Otherwise::Refuse) => Fallback::Refuse,
        }
    }
}

/// Answers [`crate::core::Lookup::RouteIncoming`]. `now` is in Unix milliseconds.
pub async fn route_incoming(
    store: &Store,
    caller: Option<&PhoneNumber>,
    called: &PhoneNumber,
    policy: &Policy,
    now: i64,
) -> LookupResult {
    let Some(caller) = caller else {
        return LookupResult::Route(Route::NoOrder(policy.of(None)));
    };
    let Ok(orders) = store.orders_between(caller, called).await else {
        return LookupResult::Unavailable;
    };
    LookupResult::Route(match customer_calls(orders, now) {
        Some(order) => {
            let otherwise = policy.of(order.otherwise);
            Route::Courier { grant: grant(order), otherwise }
        }
        None => Route::NoOrder(policy.of(None)),
    })
}

fn grant(order: Order) -> Grant {
    Grant {
        order: OrderId(order.id),
        courier: CourierId::new(order.courier),
        label: Some(order.label).filter(|label| !label.is_empty()).map(Hidden::new),
        customer: order.customer,
        caller_id: order.company_number,
        ring_time: order.ring,
        max_talk: order.max_call,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::masking::E164;

    async fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("gateway.db"), Duration::from_secs(30), Clock::start())
            .await
            .unwrap();
        let order = Order {
            id: "4711".into(),
            courier: "anna".into(),
            customer: E164::parse("+4930901820").unwrap(),
            company_number: E164::parse("+493022220000").unwrap(),
            label: "Order 4711".into(),
            opens_at: 10,
            closes_at: 1000,
            grace_ms: 0,
            max_call: Some(Duration::from_secs(60)),
            ring: Some(Duration::from_secs(20)),
            otherwise: None,
        };
        store.put_order(&order).await.unwrap();
        (dir, store)
    }

    #[tokio::test]
    async fn only_the_orders_courier_and_the_company_may_call() {
        let (_dir, store) = store().await;
        let (anna, bert) = (CourierId::new("anna"), CourierId::new("bert"));
        let (order, unknown) = (OrderId("4711".into()), OrderId("1".into()));
        for asking in [Some(&anna), None] {
            let LookupResult::Grant(grant) = may_call(&store, asking, &order, 10).await else {
                panic!("refused")
            };
            assert_eq!((grant.courier, grant.caller_id.expose()), (anna.clone(), "+493022220000"));
            assert_eq!(grant.ring_time, Some(Duration::from_secs(20)));
            assert_eq!(grant.max_talk, Some(Duration::from_secs(60)));
        }
        for (asking, order, now, code) in [
            (Some(&bert), &order, 10, ErrorCode::NotYourOrder),
            (Some(&anna), &order, 1000, ErrorCode::OrderClosed),
            (Some(&anna), &unknown, 10, ErrorCode::NoSuchOrder),
            (None, &unknown, 10, ErrorCode::NoSuchOrder),
        ] {
            assert_eq!(may_call(&store, asking, order, now).await, LookupResult::Refused(code));
        }
    }

    #[tokio::test]
    async fn a_customer_reaches_the_courier_and_a_stranger_the_policy() {
        let (_dir, store) = store().await;
        let (customer, company) =
            (E164::parse("+4930901820").unwrap(), E164::parse("+493022220000").unwrap());
        let route = route_incoming(&store, Some(&customer), &company, &Policy::default(), 10).await;
        let LookupResult::Route(Route::Courier { grant, otherwise: Fallback::Refuse }) = route else {
            panic!("{route:?}")
        };
        assert_eq!(grant.order.0, "4711");
        let nobody = LookupResult::Route(Route::NoOrder(Fallback::Refuse));
        assert_eq!(route_incoming(&store, Some(&company), &company, &Policy::default(), 10).await, nobody);
        assert_eq!(route_incoming(&store, None, &company, &Policy::default(), 10).await, nobody);
        assert_eq!(route_incoming(&store, Some(&customer), &company, &Policy::default(), 1000).await, nobody);
    }

    #[tokio::test]
    async fn the_orders_own_wish_goes_before_the_gateways_custom() {
        let (_dir, store) = store().await;
        let (customer, company) =
            (E164::parse("+4930901820").unwrap(), E164::parse("+493022220000").unwrap());
        let centre = ContactCentre { number: company.clone(), caller_id: company.clone() };
        let (clip, say) = (ClipId(0), Fallback::Message { clip: ClipId(0) });
        let put_through = |message| Fallback::ContactCentre {
            number: company.clone(),
            caller_id: company.clone(),
            message,
        };
        let refuse = Fallback::Refuse;
        let policy =
            |centre: Option<&ContactCentre>, message| Policy { contact_centre: centre.cloned(), message };
        let (wish_centre, wish_message) = (Some(Otherwise::ContactCentre), Some(Otherwise::Message));
        let mut order = store.order("4711").await.unwrap().unwrap();
        for (policy, wish, expected) in [
            (policy(Some(&centre), Some(clip)), None, put_through(Some(clip))),
            (policy(Some(&centre), Some(clip)), wish_centre, put_through(Some(clip))),
            (policy(Some(&centre), Some(clip)), wish_message, say.clone()),
            (policy(Some(&centre), Some(clip)), Some(Otherwise::Refuse), refuse.clone()),
            (policy(Some(&centre), None), None, put_through(None)),
            (policy(Some(&centre), None), wish_message, put_through(None)),
            (policy(None, Some(clip)), None, say.clone()),
            (policy(None, Some(clip)), wish_centre, say.clone()),
            (policy(None, None), wish_centre, refuse.clone()),
        ] {
            order.otherwise = wish;
            store.put_order(&order).await.unwrap();
            let route = route_incoming(&store, Some(&customer), &company, &policy, 10).await;
            let LookupResult::Route(Route::Courier { otherwise, .. }) = route else { panic!("{route:?}") };
            assert_eq!(otherwise, expected, "{policy:?} {wish:?}");
            let nobody = route_incoming(&store, None, &company, &policy, 10).await;
            assert_eq!(nobody, LookupResult::Route(Route::NoOrder(policy.of(None))));
        }
    }
}
