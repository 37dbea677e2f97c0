//! [`Raw`] is judged: each value for itself, then what must go together. Everything wrong is collected.

use std::path::PathBuf;
use std::time::Duration;

use doorstep_service::config::{ApiConfig, NOWHERE, Places};
use doorstep_sip::Sensitive;

use super::judge::Judge;
use super::raw::{self, Raw};
use super::{Auth, Config, ContactCentre, DigestUser, Edge, JwtSource, Limits, Media, Problems, Store};
use crate::masking::E164;

pub(super) fn validate(raw: Raw, places: &Places) -> Result<Config, Problems> {
    let mut judge = Judge::new(places);
    let numbers: Vec<E164> =
        raw.numbers.company.iter().filter_map(|text| judge.number("numbers.company", text)).collect();
    let config = Config {
        auth: judge.auth(&raw.auth),
        edge: judge.edge(&raw.edge),
        trunk: judge.trunk(&raw.trunk, &numbers),
        media: judge.media(&raw.media),
        api: ApiConfig::judge(&mut judge, &raw.api, 7480, "doorstep-gateway hash-key"),
        store: judge.store(&raw.store),
        limits: judge.limits(&raw.limits),
        contact_centre: judge.contact_centre(&raw.fallback, &numbers),
        message: judge.message(raw.fallback.message.as_deref()),
        push: judge.push(&raw.push),
        numbers,
        log: judge.log("log", &raw.log.level, &raw.log.format),
    };
    let problems = judge.into_problems();
    if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
}

impl Judge<'_> {
    fn auth(&mut self, raw: &raw::Auth) -> Auth {
        let secret = self.secret("auth.jwt_secret", raw.jwt_secret.as_ref(), raw.jwt_secret_file.as_deref());
        if let Some(secret) = &secret
            && secret.expose().len() < 32
        {
            self.refuse(
                "auth.jwt_secret",
                "a secret shorter than 32 bytes",
                "32 bytes or more (RFC 7518 section 3.2)",
            );
        }
        let sources: Vec<JwtSource> = [
            secret.map(|secret| JwtSource::Secret(Sensitive::new(secret.into_exposed().into_bytes()))),
            raw.jwt_public_key.clone().map(|path| JwtSource::PublicKey(PathBuf::from(path))),
            raw.jwks_file.clone().map(|path| JwtSource::Jwks(PathBuf::from(path))),
        ]
        .into_iter()
        .flatten()
        .collect();
        if sources.len() > 1 {
            self.refuse(
                "auth",
                "more than one way to check tokens",
                "one of jwt_secret (or its file), jwt_public_key, jwks_file",
            );
        }
        let auth = Auth {
            jwt: sources.into_iter().next(),
            issuer: raw.issuer.clone(),
            audience: raw.audience.clone(),
            digest: self.digest_users(&raw.digest),
        };
        if let Some(JwtSource::PublicKey(_) | JwtSource::Jwks(_)) = &auth.jwt
            && let Err(error) = crate::auth::Verifier::new(&auth)
        {
            let key = if raw.jwks_file.is_some() { "auth.jwks_file" } else { "auth.jwt_public_key" };
            self.refuse(key, &error.to_string(), "a file with ES256 or RS256 public keys");
        }
        if auth.jwt.is_none() && auth.digest.is_empty() {
            self.refuse(
                "auth",
                "no way for couriers to sign in",
                "jwt_secret, jwt_secret_file, jwt_public_key, jwks_file or [[auth.digest]]",
            );
        }
        auth
    }

    fn digest_users(&mut self, raw: &[raw::DigestUser]) -> Vec<DigestUser> {
        let mut users: Vec<DigestUser> = Vec::new();
        for entry in raw {
            let password =
                self.secret("auth.digest", entry.password.as_ref(), entry.password_file.as_deref());
            let known = users.iter().any(|user| user.user == entry.user);
            match password {
                Some(password) if !entry.user.is_empty() && !known => {
                    users.push(DigestUser { user: entry.user.clone(), password });
                }
                Some(_) | None => self.refuse(
                    "auth.digest",
                    "an entry without user or password, or a user named twice",
                    "{ user = \"…\", password = \"…\" } or password_file",
                ),
            }
        }
        users
    }

    fn edge(&mut self, raw: &raw::Edge) -> Edge {
        let listen = self.address("edge.listen", &raw.listen).unwrap_or(NOWHERE);
        let tls = self.tls_files("edge", raw.tls_cert.as_deref(), raw.tls_key.as_deref());
        if tls.is_none() && raw.tls_cert.is_none() && raw.tls_key.is_none() {
            if !listen.ip().is_loopback() {
                self.refuse(
                    "edge.listen",
                    "an address beyond loopback without TLS",
                    "tls_cert and tls_key beside it, or a loopback address",
                );
            } else if !raw.insecure_loopback {
                self.refuse(
                    "edge.tls_cert",
                    "no TLS",
                    "tls_cert and tls_key, or insecure_loopback = true on loopback",
                );
            }
        }
        Edge {
            listen,
            domain: self.host("edge.domain", &raw.domain),
            tls,
            max_message: self.size("edge.max_message_bytes", raw.max_message_bytes, 1024..=1_048_576),
            messages_per_second: u32::try_from(self.range(
                "edge.messages_per_second",
                raw.messages_per_second,
                1..=100_000,
            ))
            .unwrap_or(1),
            max_connections: self.size("edge.max_connections", raw.max_connections, 1..=1_000_000),
            max_connections_per_ip: self.size(
                "edge.max_connections_per_ip",
                raw.max_connections_per_ip,
                1..=1_000_000,
            ),
            handshake_timeout: self.seconds("edge.handshake_timeout_s", raw.handshake_timeout_s, 1..=120),
            idle_timeout: self.seconds("edge.idle_timeout_s", raw.idle_timeout_s, 10..=86_400),
        }
    }

    fn media(&mut self, raw: &raw::Media) -> Media {
        let ports = match (raw.port_min, raw.port_max) {
            (0, 0) => None,
            (first, last) => match (u16::try_from(first), u16::try_from(last)) {
                (Ok(first), Ok(last)) if first >= 1024 && last > first => Some((first, last)),
                (Ok(_) | Err(_), Ok(_) | Err(_)) => {
                    self.refuse(
                        "media.port_min",
                        &format!("the ports {first} to {last}"),
                        "1024 to 65535, the first below the last, or 0 and 0",
                    );
                    None
                }
            },
        };
        Media {
            edge_ips: raw.edge_ips.iter().filter_map(|text| self.ip("media.edge_ips", text)).collect(),
            trunk_ip: raw.trunk_ip.as_deref().and_then(|text| self.ip("media.trunk_ip", text)),
            trunk_advertised_ip: raw
                .trunk_advertised_ip
                .as_deref()
                .and_then(|text| self.ip("media.trunk_advertised_ip", text)),
            ports,
            strict_source: match raw.source.as_str() {
                "symmetric" => false,
                "strict" => true,
                other => {
                    self.refuse("media.source", &format!("{other:?}"), "symmetric or strict");
                    false
                }
            },
            audio_rate: match raw.audio_rate {
                rate @ (8_000 | 12_000 | 16_000 | 24_000 | 48_000) => rate,
                other => {
                    self.refuse("media.audio_rate", &other.to_string(), "8000, 12000, 16000, 24000 or 48000");
                    8_000
                }
            },
        }
    }

    fn store(&mut self, raw: &raw::Store) -> Store {
        let path = PathBuf::from(&raw.path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if path.file_name().is_none() {
            self.refuse("store.path", "no file's name", "the path of a file");
        } else if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            self.refuse(
                "store.path",
                &format!("no folder {}", folder.display()),
                "a file in a folder that exists",
            );
        }
        let busy = self.range("store.busy_timeout_ms", raw.busy_timeout_ms, 0..=60_000);
        Store { path, busy_timeout: Duration::from_millis(busy) }
    }

    fn limits(&mut self, raw: &raw::Limits) -> Limits {
        Limits {
            calls_per_courier: self.size("limits.calls_per_courier", raw.calls_per_courier, 1..=1000),
            calls: self.size("limits.calls", raw.calls, 1..=100_000),
            ring: self.seconds("limits.ring_s", raw.ring_s, 5..=600),
            talk: self.seconds("limits.talk_s", raw.talk_s, 1..=86_400),
            flow_grace: self.seconds("limits.flow_grace_s", raw.flow_grace_s, 0..=600),
            shutdown: self.seconds("limits.shutdown_s", raw.shutdown_s, 1..=600),
        }
    }

    fn contact_centre(&mut self, raw: &raw::Fallback, company: &[E164]) -> Option<ContactCentre> {
        let caller_id = raw.caller_id.as_ref().and_then(|text| self.number("fallback.caller_id", text));
        let number = self.number("fallback.contact_centre", raw.contact_centre.as_ref()?)?;
        let Some(caller_id) = caller_id.or_else(|| company.first().cloned()) else {
            self.refuse(
                "fallback.caller_id",
                "no number to show the contact centre",
                "a company number in E.164, here or in numbers.company",
            );
            return None;
        };
        Some(ContactCentre { number, caller_id })
    }
}
