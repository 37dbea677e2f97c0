use doorstep_sip::Sensitive;

use super::*;
use crate::core::{
    Binding, CallId, CallMedia, CallRecord, CourierId, Direction, EndReason, ErrorCode, LegStats, OrderId,
    PushTarget, Timestamp,
};
use crate::masking::{E164, Order, Otherwise};

fn order() -> Order {
    Order {
        id: "4711".into(),
        courier: "anna".into(),
        customer: E164::parse("+4930901820").unwrap(),
        company_number: E164::parse("+493022220000").unwrap(),
        label: "Order 4711".into(),
        opens_at: 1,
        closes_at: 2,
        grace_ms: 3,
        max_call: Some(Duration::from_secs(600)),
        ring: None,
        otherwise: Some(Otherwise::Refuse),
    }
}

fn binding(clock: &Clock, contact: &str, reg_id: Option<u32>, ttl: u64) -> Binding {
    Binding {
        courier: CourierId::new("anna"),
        contact: Sensitive::new(contact.into()),
        instance: Some("<urn:uuid:1>".into()),
        reg_id,
        call_id: Sensitive::new("c1".into()),
        cseq: 7,
        expires_at: clock.now() + Duration::from_secs(ttl),
        push: Some(PushTarget {
            provider: "apns".into(),
            param: "T.b".into(),
            prid: Sensitive::new("p".into()),
        }),
    }
}

fn record(clock: &Clock, id: &str, end: Option<EndReason>) -> CallRecord {
    CallRecord {
        id: CallId(id.into()),
        order: Some(OrderId("4711".into())),
        courier: Some(CourierId::new("anna")),
        direction: Direction::CourierToCustomer,
        started_at: clock.now(),
        ringing_at: None,
        answered_at: None,
        ended_at: end.map(|_| clock.now()),
        end,
        media: CallMedia {
            courier: end.map(|_| LegStats {
                packets_received: 100,
                packets_lost: 1,
                packets_sent: 99,
                jitter_ms: 2.5,
                round_trip_ms: Some(40.0),
            }),
            phone: None,
        },
    }
}

async fn store() -> (tempfile::TempDir, Store, Clock) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let store = Store::open(&dir.path().join("gateway.db"), Duration::from_secs(30), clock).await.unwrap();
    (dir, store, clock)
}

#[tokio::test]
async fn an_order_is_found_again_after_reopening() {
    let (dir, store, clock) = store().await;
    assert!(store.put_order(&order()).await.unwrap());
    assert!(!store.put_order(&order()).await.unwrap());
    store.close().await;
    let store = Store::open(&dir.path().join("gateway.db"), Duration::from_secs(30), clock).await.unwrap();
    assert_eq!(store.order("4711").await.unwrap(), Some(order()));
    let o = order();
    assert_eq!(store.orders_between(&o.customer, &o.company_number).await.unwrap(), vec![o]);
    assert!(store.delete_order("4711").await.unwrap());
    assert!(!store.delete_order("4711").await.unwrap());
}

#[tokio::test]
async fn orders_are_listed_by_courier_page_by_page() {
    let (_dir, store, _) = store().await;
    for (id, courier) in [("1", "anna"), ("2", "bert"), ("3", "anna"), ("4", "anna")] {
        store.put_order(&Order { id: id.into(), courier: courier.into(), ..order() }).await.unwrap();
    }
    let ids = |orders: Vec<Order>| orders.into_iter().map(|order| order.id).collect::<Vec<_>>();
    assert_eq!(ids(store.orders_page(Some("anna"), None, 2).await.unwrap()), ["1", "3"]);
    assert_eq!(ids(store.orders_page(Some("anna"), Some("3"), 2).await.unwrap()), ["4"]);
    assert_eq!(ids(store.orders_page(None, None, 10).await.unwrap()), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_locked_database_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    let store = Store::open(&path, Duration::ZERO, Clock::start()).await.unwrap();
    let mut lock = store.pool.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *lock).await.unwrap();
    assert!(matches!(store.put_order(&order()).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    sqlx::query("ROLLBACK").execute(&mut *lock).await.unwrap();
    store.check().await.unwrap();
    store.put_order(&order()).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_reading_goes_on() {
    let (_dir, store, _) = store().await;
    store.put_order(&order()).await.unwrap();
    // SQLite answers "full" when it may not take another page, as it does for a full disk.
    for connection in [store.pool.acquire().await.unwrap(), store.pool.acquire().await.unwrap()].iter_mut() {
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut **connection).await.unwrap();
    }
    let mut refused = false;
    for id in 0..2000 {
        let order = Order { id: id.to_string(), label: "x".repeat(200), ..order() };
        if let Err(StoreError::Unavailable(_)) = store.put_order(&order).await {
            refused = true;
            break;
        }
    }
    assert!(refused);
    assert_eq!(store.order("4711").await.unwrap(), Some(order()));
}

#[tokio::test]
async fn a_binding_is_replaced_by_instance_and_reg_id_and_swept_when_it_ran_out() {
    let (_dir, store, clock) = store().await;
    store.save_binding(&binding(&clock, "sip:a@1.invalid", Some(1), 60)).await.unwrap();
    let all = store.save_binding(&binding(&clock, "sip:a@2.invalid", Some(1), 60)).await.unwrap();
    assert_eq!(all.iter().map(|b| b.contact.expose().as_str()).collect::<Vec<_>>(), ["sip:a@2.invalid"]);
    assert_eq!(all[0].push, binding(&clock, "", None, 0).push);
    let all = store.save_binding(&binding(&clock, "sip:a@3.invalid", None, 120)).await.unwrap();
    assert_eq!(all.len(), 2);
    let all = store.save_binding(&binding(&clock, "sip:a@2.invalid", Some(1), 0)).await.unwrap();
    assert_eq!(all.len(), 2, "one with push data stays (RFC 8599)");
    let anna = CourierId::new("anna");
    let other = store.forget_push(&anna, "sip:a@2.invalid", "another token").await.unwrap();
    assert_eq!(other.len(), 2, "it has another token by now");
    let all = store.forget_push(&anna, "sip:a@2.invalid", "p").await.unwrap();
    assert_eq!(all.iter().map(|b| b.contact.expose().as_str()).collect::<Vec<_>>(), ["sip:a@3.invalid"]);
    assert_eq!(store.remove_binding(&anna, Some("sip:other@x.invalid")).await.unwrap().len(), 1);
    assert_eq!(store.remove_binding(&anna, None).await.unwrap(), vec![]);
}

#[tokio::test]
async fn calls_are_recorded_listed_and_ended_after_a_crash() {
    let (_dir, store, clock) = store().await;
    let refused = EndReason::Refused(ErrorCode::OrderClosed);
    store.record_call(&record(&clock, "a", None)).await.unwrap();
    store.record_call(&record(&clock, "b", Some(refused))).await.unwrap();
    let found = store.call("b").await.unwrap().unwrap();
    assert_eq!((found.end.as_deref(), found.error.as_deref()), (Some("refused"), Some("order_closed")));
    assert_eq!(found.media, record(&clock, "b", Some(refused)).media);
    assert_eq!(store.call("a").await.unwrap().unwrap().media, CallMedia::default());
    let active = CallFilter { active: true, limit: 10, ..CallFilter::default() };
    let ids = |calls: Vec<StoredCall>| calls.into_iter().map(|call| call.id).collect::<Vec<_>>();
    assert_eq!(ids(store.calls(&active).await.unwrap()), ["a"]);
    assert_eq!(store.end_orphaned_calls().await.unwrap(), 1);
    assert_eq!(ids(store.calls(&active).await.unwrap()), Vec::<String>::new());
    let all = store.calls(&CallFilter { limit: 1, ..CallFilter::default() }).await.unwrap();
    let next = CallFilter {
        before: Some((all[0].started_at, all[0].id.clone())),
        limit: 10,
        ..CallFilter::default()
    };
    assert_eq!(all.len() + store.calls(&next).await.unwrap().len(), 2);
    assert_eq!(store.call("a").await.unwrap().unwrap().end.as_deref(), Some("lost"));
    assert_eq!(clock.from_unix_ms(0), Timestamp::ZERO);
}
