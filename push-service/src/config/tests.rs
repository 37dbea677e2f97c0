use std::io::Write as _;

use super::*;

fn load(toml: &str, env: &[(&str, &str)]) -> Result<Config, Problems> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(file.path()), env)
}

fn wrong(toml: &str, env: &[(&str, &str)]) -> Vec<String> {
    load(toml, env)
        .unwrap_err()
        .0
        .into_iter()
        .map(|problem| format!("{}: {}", problem.key, problem.found))
        .collect()
}

#[test]
fn an_empty_file_is_enough_for_a_trial_on_loopback() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:7490");
    assert!(config.providers == ProviderSettings::default());
    let text = explain(&config);
    for words in ["no key asked for", "no iPhone", "no Android", "SQLite, this process alone"] {
        assert!(text.contains(words), "{words:?} is missing in\n{text}");
    }
}

#[test]
fn beyond_loopback_tls_and_a_key_are_demanded() {
    let found = wrong("[api]\nlisten = \"0.0.0.0:7490\"\n", &[]);
    assert_eq!(
        found,
        ["api.listen: an address beyond loopback without TLS", "api.keys: no key for an API beyond loopback"]
    );
}

#[test]
fn half_an_apns_section_is_told_whole() {
    let found = wrong("[apns]\nteam = \"short\"\ntopics = [\"com.example.app\"]\n[fcm]\nhost = \"x\"\n", &[]);
    let keys: Vec<_> = found.iter().map(|text| text.split(':').next().unwrap()).collect();
    assert_eq!(
        keys,
        ["apns.key_file", "apns.key_id", "apns.team", "apns.topics", "fcm.service_account_file"],
        "{found:?}"
    );
}

#[test]
fn the_environment_goes_over_the_file_and_a_password_never_shows() {
    let env = [
        ("DOORSTEP_PUSH_API__LISTEN", "127.0.0.1:0"),
        ("DOORSTEP_PUSH_STORE__DATABASE_URL", "postgres://doorstep:hush-hush@localhost/push"),
        ("DOORSTEP_PUSH__URL", "the gateway's"),
        ("DOORSTEP_EDGE__LISTEN", "the gateway's"),
    ];
    let config = load("", &env).unwrap();
    assert_eq!(config.api.listen.port(), 0);
    let shown = format!("{config:?}{}", explain(&config));
    assert!(shown.contains("Postgres, shared") && !shown.contains("hush"), "{shown}");
    let found = wrong("", &[("DOORSTEP_PUSH_STORE__DATABASE_URL", "mysql://hush-hush@localhost")]);
    assert_eq!(found, ["store.database_url: no URL of a Postgres database"]);
}

#[test]
fn a_postgres_beyond_this_machine_should_prove_who_it_is() {
    let warned = |url: &str| {
        let config = load("", &[("DOORSTEP_PUSH_STORE__DATABASE_URL", url)]).unwrap();
        warnings(&config).iter().any(|warning| warning.contains("verify-full"))
    };
    for url in ["postgres://doorstep@db.example/push", "postgres://doorstep@192.0.2.7/push?sslmode=require"] {
        assert!(warned(url), "{url}");
    }
    for url in [
        "postgres://doorstep@db.example/push?sslmode=verify-full",
        "postgres://doorstep@localhost/push",
        "postgres://doorstep@127.0.0.1/push",
        "postgres://doorstep@%2Fvar%2Frun%2Fpostgresql/push",
    ] {
        assert!(!warned(url), "{url}");
    }
}

#[test]
fn the_list_of_keys_tells_the_defaults_that_hold() {
    let mut toml = String::new();
    for section in LAYOUT.keys.sections() {
        toml.push_str(&format!("[{section}]\n"));
        for key in keys::KEYS.iter().filter(|key| key.section == section && !key.default.is_empty()) {
            toml.push_str(&format!("{} = {}\n", key.name, key.default));
        }
    }
    assert_eq!(format!("{:?}", load(&toml, &[]).unwrap()), format!("{:?}", load("", &[]).unwrap()));
}
