use std::time::Duration;

use crate::support::{PushBuilder, World, wake};

#[tokio::test]
async fn what_is_in_hand_is_sent_before_the_end() {
    let world = World::new().await;
    let mut push = PushBuilder::new(&world).start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    world.apns.script().hold();
    for call in 0..20 {
        let body = wake(&format!("call-{call}"), "courier-17", Duration::from_secs(60));
        assert_eq!(push.post("/v1/wakes", &body).await.0, 202);
    }
    push.signal("TERM");
    world.apns.script().release();
    let (status, log) = push.gone().await;
    assert!(status.success(), "{log}");
    assert_eq!(world.apns.log().delivered().len(), 20);
    let push = PushBuilder::new(&world).start();
    for call in 0..20 {
        assert_eq!(push.ended(&format!("call-{call}")).await["devices"][0]["state"], "sent");
    }
    assert_eq!(world.apns.log().answered(), 20, "none again");
}
