//! A full disk: a wake is refused with 503 and not sent, the server lives on, and when there is room again all is as before.

use std::time::Duration;

use doorstep_service_testkit::{disk, soon};

use crate::support::{PushBuilder, World, wake};

const LIFE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn no_wake_is_taken_that_could_not_be_written_down() {
    if !disk::may_mount() {
        return;
    }
    let world = World::new().await;
    let place = world.dir.path().join("disk");
    std::fs::create_dir(&place).unwrap();
    let mut builder = PushBuilder::new(&world);
    builder.config.replace("store", format!("path = \"{}\"", place.join("push.db").display()));
    builder.launcher = disk::launcher(&place);
    let mut push = builder.start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    push.post("/v1/wakes", &wake("before", "courier-17", LIFE)).await;
    assert_eq!(push.ended("before").await["devices"][0]["state"], "sent");

    let filler = push.path_inside(&place.join("filler"));
    disk::fill(&filler);
    // What the database's file has left is not known.
    let mut taken = Vec::new();
    let refused = soon("a full database", async {
        for number in 0.. {
            let call = format!("call-{number}");
            match push.post("/v1/wakes", &wake(&call, "courier-17", LIFE)).await {
                (202, _) => taken.push(call),
                (status, problem) => return (call, status, problem),
            }
        }
        unreachable!("numbers do not end")
    })
    .await;
    assert_eq!((refused.1, &refused.2["type"]), (503, &"urn:doorstep:problem:unavailable".into()));
    let readiness = push.readiness(503).await;
    assert_eq!((&readiness["store"], &readiness["owner"]), (&"down".into(), &true.into()));
    assert_eq!(push.get("/healthz").await.0, 200);

    std::fs::remove_file(&filler).unwrap();
    assert_eq!(push.post("/v1/wakes", &wake("after", "courier-17", LIFE)).await.0, 202);
    assert_eq!(push.ended("after").await["devices"][0]["state"], "sent");
    for call in &taken {
        assert_eq!(push.ended(call).await["devices"][0]["state"], "sent", "{call}");
    }
    push.readiness(200).await;
    let pushed = |call: &str| {
        let delivered = world.apns.log().delivered();
        delivered.iter().filter(|push| push.payload()["call"] == call).count()
    };
    assert_eq!(pushed(&refused.0), 0, "refused is not sent");
    assert!(taken.iter().all(|call| pushed(call) == 1), "taken is sent once");
    push.signal("TERM");
    let (status, log) = push.gone().await;
    assert!(status.success(), "{log}");
}
