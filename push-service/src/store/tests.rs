//! The same for both databases; Postgres in `tests/outside`.

use super::*;
use crate::provider::Environment;

async fn store(dir: &tempfile::TempDir) -> Store {
    Store::open(&Place::File(dir.path().join("push.db"))).await.unwrap()
}

fn device(id: &str, user: &str, token: &str) -> Device {
    Device {
        id: id.into(),
        user: user.into(),
        provider: ProviderKind::Fcm,
        param: "project".into(),
        token: Sensitive::new(token.to_owned()),
        environment: Environment::Production,
        registered_at: 1000,
    }
}

fn wake(call: &str, user: &str) -> Wake {
    Wake {
        call: call.into(),
        user: user.into(),
        order: None,
        label: Some(Sensitive::new("Order ‘4711’ \"x\"".into())),
        accepted_at: 2000,
        expires_at: 9000,
    }
}

fn sent(call: &str, device: &str, owner: &str) -> Outcome {
    Outcome {
        call: call.into(),
        device: device.into(),
        owner: owner.into(),
        state: DeliveryState::Sent,
        attempts: 1,
        next_at: 0,
        status: Some(200),
        reason: None,
        provider_id: Some("p".into()),
        done_at: Some(3000),
    }
}

#[tokio::test]
async fn a_batch_is_answered_entry_by_entry() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let put = Batch { put: vec![device("d1", "u", "t1"), device("d2", "u", "t2")], ..Batch::default() };
    assert_eq!(store.apply("me", &put).await.unwrap().put, [true, true]);
    assert_eq!(store.apply("me", &put).await.unwrap().put, [false, false]);
    let other = Wake { order: Some("4711".into()), ..wake("a", "u") };
    let batch = Batch {
        accept: vec![wake("a", "u"), wake("b", "nobody"), wake("a", "u"), other],
        ..Batch::default()
    };
    let done = store.apply("me", &batch).await.unwrap();
    let Accepted::New(jobs) = &done.accept[0] else { panic!("{done:?}") };
    assert_eq!(jobs.iter().map(|job| job.device.as_str()).collect::<Vec<_>>(), ["d1", "d2"]);
    assert_eq!(done.accept[1], Accepted::New(Vec::new()));
    let Accepted::Known(known) = &done.accept[2] else { panic!("{done:?}") };
    assert_eq!((known.devices, &known.wake), (2, &wake("a", "u")));
    assert_eq!(done.accept[3], Accepted::Other);
    assert_eq!(store.deliveries("a").await.unwrap().len(), 2);
}

#[tokio::test]
async fn only_the_owner_writes_down_what_became_of_a_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let batch = Batch { put: vec![device("d", "u", "t")], accept: vec![wake("a", "u")], ..Batch::default() };
    store.apply("me", &batch).await.unwrap();
    let batch = Batch { record: vec![sent("a", "d", "another"), sent("x", "d", "me")], ..Batch::default() };
    assert_eq!(store.apply("me", &batch).await.unwrap().record, [None, None]);
    let jobs = store.take_over("heir", 10).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].target().unwrap().token.expose().as_str()), (1, "t"));
    assert_eq!(store.take_over("heir", 10).await.unwrap(), []);
    let batch = Batch { record: vec![sent("a", "d", "me"), sent("a", "d", "heir")], ..Batch::default() };
    assert_eq!(store.apply("heir", &batch).await.unwrap().record, [None, Some(false)]);
    let delivery = store.deliveries("a").await.unwrap().remove(0);
    assert_eq!((delivery.state, delivery.status), (DeliveryState::Sent, Some(200)));
    assert_eq!(store.still_queued("a", "d").await.unwrap(), None);
}

#[tokio::test]
async fn a_call_off_stops_what_waits_and_names_who_can_be_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let apple = Device { provider: ProviderKind::Apns, ..device("d3", "u", "t3") };
    let batch = Batch {
        put: vec![device("d1", "u", "t1"), device("d2", "u", "t2"), apple],
        accept: vec![wake("a", "u")],
        ..Batch::default()
    };
    store.apply("me", &batch).await.unwrap();
    let batch = Batch { record: vec![sent("a", "d1", "me"), sent("a", "d3", "me")], ..Batch::default() };
    assert_eq!(store.apply("me", &batch).await.unwrap().record, [Some(false), Some(false)]);
    let off = Batch { cancel: vec![("a".into(), 4000), ("x".into(), 4000)], ..Batch::default() };
    let done = store.apply("me", &off).await.unwrap();
    let Cancelled::Done(told) = &done.cancel[0] else { panic!("{done:?}") };
    assert_eq!(told.iter().map(|(device, _)| device.as_str()).collect::<Vec<_>>(), ["d1"]);
    assert_eq!(done.cancel[1], Cancelled::Unknown);
    let states: Vec<_> = store.deliveries("a").await.unwrap().iter().map(|d| d.state).collect();
    assert_eq!(states, [DeliveryState::Sent, DeliveryState::Cancelled, DeliveryState::Sent]);
    let again = store.apply("me", &off).await.unwrap();
    assert_eq!(again.cancel[0], Cancelled::Done(Vec::new()), "told once");
    let late = Batch { record: vec![sent("a", "d2", "me")], ..Batch::default() };
    assert_eq!(store.apply("me", &late).await.unwrap().record, [Some(true)], "it was on its way");
}

#[tokio::test]
async fn a_token_belongs_to_the_device_that_had_it_last() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let put = |devices: Vec<Device>| Batch { put: devices, ..Batch::default() };
    store.apply("me", &put(vec![device("d1", "u", "t")])).await.unwrap();
    store.apply("me", &put(vec![device("d2", "v", "t")])).await.unwrap();
    assert!(store.device("d1").await.unwrap().is_none());
    assert_eq!(store.devices_of("v").await.unwrap().len(), 1);
    let dead = |token: &str, since| Batch {
        dead: vec![DeadToken { device: "d2".into(), token: Sensitive::new(token.into()), since }],
        ..Batch::default()
    };
    store.apply("me", &dead("older", i64::MAX)).await.unwrap();
    store.apply("me", &dead("t", 999)).await.unwrap();
    assert!(store.device("d2").await.unwrap().is_some(), "another token, or registered since");
    store.apply("me", &dead("t", 1000)).await.unwrap();
    assert!(store.device("d2").await.unwrap().is_none());
    assert_eq!(
        store.apply("me", &Batch { delete: vec!["d2".into()], ..Batch::default() }).await.unwrap().delete,
        [false]
    );
}

#[tokio::test]
async fn what_is_long_over_is_swept_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let young = Wake { expires_at: 90_000, ..wake("b", "u") };
    let batch =
        Batch { put: vec![device("d", "u", "t")], accept: vec![wake("a", "u"), young], ..Batch::default() };
    store.apply("me", &batch).await.unwrap();
    let done = store.apply("me", &Batch { sweep: Some(10_000), ..Batch::default() }).await.unwrap();
    assert_eq!(done.swept, 1);
    assert!(store.wake("a").await.unwrap().is_none() && store.deliveries("a").await.unwrap().is_empty());
    assert!(store.wake("b").await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_serves_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(&dir).await;
    let place = Place::File(dir.path().join("push.db"));
    let error = Store::open(&place).await.unwrap_err();
    assert!(matches!(error, StoreError::Taken(_)), "{error}");
    assert!(Store::look_into(&place).await.unwrap().check().await.is_ok());
    drop(first);
    Store::open(&place).await.unwrap();
}
