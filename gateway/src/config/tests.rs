use std::io::Write as _;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn load(toml: &str, env: &[(&str, &str)]) -> Result<Config, Problems> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(file.path()), env)
}

/// What is told of each problem, without the file's changing name.
fn problems(toml: &str, env: &[(&str, &str)]) -> Vec<String> {
    let Problems(problems) = load(toml, env).unwrap_err();
    let line = |place: &str| place.rsplit_once(':').map_or(String::new(), |(_, line)| line.to_owned());
    problems
        .iter()
        .map(|p| {
            let place = if p.place.starts_with("DOORSTEP_") { p.place.clone() } else { line(&p.place) };
            format!("{place} {} | {} | {}", p.key, p.found, p.allowed)
        })
        .collect()
}

fn good() -> String {
    format!("[edge]\ninsecure_loopback = true\n[auth]\njwt_secret = \"{SECRET}\"\n")
}

#[test]
fn a_short_file_is_enough_and_the_rest_has_defaults() {
    let config = load(&good(), &[]).unwrap();
    assert_eq!(config.edge.listen.to_string(), "127.0.0.1:7443");
    assert_eq!(config.limits.calls, 500);
    assert!(config.trunk.carriers.is_empty() && config.push.is_none());
}

#[test]
fn unknown_and_mistyped_keys_are_named_with_line_and_what_is_allowed() {
    let found = problems(
        "[edge]\nlissten = 1\nmax_message_bytes = \"x\"\n\n[nowhere]\na = 1\n[api]\nkeys = [1]\n[trunk]\nregister = { user = 1, name = \"x\" }\n",
        &[],
    );
    assert_eq!(found.len(), 6, "{found:#?}");
    assert!(
        found[0].starts_with("2 edge.lissten | an unknown key | listen, domain, tls_cert"),
        "{}",
        found[0]
    );
    assert_eq!(found[1], "3 edge.max_message_bytes | a string | a whole number that is not negative");
    assert!(found[2].starts_with("5 nowhere | an unknown section | edge, auth, trunk"), "{}", found[2]);
    assert!(found[3].starts_with("8 api.keys | a list | a list of strings"), "{}", found[3]);
    assert_eq!(
        found[5],
        "10 trunk.register.name | an unknown key | user, password, password_file, domain, expires"
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let found = problems(
        "[edge]\nlisten = \"0.0.0.0:7443\"\n[auth]\njwt_secret = \"short\"\n[api]\nlisten = \"nowhere\"\nkeys = [\"12\"]\n[limits]\nring_s = 1\n[fallback]\ncontact_centre = \"110\"\n",
        &[],
    );
    let keys: Vec<_> = found.iter().map(|text| text.split(" |").next().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "4 auth.jwt_secret",
            "2 edge.listen",
            "6 api.listen",
            "7 api.keys",
            "9 limits.ring_s",
            "11 fallback.contact_centre"
        ]
    );
    assert!(!found.join(" ").contains("short\""), "a secret must not be repeated");
}

#[test]
fn beyond_loopback_tls_and_keys_are_demanded() {
    let found = problems(&good().replace("insecure", "listen = \"[::]:1\"\ninsecure"), &[]);
    assert_eq!(
        found,
        [
            "2 edge.listen | an address beyond loopback without TLS | tls_cert and tls_key beside it, or a loopback address"
        ]
    );
    let found = problems(&format!("{}[api]\nlisten = \"0.0.0.0:1\"\n", good()), &[]);
    assert_eq!(found.len(), 2, "{found:#?}");
    let found = problems("[edge]\n", &[]);
    assert_eq!(found.len(), 2, "no sign-in, and no TLS: {found:#?}");
}

#[test]
fn a_store_in_no_folder_is_refused() {
    for path in ["/nonexistent/gateway.db", "", "/"] {
        let found = problems(&format!("{}[store]\npath = \"{path}\"\n", good()), &[]);
        assert!(found.len() == 1 && found[0].starts_with("6 store.path"), "{path}: {found:?}");
    }
}

#[test]
fn the_environment_goes_over_the_file() {
    let env = [
        ("DOORSTEP_EDGE__LISTEN", "127.0.0.1:0"),
        ("DOORSTEP_LIMITS__CALLS", "7"),
        ("DOORSTEP_TRUNK__CARRIER", "sip.example.com"),
        ("DOORSTEP_TRUNK__SOURCES", "192.0.2.0/24, 2001:db8::/32"),
        ("DOORSTEP_TRUNK__REGISTER__USER", "0123"),
        ("DOORSTEP_TRUNK__REGISTER__PASSWORD", "true"),
        ("DOORSTEP_AUTH__DIGEST", "[{ user = \"anna\", password = \"p\" }]"),
        ("DOORSTEP_TOKEN", "another program's"),
        ("PATH", "/bin"),
    ];
    let config = load(&good(), &env).unwrap();
    assert_eq!((config.edge.listen.port(), config.limits.calls), (0, 7));
    assert_eq!(config.trunk.sources.len(), 2);
    assert_eq!(config.trunk.carriers[0].register.as_ref().unwrap().password.expose(), "true");
    assert_eq!(config.auth.digest.len(), 1);
    assert_eq!(config.trunk.udp.unwrap().to_string(), "0.0.0.0:5060");
}

#[test]
fn a_bad_variable_is_named() {
    let env =
        [("DOORSTEP_EDGE__PORT", "1"), ("DOORSTEP_LIMITS__CALLS", "many"), ("DOORSTEP_LOG__FORMAT", "xml")];
    let found = problems(&good(), &env);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("DOORSTEP_EDGE__PORT edge.port | an unknown key | listen"), "{}", found[0]);
    assert!(
        found[1].starts_with("DOORSTEP_LIMITS__CALLS limits.calls | a value of another kind"),
        "{}",
        found[1]
    );
    assert_eq!(
        problems(&good(), &[("DOORSTEP_LOG__FORMAT", "xml")]),
        ["DOORSTEP_LOG__FORMAT log.format | \"xml\" | text or json"]
    );
}

#[test]
fn broken_toml_and_a_missing_file_are_told_with_their_place() {
    let found = problems("[edge]\nlisten = \n", &[]);
    assert!(found[0].starts_with("2 ") && found[0].contains("not TOML"), "{found:?}");
    let missing = Config::load(Some(Path::new("/nonexistent/gateway.toml")), []).unwrap_err().to_string();
    assert!(missing.starts_with("/nonexistent/gateway.toml: the file cannot be read"), "{missing}");
}

#[test]
fn secrets_may_lie_in_files_and_never_show() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{SECRET}").unwrap();
    let toml = format!(
        "[edge]\ninsecure_loopback = true\n[auth]\njwt_secret_file = \"{}\"\n[trunk]\ncarrier = \"sip.example.com\"\nregister = {{ user = \"u\", password = \"hush-hush\" }}\n[fallback]\ncontact_centre = \"+493022220001\"\ncaller_id = \"+493022220000\"\n",
        file.path().display()
    );
    let config = load(&toml, &[]).unwrap();
    let shown = format!("{config:?}{}", explain(&config));
    for secret in [SECRET, "hush-hush", "22220001"] {
        assert!(!shown.contains(secret), "{secret} shows");
    }
    let Some(JwtSource::Secret(secret)) = config.auth.jwt else { panic!("no secret") };
    assert_eq!(secret.expose(), SECRET.as_bytes());
}

#[test]
fn the_explanation_says_what_the_gateway_will_do() {
    let toml = format!(
        "{}[trunk]\ncarrier = \"sip.example.com\"\ntransport = \"tcp\"\ntcp = \"127.0.0.1:5060\"\nsources = [\"192.0.2.0/24\"]\n",
        good()
    );
    let text = explain(&load(&toml, &[]).unwrap());
    for words in [
        "ws://127.0.0.1:7443/ws",
        "tokens (HS256",
        "sip.example.com:5060 over TCP",
        "takes calls from the carrier's address, 192.0.2.0/24",
        "is refused (480)",
        "500 calls, 3 per courier",
        "warning   the API asks for no key",
    ] {
        assert!(text.contains(words), "{words:?} is missing in\n{text}");
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
    let toml = toml
        .replace("insecure_loopback = false", "insecure_loopback = true")
        .replace("[auth]\n", &format!("[auth]\njwt_secret = \"{SECRET}\"\n"));
    assert_eq!(format!("{:?}", load(&toml, &[]).unwrap()), format!("{:?}", load(&good(), &[]).unwrap()));
}

#[test]
fn several_carriers_stand_in_their_order_each_with_its_own() {
    let toml = format!(
        "{}[trunk]\nsources = [\"198.51.100.0/24\"]\n[[trunk.carriers]]\nname = \"first\"\ncarrier = \"sip.one.example\"\ntransport = \"tls\"\nuser = \"u\"\npassword = \"hush-hush\"\n[[trunk.carriers]]\nname = \"second\"\ncarrier = \"192.0.2.7:5070\"\nsources = [\"192.0.2.0/28\"]\n",
        good()
    );
    let config = load(&toml, &[]).unwrap();
    let [first, second] = &config.trunk.carriers[..] else { panic!("{:?}", config.trunk.carriers) };
    assert_eq!((first.name.as_str(), first.port, first.transport), ("first", 5061, CarrierTransport::Tls));
    assert_eq!(first.register.as_ref().unwrap().domain.to_string(), "sip.one.example");
    assert_eq!((second.port, second.transport, second.sources.len()), (5070, CarrierTransport::Udp, 1));
    assert!(second.register.is_none() && config.trunk.udp.is_some());
    let text = explain(&config);
    assert!(
        text.contains("first at sip.one.example:5061 over TLS, registers at sip.one.example for 3600 s; then second at 192.0.2.7:5070 over UDP, no registration"),
        "{text}"
    );
    assert!(text.contains("the carriers' addresses, 192.0.2.0/28, 198.51.100.0/24"), "{text}");
    assert!(!text.contains("hush"), "{text}");
    let env = [(
        "DOORSTEP_TRUNK__CARRIERS",
        "[{ name = \"a\", carrier = \"b.example\", expires = 60, user = \"u\", password = \"p\" }]",
    )];
    assert_eq!(
        load(&good(), &env).unwrap().trunk.carriers[0].register.as_ref().unwrap().expires,
        Some(Duration::from_secs(60))
    );
}

#[test]
fn carriers_that_cannot_be_told_apart_or_called_are_refused() {
    let carriers = |text: &str| {
        let found = problems(&format!("{}[trunk]\ncarriers = [{text}]\n", good()), &[]);
        assert!(found.iter().all(|problem| problem.starts_with("6 trunk.carriers")), "{found:#?}");
        found.join("\n")
    };
    for (text, words) in [
        ("{ carrier = \"a.example\" }", "a carrier without a name"),
        ("{ name = \"a b\", carrier = \"a.example\" }", "letters, digits"),
        (
            "{ name = \"a\", carrier = \"a.example\" }, { name = \"a\", carrier = \"b.example\" }",
            "\"a\" twice",
        ),
        (
            "{ name = \"a\", carrier = \"a.example\" }, { name = \"b\", carrier = \"a.example:5060\" }",
            "\"b\" twice",
        ),
        ("{ name = \"a\", carrier = \"a.example\", transport = \"sctp\" }", "udp, tcp or tls"),
        ("{ name = \"a\", carrier = \"a.example\", user = \"u\" }", "no user or no password"),
        ("{ name = \"a\" }", "host or host:port"),
        ("{ name = \"a\", carrier = \"a.example\", colour = \"red\" }", "name, carrier, transport, user"),
    ] {
        let found = carriers(text);
        assert!(found.contains(words), "{text}: {found}");
    }
    let both = format!(
        "{}[trunk]\ncarrier = \"a.example\"\ncarriers = [{{ name = \"b\", carrier = \"b.example\" }}]\n",
        good()
    );
    assert!(problems(&both, &[])[0].contains("one of the two"));
}

#[test]
fn push_service_is_spoken_to_with_a_key_and_beyond_loopback_by_tls() {
    let push = |text: &str| format!("{}[push]\n{text}\n", good());
    for (text, key, words) in [
        ("url = \"http://push.example:7490\"\nkey = \"k\"", "push.url", "https://host:port"),
        ("url = \"https://user:secret@push.example\"\nkey = \"k\"", "push.url", "no user or query"),
        ("url = \"nonsense\"\nkey = \"k\"", "push.url", "https://"),
        ("url = \"https://push.example\"", "push.key", "key or key_file"),
        ("key = \"k\"", "push.url", "beside it"),
        (
            "url = \"http://127.0.0.1:1\"\nkey = \"k\"\nenvironment = \"test\"",
            "push.environment",
            "production or sandbox",
        ),
        ("url = \"http://127.0.0.1:1\"\nkey = \"k\"\ntimeout_ms = 10", "push.timeout_ms", "100 to 30000"),
        ("url = \"http://127.0.0.1:1\"\nkey = \"k\"\nca_file = \"/nonexistent.pem\"", "push.ca_file", "PEM"),
    ] {
        let found = problems(&push(text), &[]);
        assert!(found.len() == 1 && found[0].contains(key) && found[0].contains(words), "{text}: {found:?}");
        assert!(!found[0].contains("secret"), "{found:?}");
    }
    let config = load(&push("url = \"http://[::1]:7490\"\nkey = \"hush-hush\""), &[]).unwrap();
    let shown = format!("{config:?}{}", explain(&config));
    assert!(shown.contains("woken by http://[::1]:7490/") && shown.contains("2000 ms"), "{shown}");
    assert!(!shown.contains("hush-hush"), "{shown}");
    assert!(explain(&load(&good(), &[]).unwrap()).contains("nobody is woken"));
}

#[test]
fn a_recording_that_cannot_be_played_is_refused_with_what_may_stand_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sorry.wav");
    let toml = format!("{}[fallback]\nmessage = \"{}\"\n", good(), path.display());
    let found = problems(&toml, &[]);
    assert!(
        found.len() == 1 && found[0].starts_with("6 fallback.message") && found[0].contains("sorry.wav"),
        "{found:?}"
    );
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = |spec, samples| {
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        (0..samples).for_each(|sample| writer.write_sample(sample as i16).unwrap());
        writer.finalize().unwrap();
    };
    write(spec, 8000);
    let found = problems(&toml, &[]);
    assert!(found[0].contains("2 channels") && found[0].contains("16-bit PCM, mono"), "{found:?}");
    write(hound::WavSpec { channels: 1, ..spec }, 12_000);
    let text = explain(&load(&toml, &[]).unwrap());
    assert!(text.contains("hears") && text.contains("sorry.wav (1.5 s), and the call ends"), "{text}");
}
