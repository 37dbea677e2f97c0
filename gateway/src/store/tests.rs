use super::*;

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
    }
}

#[tokio::test]
async fn an_order_is_found_again_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    Store::open(&path, Duration::ZERO).await.unwrap().put_order(&order()).await.unwrap();
    // The first pool closes in the background and holds SQLite's lock while it does.
    let store = Store::open(&path, Duration::from_secs(30)).await.unwrap();
    assert_eq!(store.order("4711").await.unwrap(), Some(order()));
    assert_eq!(store.orders_of("anna").await.unwrap(), vec![order()]);
    let o = order();
    assert_eq!(store.orders_between(&o.customer, &o.company_number).await.unwrap(), vec![o]);
    assert!(store.delete_order("4711").await.unwrap());
    assert!(!store.delete_order("4711").await.unwrap());
}

#[tokio::test]
async fn a_locked_database_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.db"), Duration::ZERO).await.unwrap();
    let mut lock = store.pool.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *lock).await.unwrap();
    assert!(matches!(store.put_order(&order()).await, Err(StoreError::Unavailable(_))));
}
