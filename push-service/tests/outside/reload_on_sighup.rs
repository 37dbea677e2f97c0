//! The API by HTTPS: only with its certificate's root; after SIGHUP the next connection sees the new certificate, and a file that is none
//! changes nothing.

use doorstep_service_testkit::{Identity, soon};

use crate::support::{PushBuilder, World, http_client};

#[tokio::test]
async fn the_api_serves_a_new_certificate_after_sighup_and_keeps_it_when_the_next_is_none() {
    let world = World::new().await;
    let dir = world.dir.path().to_owned();
    let first = Identity::write(&dir);
    let mut builder = PushBuilder::new(&world);
    builder.http = first.http();
    let push = builder.line("api", first.lines()).start();
    assert!(push.api().starts_with("https://"), "{}", push.api());
    assert_eq!(push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await.0, 201);
    let healthz = format!("{}/healthz", push.api());
    let plain = healthz.replace("https://", "http://");
    for (what, url) in [("no root", &healthz), ("no TLS", &plain)] {
        assert!(http_client(None).get(url).send().await.is_err(), "{what}");
    }

    let second = Identity::write(&dir);
    assert!(second.http().get(&healthz).send().await.is_err(), "not before it is told");
    push.signal("HUP");
    soon("the new certificate", async { while second.http().get(&healthz).send().await.is_err() {} }).await;
    assert!(first.http().get(&healthz).send().await.is_err(), "the old one is no longer served");
    // The connection that stands is not touched.
    assert_eq!(push.get("/v1/users/courier-17/devices").await.0, 200);

    std::fs::write(dir.join("cert.pem"), "junk").unwrap();
    push.signal("HUP");
    push.program.says("the certificate could not be read again").await;
    assert!(second.http().get(&healthz).send().await.unwrap().status().is_success());
}
