//! The carriers' part of the configuration is judged.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use doorstep_sip::Sensitive;

use super::judge::Judge;
use super::raw;
use super::{Carrier, CarrierTransport, Registration, Trunk};
use crate::masking::E164;

/// The name of a carrier that has none of its own.
const ONLY_CARRIER: &str = "carrier";
/// More are a mistake.
const MAX_CARRIERS: usize = 16;
/// A name stands in metrics and logs.
const MAX_NAME: usize = 32;

impl Judge<'_> {
    pub(super) fn trunk(&mut self, raw: &raw::Trunk, company: &[E164]) -> Trunk {
        let carriers = self.carriers(raw);
        let mut udp = raw.udp.as_deref().and_then(|text| self.address("trunk.udp", text));
        if udp.is_none() && carriers.iter().any(|carrier| carrier.transport == CarrierTransport::Udp) {
            udp = Some(SocketAddr::from(([0, 0, 0, 0], 5060)));
        }
        let named = raw.carrier.is_some() || !raw.carriers.is_empty();
        if !named && (!raw.sources.is_empty() || udp.is_some() || raw.tcp.is_some() || raw.tls.is_some()) {
            self.refuse(
                "trunk.carrier",
                "trunk listeners or sources without a carrier",
                "carrier = \"host:port\"",
            );
        }
        let files = self.tls_files("trunk", raw.tls_cert.as_deref(), raw.tls_key.as_deref());
        let tls = raw.tls.as_deref().and_then(|text| {
            let address = self.address("trunk.tls", text)?;
            if files.is_none() && raw.tls_cert.is_none() && raw.tls_key.is_none() {
                self.refuse(
                    "trunk.tls",
                    "a TLS listener without a certificate",
                    "tls_cert and tls_key beside it",
                );
            }
            Some((address, files.clone()?))
        });
        Trunk {
            udp,
            tcp: raw.tcp.as_deref().and_then(|text| self.address("trunk.tcp", text)),
            tls,
            tls_ca: raw.tls_ca.clone().map(PathBuf::from),
            carriers,
            sources: raw.sources.iter().filter_map(|text| self.network("trunk.sources", text)).collect(),
            advertised: raw.advertised.as_deref().and_then(|text| self.host_port("trunk.advertised", text)),
            options_interval: match self.range("trunk.options_interval_s", raw.options_interval_s, 0..=86_400)
            {
                0 => None,
                seconds => Some(Duration::from_secs(seconds)),
            },
            dns_interval: self.seconds("trunk.dns_interval_s", raw.dns_interval_s, 1..=86_400),
            trust_asserted_identity: raw.trust_asserted_identity,
            assert_identity: raw.assert_identity,
            numbers: self.number_plan(raw.country.as_deref(), company),
        }
    }

    /// One by `trunk.carrier`, or several by `trunk.carriers`.
    fn carriers(&mut self, raw: &raw::Trunk) -> Vec<Carrier> {
        if raw.carrier.is_none() && raw.register.is_some() {
            let found = "a registration without a carrier";
            self.refuse("trunk.register", found, "carrier = \"host:port\" beside it");
        }
        if raw.carriers.is_empty() {
            let only = raw.carrier.as_deref().and_then(|text| {
                let transport = self.transport("trunk.transport", &raw.transport);
                let mut carrier = self.carrier("trunk.carrier", ONLY_CARRIER, text, transport)?;
                carrier.register = raw.register.as_ref().and_then(|raw| {
                    self.registration(
                        "trunk.register",
                        "user, password (or password_file), domain, expires",
                        raw,
                        &carrier,
                    )
                });
                Some(carrier)
            });
            return only.into_iter().collect();
        }
        if raw.carrier.is_some() {
            self.refuse("trunk.carriers", "carriers beside trunk.carrier", "one of the two");
        }
        if raw.carriers.len() > MAX_CARRIERS {
            self.refuse(
                "trunk.carriers",
                &format!("{} carriers", raw.carriers.len()),
                &format!("up to {MAX_CARRIERS}"),
            );
        }
        let mut carriers: Vec<Carrier> = Vec::new();
        for raw in &raw.carriers {
            if let Some(carrier) = self.one_of_carriers(raw, &carriers) {
                carriers.push(carrier);
            }
        }
        carriers
    }

    fn one_of_carriers(&mut self, raw: &raw::Carrier, before: &[Carrier]) -> Option<Carrier> {
        const KEY: &str = "trunk.carriers";
        let plain =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if raw.name.is_empty() || raw.name.len() > MAX_NAME || !plain(&raw.name) {
            let found = if raw.name.is_empty() {
                "a carrier without a name".to_owned()
            } else {
                format!("{:?}", raw.name)
            };
            self.refuse(KEY, &found, &format!("name = \"…\": letters, digits, -, _ and ., up to {MAX_NAME}"));
        }
        let transport = self.transport(KEY, &raw.transport);
        let mut carrier = self.carrier(KEY, &raw.name, &raw.carrier, transport)?;
        carrier.sources = raw.sources.iter().filter_map(|text| self.network(KEY, text)).collect();
        if raw.user.is_some() || raw.password.is_some() || raw.password_file.is_some() {
            let register = raw::Register {
                user: raw.user.clone().unwrap_or_default(),
                password: raw.password.clone(),
                password_file: raw.password_file.clone(),
                domain: raw.domain.clone(),
                expires: raw.expires,
            };
            carrier.register =
                self.registration(KEY, "user and password (or password_file) together", &register, &carrier);
        }
        let same = |other: &Carrier| {
            (&other.host, other.port, other.transport) == (&carrier.host, carrier.port, carrier.transport)
        };
        if before.iter().any(|other| other.name == carrier.name || same(other)) {
            self.refuse(KEY, &format!("{:?} twice", carrier.name), "each name and each address once");
            return None;
        }
        Some(carrier)
    }

    fn transport(&mut self, key: &str, text: &str) -> CarrierTransport {
        match text {
            "udp" => CarrierTransport::Udp,
            "tcp" => CarrierTransport::Tcp,
            "tls" => CarrierTransport::Tls,
            other => {
                self.refuse(key, &format!("{other:?}"), "udp, tcp or tls");
                CarrierTransport::Udp
            }
        }
    }

    fn carrier(&mut self, key: &str, name: &str, text: &str, transport: CarrierTransport) -> Option<Carrier> {
        let found = self.host_port(key, text)?;
        let usual = if transport == CarrierTransport::Tls { 5061 } else { 5060 };
        Some(Carrier {
            name: name.to_owned(),
            host: found.host,
            port: found.port.unwrap_or(usual),
            transport,
            sources: Vec::new(),
            register: None,
        })
    }

    fn registration(
        &mut self,
        key: &str,
        allowed: &str,
        raw: &raw::Register,
        carrier: &Carrier,
    ) -> Option<Registration> {
        let password = self.secret(key, raw.password.as_ref(), raw.password_file.as_deref());
        let Some(password) = password.filter(|_| !raw.user.is_empty()) else {
            self.refuse(key, "no user or no password", allowed);
            return None;
        };
        Some(Registration {
            user: Sensitive::new(raw.user.clone()),
            password,
            domain: raw.domain.as_deref().map_or_else(|| carrier.host.clone(), |text| self.host(key, text)),
            expires: match raw.expires {
                0 => None,
                seconds => Some(self.seconds(key, seconds, 60..=86_400)),
            },
        })
    }
}
