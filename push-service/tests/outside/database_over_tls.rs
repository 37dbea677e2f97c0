//! A Postgres with a certificate of its own: `sslmode=verify-full` takes it by its root and name, and nobody else's.

use std::process::Command;
use std::time::Duration;

use doorstep_service_testkit::Identity;

use crate::support::postgres::Postgres;
use crate::support::{PushBuilder, World, wake};

/// What a server says that does not start.
fn refusal(builder: &PushBuilder) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_doorstep-push"))
        .arg("--config")
        .arg(builder.write())
        .arg("--ready-json")
        .output()
        .unwrap();
    assert!(!output.status.success(), "it has started");
    assert!(output.stdout.is_empty(), "it says that it is ready");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_configured_root_and_the_right_name_are_trusted() {
    let Some(postgres) = Postgres::start_with_tls() else { return };
    let world = World::new().await;
    let verified = |root: &std::path::Path| format!("sslmode=verify-full&sslrootcert={}", root.display());
    let mut builder = PushBuilder::new(&world);

    let push = builder.postgres(&postgres.url_by("localhost", &verified(&postgres.root()))).start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    assert_eq!(push.post("/v1/wakes", &wake("call-1", "courier-17", Duration::from_secs(60))).await.0, 202);
    assert_eq!(push.ended("call-1").await["devices"][0]["state"], "sent");

    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Identity::named(elsewhere.path(), &["localhost"]);
    for (what, url) in [
        ("another root", postgres.url_by("localhost", &verified(&stranger.root()))),
        (
            "a name that the certificate does not have",
            postgres.url_by("127.0.0.1", &verified(&postgres.root())),
        ),
        ("no TLS", postgres.url_by("localhost", "sslmode=disable")),
    ] {
        builder.postgres(&url);
        let said = refusal(&builder);
        assert!(said.contains("the store cannot be used"), "{what}: {said}");
        assert!(!said.contains("doorstep@"), "{what}: the URL may hold a password: {said}");
    }
}
