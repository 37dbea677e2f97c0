use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::support::{PushBuilder, World};

fn run(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorstep-push"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_judged_and_explained() {
    let world = World::new().await;
    let builder = PushBuilder::new(&world);
    let config = builder.write().display().to_string();
    let output = run(&["--config", &config, "--check"], "");
    assert!(
        output.status.success() && text(&output).contains("instead of Apple's host"),
        "{}",
        text(&output)
    );
    let mut bad = PushBuilder::new(&world);
    bad.line("queue", "pendign = 1");
    let config = bad.write().display().to_string();
    let output = run(&["--config", &config, "--check"], "");
    assert!(!output.status.success());
    assert!(text(&output).contains("queue.pendign: an unknown key; allowed: pending"), "{}", text(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_tried_and_what_is_wrong_is_said() {
    let world = World::new().await;
    let builder = PushBuilder::new(&world);
    let config = builder.write().display().to_string();
    let output = run(&["check", "--config", &config], "");
    assert!(output.status.success() && text(&output).contains("good"), "{}", text(&output));
    // Another key than the one that Apple knows under that id.
    let other = doorstep_push_fakes::FakeApns::start().await.unwrap();
    other.write_key(&world.dir.path().join("key.p8")).unwrap();
    let output = run(&["check", "--config", &config], "");
    assert!(!output.status.success() && text(&output).contains("BAD"), "{}", text(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_push_prints_the_providers_answer_beside_a_running_server() {
    let world = World::new().await;
    let builder = PushBuilder::new(&world);
    let push = builder.start();
    push.put("/v1/devices/iphone", &world.iphone("courier-17", 1)).await;
    let config = builder.path.display().to_string();
    let output = run(&["test-push", "--config", &config, "--device", "iphone"], "");
    assert!(output.status.success() && text(&output).contains("200: taken as"), "{}", text(&output));
    assert_eq!(world.apns.log().delivered().len(), 1);
    world.apns.uninstall(crate::support::token(1), std::time::SystemTime::now());
    let output = run(&["test-push", "--config", &config, "--device", "iphone"], "");
    assert!(!output.status.success() && text(&output).contains("410"), "{}", text(&output));
    let output = run(&["test-push", "--config", &config, "--device", "none"], "");
    assert!(!output.status.success() && text(&output).contains("no device"), "{}", text(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_file_does_not_start() {
    let world = World::new().await;
    let builder = PushBuilder::new(&world);
    let _push = builder.start();
    let config = builder.path.display().to_string();
    let output = run(&["--config", &config], "");
    assert!(!output.status.success());
    assert!(text(&output).contains("another doorstep-push runs with"), "{}", text(&output));
}

#[test]
fn keys_are_hashed_and_the_api_is_described() {
    let output = run(&["hash-key"], "a key of twenty and more characters\n");
    let hash = text(&output);
    assert!(output.status.success() && hash.trim().len() == 64, "{hash}");
    assert!(!run(&["hash-key"], "short\n").status.success());
    let output = run(&["openapi"], "");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for path in ["/v1/devices/{id}", "/v1/users/{user}/devices", "/v1/wakes", "/v1/wakes/{call}", "/readyz"] {
        assert!(document["paths"][path].is_object(), "{path} is not described");
    }
}

#[test]
fn the_handbook_explains_every_key() {
    let handbook = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/push.md")).unwrap();
    for key in doorstep_push::config::keys::KEYS {
        let row = format!("| `{}.{}` |", key.section, key.name);
        assert!(handbook.contains(&row), "{row} is missing");
        assert!(handbook.contains(key.meaning), "{row} has another meaning than: {}", key.meaning);
    }
}
