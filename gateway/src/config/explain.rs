//! What the gateway will do, in words, for `--check`. It shows no secret and no telephone number.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::{Carrier, CarrierTransport, Config, JwtSource};

/// Says what a gateway of this configuration will do, a line per subject, warnings last.
pub fn explain(config: &Config) -> String {
    let mut text = String::new();
    let mut say = |subject: &str, words: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{subject:<9} {words}");
    };
    say("couriers", couriers(config));
    say("sign in", sign_in(config));
    say("carrier", carriers(config));
    say("listens", trunk_listeners(config));
    say("media", media(config));
    say("API", config.api.explain());
    say("store", format!("{} (SQLite)", config.store.path.display()));
    say("wakes", push(config));
    say("fallback", fallback(config));
    say("limits", limits(config));
    say(
        "log",
        format!("{} as {} on stderr", config.log.level, if config.log.json { "JSON" } else { "text" }),
    );
    for warning in warnings(config) {
        say("warning", warning);
    }
    text
}

/// What is allowed but should be known.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.edge.tls.is_none() {
        warnings.push("couriers connect without TLS: for trials on this machine only".to_owned());
    }
    warnings.extend(config.api.warning());
    if config.trunk.carriers.is_empty() {
        warnings.push("without trunk.carrier no customer can be called (503 trunk_down)".to_owned());
    }
    if let (Some(_), None) = (&config.auth.jwt, &config.auth.audience) {
        warnings.push(
            "auth.audience is not set: tokens made for other services of the same key are taken".to_owned(),
        );
    }
    if let Some((first, last)) = config.media.ports
        && usize::from(last - first) + 1 < config.limits.calls.saturating_mul(4)
    {
        warnings.push(format!(
            "{} media ports carry about {} calls, fewer than limits.calls = {}",
            usize::from(last - first) + 1,
            (usize::from(last - first) + 1) / 4,
            config.limits.calls
        ));
    }
    warnings
}

fn couriers(config: &Config) -> String {
    let edge = &config.edge;
    let scheme = if edge.tls.is_some() { "wss" } else { "ws" };
    format!(
        "{scheme}://{}/ws, up to {} connections ({} per address), {} messages per second and {} bytes each",
        edge.listen,
        edge.max_connections,
        edge.max_connections_per_ip,
        edge.messages_per_second,
        edge.max_message
    )
}

fn sign_in(config: &Config) -> String {
    let auth = &config.auth;
    let mut ways = Vec::new();
    match &auth.jwt {
        Some(JwtSource::Secret(_)) => ways.push("tokens (HS256 with the shared secret)".to_owned()),
        Some(JwtSource::PublicKey(path)) => ways.push(format!("tokens (public key {})", path.display())),
        Some(JwtSource::Jwks(path)) => ways.push(format!("tokens (keys of {})", path.display())),
        None => {}
    }
    if !auth.digest.is_empty() {
        ways.push(format!("digest for {} couriers", auth.digest.len()));
    }
    let mut words = ways.join("; ");
    for (name, value) in [("iss", &auth.issuer), ("aud", &auth.audience)] {
        if let Some(value) = value {
            let _ = write!(words, ", {name} must be {value:?}");
        }
    }
    words
}

fn carriers(config: &Config) -> String {
    let trunk = &config.trunk;
    if trunk.carriers.is_empty() {
        return "none".to_owned();
    }
    let each: Vec<String> = trunk.carriers.iter().map(|one| carrier(one, trunk.carriers.len() > 1)).collect();
    let mut words = each.join("; then ");
    match trunk.options_interval {
        Some(interval) => {
            let _ = write!(words, ", asked by OPTIONS every {} s", interval.as_secs());
        }
        None => words.push_str(", counts as up"),
    }
    words
}

fn carrier(carrier: &Carrier, with_name: bool) -> String {
    let transport = match carrier.transport {
        CarrierTransport::Udp => "UDP",
        CarrierTransport::Tcp => "TCP",
        CarrierTransport::Tls => "TLS",
    };
    let name = if with_name { format!("{} at ", carrier.name) } else { String::new() };
    let mut words = format!("{name}{}:{} over {transport}", carrier.host, carrier.port);
    match &carrier.register {
        Some(register) => {
            let _ = match register.expires {
                Some(expires) => {
                    write!(words, ", registers at {} for {} s", register.domain, expires.as_secs())
                }
                None => write!(words, ", answers challenges of {}", register.domain),
            };
        }
        None => words.push_str(", no registration"),
    }
    words
}

fn trunk_listeners(config: &Config) -> String {
    let trunk = &config.trunk;
    let listeners: Vec<String> =
        [("UDP", trunk.udp), ("TCP", trunk.tcp), ("TLS", trunk.tls.as_ref().map(|(address, _)| *address))]
            .into_iter()
            .filter_map(|(name, address): (&str, Option<SocketAddr>)| Some(format!("{name} {}", address?)))
            .collect();
    if listeners.is_empty() {
        return "for the carrier: nowhere".to_owned();
    }
    let mut words = format!("for the carrier: {}; takes calls from ", listeners.join(", "));
    words.push_str(match trunk.carriers.len() {
        0 => "no carrier",
        1 => "the carrier's address",
        _ => "the carriers' addresses",
    });
    for network in trunk.carriers.iter().flat_map(|carrier| &carrier.sources).chain(&trunk.sources) {
        let _ = write!(words, ", {network}");
    }
    words
}

fn media(config: &Config) -> String {
    let media = &config.media;
    let ports = match media.ports {
        Some((first, last)) => format!("UDP ports {first} to {last}"),
        None => "UDP ports that the system picks".to_owned(),
    };
    let edge = if media.edge_ips.is_empty() {
        "this machine's address".to_owned()
    } else {
        media.edge_ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let trunk = media.trunk_ip.map_or("the address that reaches the carrier".to_owned(), |ip| ip.to_string());
    let named = media.trunk_advertised_ip.map(|ip| format!(" (named {ip})")).unwrap_or_default();
    let source = if media.strict_source { "strict" } else { "symmetric" };
    let rate = media.audio_rate;
    format!("{ports}; couriers at {edge}, voice of {rate} Hz; carrier at {trunk}{named}, {source} source")
}

fn fallback(config: &Config) -> String {
    let message = config
        .message
        .as_ref()
        .map(|message| format!("{} ({:.1} s)", message.path.display(), message.clip.length().as_secs_f64()));
    match (&config.contact_centre, message) {
        (Some(_), Some(message)) => {
            format!(
                "a customer who reaches no courier hears {message} and is put through to the contact centre"
            )
        }
        (Some(_), None) => {
            "a customer who reaches no courier is put through to the contact centre".to_owned()
        }
        (None, Some(message)) => {
            format!("a customer who reaches no courier hears {message}, and the call ends")
        }
        (None, None) => "a customer who reaches no courier is refused (480)".to_owned(),
    }
}

fn push(config: &Config) -> String {
    let Some(push) = &config.push else { return "nobody is woken: only connected apps ring".to_owned() };
    let mut words = format!(
        "closed apps are woken by {} (Apple's {} service), which has {} ms to take a wake",
        push.url,
        push.environment.as_str(),
        push.timeout.as_millis()
    );
    if let Some(path) = &push.ca_file {
        let _ = write!(words, ", its certificate checked against {}", path.display());
    }
    words
}

fn limits(config: &Config) -> String {
    let limits = &config.limits;
    format!(
        "{} calls, {} per courier, ringing {} s, talking {} s, {} s for a lost courier to come back, {} s to end on SIGTERM",
        limits.calls,
        limits.calls_per_courier,
        limits.ring.as_secs(),
        limits.talk.as_secs(),
        limits.flow_grace.as_secs(),
        limits.shutdown.as_secs()
    )
}
