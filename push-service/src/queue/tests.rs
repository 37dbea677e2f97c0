use std::collections::HashMap;

use async_trait::async_trait;
use doorstep_sensitive::Sensitive;
use uuid::Uuid;

use super::*;
use crate::provider::{Environment, Kind, Push, Verdict};
use crate::store::{Batch, DeliveryState, Place};

type Script = Box<dyn Fn(&Push, usize) -> Verdict + Send + Sync>;

/// A provider that remembers what came and answers as it is told.
struct Recorder {
    script: Script,
    pushes: Mutex<Vec<Push>>,
    tries: Mutex<HashMap<Uuid, usize>>,
    /// Requests are taken while it has permits.
    open: Semaphore,
    came: watch::Sender<usize>,
}

impl Recorder {
    fn new(script: impl Fn(&Push, usize) -> Verdict + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            pushes: Mutex::default(),
            tries: Mutex::default(),
            open: Semaphore::new(Semaphore::MAX_PERMITS),
            came: watch::Sender::new(0),
        })
    }

    fn pushes(&self) -> Vec<Push> {
        self.pushes.lock().unwrap().clone()
    }

    async fn wait_for(&self, count: usize) {
        self.came.subscribe().wait_for(|came| *came >= count).await.unwrap();
    }
}

#[async_trait]
impl Provider for Recorder {
    async fn send(&self, push: &Push) -> Verdict {
        self.pushes.lock().unwrap().push(push.clone());
        self.came.send_modify(|came| *came += 1);
        let _permit = self.open.acquire().await.unwrap();
        let attempt = {
            let mut tries = self.tries.lock().unwrap();
            let tries = tries.entry(push.id).or_default();
            *tries += 1;
            *tries
        };
        (self.script)(push, attempt)
    }
}

fn taken() -> Verdict {
    Verdict::Sent { provider_id: "p".into(), status: 200 }
}

fn limits() -> Limits {
    Limits {
        pending: 20_000,
        sends: 500,
        shutdown: Duration::from_secs(5),
        retention: Duration::from_secs(3600),
    }
}

struct World {
    dir: tempfile::TempDir,
    queue: Arc<Queue>,
    tasks: Tasks,
}

async fn start(provider: Arc<Recorder>, limits: Limits) -> World {
    let dir = tempfile::tempdir().unwrap();
    let (queue, tasks) = begin(&dir, provider, limits).await;
    World { dir, queue, tasks }
}

async fn begin(dir: &tempfile::TempDir, provider: Arc<Recorder>, limits: Limits) -> (Arc<Queue>, Tasks) {
    let store = Store::open(&Place::File(dir.path().join("push.db"))).await.unwrap();
    Queue::start(store, provider, None, limits).await.unwrap()
}

fn device(id: &str, provider: ProviderKind) -> Device {
    Device {
        id: id.into(),
        user: "u".into(),
        provider,
        param: "project".into(),
        token: Sensitive::new(format!("token of {id}")),
        environment: Environment::Production,
        registered_at: 1000,
    }
}

fn wake(call: &str, life_ms: i64) -> Wake {
    let now = unix_ms();
    Wake {
        call: call.into(),
        user: "u".into(),
        order: None,
        label: None,
        accepted_at: now,
        expires_at: now + life_ms,
    }
}

async fn ended(queue: &Queue, call: &str) -> Delivery {
    let status = queue.status(call, Duration::from_secs(30)).await.unwrap().unwrap();
    assert!(status.is_final(), "{status:?}");
    status.deliveries.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_wake_is_sent_once_to_each_device_and_waited_for() {
    let provider = Recorder::new(|_, _| taken());
    let world = start(Arc::clone(&provider), limits()).await;
    world.queue.put_device(device("d1", ProviderKind::Apns)).await.unwrap();
    world.queue.put_device(device("d2", ProviderKind::Fcm)).await.unwrap();
    for _ in 0..3 {
        world.queue.accept(Wake { accepted_at: 5, expires_at: i64::MAX, ..wake("a", 0) }).await.unwrap();
    }
    let delivery = ended(&world.queue, "a").await;
    assert_eq!((delivery.state, delivery.attempts, delivery.status), (DeliveryState::Sent, 1, Some(200)));
    assert_eq!(provider.pushes().len(), 2);
    world.queue.stop(world.tasks).await;
}

#[tokio::test]
async fn a_busy_provider_is_asked_again_under_the_same_id_and_never_too_late() {
    let busy = |status| Verdict::Retry { status, reason: "busy".into(), after: None };
    let provider = Recorder::new(move |push, attempt| match (push.call.as_str(), attempt) {
        ("never", _) => busy(None),
        (_, 1) => busy(Some(503)),
        (_, _) => taken(),
    });
    let world = start(Arc::clone(&provider), limits()).await;
    world.queue.put_device(device("d", ProviderKind::Apns)).await.unwrap();
    world.queue.accept(wake("later", 20_000)).await.unwrap();
    world.queue.accept(wake("never", 1000)).await.unwrap();
    let later = ended(&world.queue, "later").await;
    assert_eq!((later.state, later.attempts), (DeliveryState::Sent, 2));
    let never = ended(&world.queue, "never").await;
    assert_eq!((never.state, never.reason.as_deref()), (DeliveryState::Expired, Some("busy")));
    let ids: HashSet<_> = provider.pushes().iter().map(|push| push.id).collect();
    assert_eq!(ids.len(), 2);
    assert!(provider.pushes().iter().all(|push| push.sent_at < push.expires_at));
    world.queue.stop(world.tasks).await;
}

#[tokio::test]
async fn a_dead_token_is_forgotten_and_a_refusal_is_final() {
    let provider = Recorder::new(|push, _| match push.call.as_str() {
        "gone" => Verdict::DeviceGone { status: 410, reason: "Unregistered".into(), since: None },
        "old" => {
            let since = Some(std::time::UNIX_EPOCH + Duration::from_millis(999));
            Verdict::DeviceGone { status: 410, reason: "Unregistered".into(), since }
        }
        "ours" => Verdict::Misconfigured { status: Some(403), reason: "BadTopic".into(), remedy: "Mend it." },
        _ => Verdict::Rejected { status: Some(400), reason: "BadMessageId".into() },
    });
    let world = start(provider, limits()).await;
    world.queue.put_device(device("d", ProviderKind::Apns)).await.unwrap();
    for (call, state) in [
        ("bad", DeliveryState::Failed),
        ("ours", DeliveryState::Failed),
        ("old", DeliveryState::Gone),
        ("gone", DeliveryState::Gone),
    ] {
        assert_eq!(world.queue.store.devices_of("u").await.unwrap().len(), 1, "before {call}");
        world.queue.accept(wake(call, 20_000)).await.unwrap();
        assert_eq!(ended(&world.queue, call).await.state, state, "{call}");
    }
    assert!(world.queue.store.devices_of("u").await.unwrap().is_empty());
    world.queue.stop(world.tasks).await;
}

#[tokio::test]
async fn what_is_called_off_is_not_tried_again_and_an_android_that_has_it_is_told() {
    let provider = Recorder::new(|push, _| match (push.kind, push.target.provider) {
        (Kind::Incoming, ProviderKind::Apns) => {
            Verdict::Retry { status: Some(503), reason: "busy".into(), after: Some(Duration::from_secs(9)) }
        }
        (_, _) => taken(),
    });
    let world = start(Arc::clone(&provider), limits()).await;
    world.queue.put_device(device("iphone", ProviderKind::Apns)).await.unwrap();
    world.queue.put_device(device("android", ProviderKind::Fcm)).await.unwrap();
    world.queue.accept(wake("a", 60_000)).await.unwrap();
    // Until one is sent and the other is put off.
    loop {
        let status = world.queue.status("a", Duration::ZERO).await.unwrap().unwrap();
        if status.deliveries.iter().all(|delivery| delivery.attempts == 1) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(world.queue.cancel("a".into()).await.unwrap());
    assert!(!world.queue.cancel("nothing".into()).await.unwrap());
    provider.wait_for(3).await;
    world.queue.active.idle().await;
    let told: Vec<_> = provider.pushes().into_iter().filter(|push| push.kind == Kind::Cancel).collect();
    assert_eq!((told.len(), told[0].target.provider), (1, ProviderKind::Fcm));
    let status = world.queue.status("a", Duration::ZERO).await.unwrap().unwrap();
    let states: Vec<_> = status.deliveries.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Sent, DeliveryState::Cancelled]);
    assert_eq!(provider.pushes().len(), 3);
    world.queue.stop(world.tasks).await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_forgets_nothing() {
    let provider = Recorder::new(|_, _| taken());
    provider.open.forget_permits(Semaphore::MAX_PERMITS);
    let world = start(Arc::clone(&provider), Limits { pending: 2, ..limits() }).await;
    world.queue.put_device(device("d", ProviderKind::Apns)).await.unwrap();
    for call in ["a", "b"] {
        world.queue.accept(wake(call, 60_000)).await.unwrap();
    }
    assert_eq!(world.queue.accept(wake("c", 60_000)).await.unwrap_err(), Refusal::Full);
    provider.open.add_permits(10);
    for call in ["a", "b"] {
        assert_eq!(ended(&world.queue, call).await.state, DeliveryState::Sent);
    }
    world.queue.active.idle().await;
    world.queue.accept(wake("c", 60_000)).await.unwrap();
    assert_eq!(ended(&world.queue, "c").await.state, DeliveryState::Sent);
    world.queue.stop(world.tasks).await;
}

#[tokio::test]
async fn no_more_pushes_than_may_be_on_their_way_are_without_a_known_end() {
    let provider = Recorder::new(|_, _| taken());
    provider.open.forget_permits(Semaphore::MAX_PERMITS);
    let world = start(Arc::clone(&provider), Limits { sends: 2, ..limits() }).await;
    world.queue.put_device(device("d", ProviderKind::Apns)).await.unwrap();
    let calls = ["a", "b", "c", "d", "e"];
    for call in calls {
        world.queue.accept(wake(call, 60_000)).await.unwrap();
    }
    provider.wait_for(2).await;
    // The provider answers, and nothing can be written down meanwhile.
    let writing = world.queue.launching.lock().await;
    provider.open.add_permits(calls.len());
    while provider.tries.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(provider.pushes().len(), 2, "a kill would double more than two now");
    drop(writing);
    for call in calls {
        assert_eq!(ended(&world.queue, call).await.state, DeliveryState::Sent);
    }
    assert_eq!(provider.pushes().len(), calls.len());
    world.queue.stop(world.tasks).await;
}

#[tokio::test]
async fn what_a_failed_transaction_has_left_all_the_same_is_found_and_sent_once() {
    let provider = Recorder::new(|_, _| taken());
    let world = start(Arc::clone(&provider), limits()).await;
    world.queue.put_device(device("d", ProviderKind::Apns)).await.unwrap();
    // As if the answer to the commit had been lost.
    let lost = Batch { accept: vec![wake("a", 60_000)], ..Batch::default() };
    world.queue.store.apply(world.queue.instance().name(), &lost).await.unwrap();
    world.queue.in_doubt.store(true, Ordering::Relaxed);
    assert_eq!(ended(&world.queue, "a").await.state, DeliveryState::Sent);
    world.queue.accept(wake("b", 60_000)).await.unwrap();
    assert_eq!(ended(&world.queue, "b").await.state, DeliveryState::Sent);
    assert_eq!(provider.pushes().len(), 2);
    world.queue.stop(world.tasks).await;
}

#[tokio::test]
async fn what_a_stopped_server_has_not_sent_the_next_one_sends() {
    let busy = Recorder::new(|_, _| Verdict::Retry {
        status: Some(429),
        reason: "busy".into(),
        after: Some(Duration::from_secs(2)),
    });
    let world = start(Arc::clone(&busy), limits()).await;
    world.queue.put_device(device("d", ProviderKind::Apns)).await.unwrap();
    world.queue.accept(wake("a", 60_000)).await.unwrap();
    busy.wait_for(1).await;
    world.queue.stop(world.tasks).await;
    assert_eq!(world.queue.accept(wake("b", 60_000)).await.unwrap_err(), Refusal::Stopping);
    drop(world.queue);
    let provider = Recorder::new(|_, _| taken());
    let (queue, tasks) = begin(&world.dir, Arc::clone(&provider), limits()).await;
    let delivery = ended(&queue, "a").await;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Sent, 2));
    assert_eq!(provider.pushes()[0].id, busy.pushes()[0].id);
    queue.stop(tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wakes_at_a_sick_provider_are_all_accounted_for() {
    const WAKES: usize = 10_000;
    let provider = Recorder::new(|push, attempt| {
        let retry = |status, after: Option<u64>| Verdict::Retry {
            status,
            reason: "sick".into(),
            after: after.map(Duration::from_millis),
        };
        match (push.id.as_u128() % 8, attempt) {
            (0, 1) => retry(None, None),
            (1, 1) => retry(Some(429), Some(700)),
            (2, 1) => retry(Some(500), None),
            (3, 1) => retry(Some(503), Some(300)),
            (4, _) => retry(Some(503), None),
            (_, _) => taken(),
        }
    });
    let world = start(Arc::clone(&provider), limits()).await;
    world.queue.put_device(device("d", ProviderKind::Fcm)).await.unwrap();
    let mut asked = tokio::task::JoinSet::new();
    for index in 0..WAKES {
        let queue = Arc::clone(&world.queue);
        asked.spawn(async move {
            let wake = wake(&format!("call-{index}"), 4000);
            loop {
                match queue.accept(wake.clone()).await {
                    Ok(_) => return,
                    Err(Refusal::Full) => tokio::task::yield_now().await,
                    Err(refusal) => panic!("{refusal}"),
                }
            }
        });
    }
    asked.join_all().await;
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for index in 0..WAKES {
        let delivery = ended(&world.queue, &format!("call-{index}")).await;
        *counts.entry(delivery.state.as_str()).or_default() += 1;
    }
    let (sent, expired) = (counts["sent"], counts["expired"]);
    assert_eq!(sent + expired, WAKES, "{counts:?}");
    assert!(
        expired < WAKES / 4,
        "only the hopeless eighth, and what came too late on a slow machine: {counts:?}"
    );
    let pushes = provider.pushes();
    assert!(pushes.iter().all(|push| push.sent_at < push.expires_at));
    let tries = std::mem::take(&mut *provider.tries.lock().unwrap());
    let many = tries.iter().filter(|(id, tries)| **tries > 2 && id.as_u128() % 8 != 4).count();
    assert_eq!(many, 0, "one that was taken was sent again");
    world.queue.stop(world.tasks).await;
}
