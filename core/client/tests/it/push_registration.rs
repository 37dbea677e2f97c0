use doorstep::{Client, PushTarget, Sensitive};

use crate::support::gateway::{Gateway, Seen};
use crate::support::registered;

#[tokio::test]
async fn a_push_target_goes_with_the_registration_and_can_be_taken_away() {
    let mut gateway = Gateway::start().await;
    let mut config = gateway.config();
    config.register = true;
    config.push = Some(PushTarget {
        provider: "fcm".to_owned(),
        param: "project".to_owned(),
        prid: Sensitive::new("device".to_owned()),
    });
    let client = Client::connect(config).await.unwrap();
    registered(&client).await;
    gateway.until(Seen::Registered { expires_s: 3600, push: true }).await;
    client.set_push_target(None).await.unwrap();
    gateway.until(Seen::Registered { expires_s: 3600, push: false }).await;
    client.set_reachable(false).await.unwrap();
    gateway.until(Seen::Registered { expires_s: 0, push: false }).await;
    client.shutdown().await;
}
