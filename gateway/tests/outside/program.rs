//! The program from the shell: help, --check, token, openapi, hash-key, and what it says of a bad configuration.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SECRET: &str = "an HS256 secret of thirty-two or more bytes";

fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorstep-gateway"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads nothing may have closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn config(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path.display().to_string())
}

fn good() -> (tempfile::TempDir, String) {
    config(&format!(
        "[edge]\ninsecure_loopback = true\n[auth]\njwt_secret = \"{SECRET}\"\nissuer = \"company\"\n"
    ))
}

#[test]
fn help_shows_examples_and_a_wrong_argument_is_usage() {
    let help = run(&["--help"], "");
    assert!(help.status.success());
    for words in ["--check", "--ready-json", "token", "hash-key", "Examples:", "docs/gateway.md"] {
        assert!(out(&help).contains(words), "{words}");
    }
    assert!(out(&run(&["--version"], "")).starts_with("doorstep-gateway 0."));
    assert_eq!(run(&["--nonsense"], "").status.code(), Some(2));
}

#[test]
fn check_explains_a_good_configuration_without_its_secrets() {
    let (_dir, path) = good();
    let checked = run(&["--config", &path, "--check"], "");
    assert!(checked.status.success(), "{}", err(&checked));
    let text = out(&checked);
    assert!(text.contains("The configuration is good") && text.contains("ws://127.0.0.1:7443/ws"), "{text}");
    assert!(!text.contains(SECRET));
}

#[test]
fn check_names_file_line_key_and_what_is_allowed_of_a_bad_one() {
    let (_dir, path) = config("[edge]\nlisten = \"0.0.0.0:7443\"\ncolour = \"red\"\n");
    for args in [vec!["--config", &path, "--check"], vec!["--config", &path]] {
        let checked = run(&args, "");
        assert_eq!(checked.status.code(), Some(1));
        let text = err(&checked);
        assert!(
            text.contains(&format!("{path}:3: edge.colour: an unknown key; allowed: listen, domain")),
            "{text}"
        );
    }
    let (_dir, path) = config("[edge]\nlisten = \"0.0.0.0:7443\"\n");
    let text = err(&run(&["--config", &path], ""));
    assert!(
        text.contains(&format!("{path}:2: edge.listen: an address beyond loopback without TLS")),
        "{text}"
    );
    assert!(text.contains("auth: no way for couriers to sign in; allowed: jwt_secret"), "{text}");
}

#[test]
fn a_token_is_made_that_names_courier_and_issuer() {
    let (_dir, path) = good();
    let made = run(&["token", "--config", &path, "--courier", "anna", "--ttl", "60"], "");
    assert!(made.status.success(), "{}", err(&made));
    let mut validation = jsonwebtoken::Validation::default();
    validation.set_issuer(&["company"]);
    let key = jsonwebtoken::DecodingKey::from_secret(SECRET.as_bytes());
    let claims =
        jsonwebtoken::decode::<serde_json::Value>(out(&made).trim(), &key, &validation).unwrap().claims;
    assert_eq!(claims["sub"], "anna");
}

#[test]
fn a_key_is_hashed_from_stdin() {
    let hashed = run(&["hash-key"], "abcdefghijklmnopqrstuvwxyz\n");
    assert_eq!(out(&hashed).trim(), "71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73");
    assert_eq!(run(&["hash-key"], "short\n").status.code(), Some(1));
}

#[test]
fn the_document_is_printed() {
    let document: serde_json::Value = serde_json::from_str(&out(&run(&["openapi"], ""))).unwrap();
    assert_eq!(document["info"]["title"], "Doorstep gateway");
}

#[test]
fn the_example_is_good_and_the_handbook_explains_every_key() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(vec!["voice.example.com".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let example = std::fs::read_to_string(root.join("gateway.example.toml")).unwrap();
    let mut text = example;
    for (name, content) in [
        ("cert.pem", cert.pem()),
        ("key.pem", key.serialize_pem()),
        ("jwt.secret", SECRET.to_owned()),
        ("carrier.password", "p".to_owned()),
    ] {
        std::fs::write(dir.path().join(name), content).unwrap();
        text = text.replace(&format!("/etc/doorstep/{name}"), &dir.path().join(name).display().to_string());
    }
    text = text.replace("/var/lib/doorstep", &dir.path().display().to_string());
    let (_dir, path) = config(&text);
    let checked = run(&["--config", &path, "--check"], "");
    assert!(checked.status.success(), "{}", err(&checked));
    let handbook = std::fs::read_to_string(root.join("../docs/gateway.md")).unwrap();
    for key in doorstep_gateway::config::keys::KEYS {
        let row = format!(
            "| `{}.{}` | {}",
            key.section,
            key.name,
            if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) }
        );
        assert!(handbook.contains(row.trim_end()), "docs/gateway.md lacks {row}");
        assert!(
            handbook.contains(key.meaning),
            "docs/gateway.md explains {}.{} otherwise",
            key.section,
            key.name
        );
    }
}
