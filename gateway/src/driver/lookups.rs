//! The core's questions about orders, answered from the store by the rules of [`crate::masking`]. A store that fails is
//! `Unavailable`, never a refusal: the caller then gets 503 and may try again.

use crate::config::ContactCentre;
use crate::core::{CourierId, ErrorCode, Fallback, Grant, Hidden, LookupResult, OrderId, PhoneNumber, Route};
use crate::masking::{Decision, Order, OrderFallback, courier_calls, customer_calls};
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

/// Answers [`crate::core::Lookup::RouteIncoming`]. Where the courier cannot be reached, the order's own policy goes before the
/// gateway's, which is the contact centre if there is one. `now` is in Unix milliseconds.
pub async fn route_incoming(
    store: &Store,
    caller: Option<&PhoneNumber>,
    called: &PhoneNumber,
    contact_centre: Option<&ContactCentre>,
    now: i64,
) -> LookupResult {
    let to_centre = contact_centre.map_or(Fallback::Refuse, |centre| Fallback::ContactCentre {
        number: centre.number.clone(),
        caller_id: centre.caller_id.clone(),
        message: None,
    });
    let Some(caller) = caller else {
        return LookupResult::Route(Route::NoOrder(to_centre));
    };
    let Ok(orders) = store.orders_between(caller, called).await else {
        return LookupResult::Unavailable;
    };
    LookupResult::Route(match customer_calls(orders, now) {
        Some(order) => {
            let otherwise = match order.fallback {
                Some(OrderFallback::Refuse) => Fallback::Refuse,
                Some(OrderFallback::ContactCentre) | None => to_centre,
            };
            Route::Courier { grant: grant(order), otherwise }
        }
        None => Route::NoOrder(to_centre),
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
            fallback: None,
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
        let route = route_incoming(&store, Some(&customer), &company, None, 10).await;
        let LookupResult::Route(Route::Courier { grant, otherwise: Fallback::Refuse }) = route else {
            panic!("{route:?}")
        };
        assert_eq!(grant.order.0, "4711");
        let nobody = LookupResult::Route(Route::NoOrder(Fallback::Refuse));
        assert_eq!(route_incoming(&store, Some(&company), &company, None, 10).await, nobody);
        assert_eq!(route_incoming(&store, None, &company, None, 10).await, nobody);
        assert_eq!(route_incoming(&store, Some(&customer), &company, None, 1000).await, nobody);
    }

    #[tokio::test]
    async fn the_orders_own_policy_goes_before_the_gateways() {
        let (_dir, store) = store().await;
        let (customer, company) =
            (E164::parse("+4930901820").unwrap(), E164::parse("+493022220000").unwrap());
        let centre = ContactCentre { number: company.clone(), caller_id: company.clone() };
        let to_centre =
            Fallback::ContactCentre { number: company.clone(), caller_id: company.clone(), message: None };
        let mut order = store.order("4711").await.unwrap().unwrap();
        for (own, expected) in [
            (None, to_centre.clone()),
            (Some(OrderFallback::ContactCentre), to_centre.clone()),
            (Some(OrderFallback::Refuse), Fallback::Refuse),
        ] {
            order.fallback = own;
            store.put_order(&order).await.unwrap();
            let route = route_incoming(&store, Some(&customer), &company, Some(&centre), 10).await;
            let LookupResult::Route(Route::Courier { otherwise, .. }) = route else { panic!("{route:?}") };
            assert_eq!(otherwise, expected);
        }
        let route = route_incoming(&store, None, &company, Some(&centre), 10).await;
        assert_eq!(route, LookupResult::Route(Route::NoOrder(to_centre)));
    }
}
