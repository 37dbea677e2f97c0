//! Every key of the configuration: where it stands, what kind of value it takes, its default and its meaning in a sentence.
//! The reader, the environment, `--check` and the handbook are all held to this list.

/// What kind of TOML value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number that is not negative.
    Number,
    /// `true` or `false`.
    Flag,
    /// An array of strings.
    List,
    /// A table with these keys, all strings but for those in the second list, which are numbers.
    Table(&'static [&'static str], &'static [&'static str]),
    /// An array of such tables.
    Tables(&'static [&'static str]),
}

impl Kind {
    /// What the person may write, for an error's text.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Text => "a string in quotes",
            Self::Number => "a whole number that is not negative",
            Self::Flag => "true or false",
            Self::List => "a list of strings, such as [\"a\", \"b\"]",
            Self::Table(..) => "a table, such as { key = \"value\" }",
            Self::Tables(_) => "a list of tables",
        }
    }
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The table it stands in.
    pub section: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds when it is left out, as it would be written; empty: nothing.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn key(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { section, name, kind, default, meaning }
}

use Kind::{Flag, List, Number, Text};

/// All of them, in the order of the handbook.
pub const KEYS: &[Key] = &[
    key(
        "edge",
        "listen",
        Text,
        "\"127.0.0.1:7443\"",
        "Where couriers' apps connect: WebSocket on the path /ws.",
    ),
    key(
        "edge",
        "domain",
        Text,
        "\"doorstep.invalid\"",
        "Host name in the SIP addresses that apps see, and the realm of digest challenges.",
    ),
    key("edge", "tls_cert", Text, "", "PEM file with the certificate chain; read again on SIGHUP."),
    key("edge", "tls_key", Text, "", "PEM file with its private key."),
    key("edge", "insecure_loopback", Flag, "false", "Allows ws:// without TLS, on a loopback address only."),
    key("edge", "max_message_bytes", Number, "65536", "Longest message an app may send, 1024 to 1048576."),
    key(
        "edge",
        "messages_per_second",
        Number,
        "50",
        "Messages per second and connection; twice as many may come at once.",
    ),
    key("edge", "max_connections", Number, "10000", "Connections in all."),
    key("edge", "max_connections_per_ip", Number, "200", "Connections from one address (one IPv6 /64)."),
    key("edge", "handshake_timeout_s", Number, "10", "Seconds for TLS and the WebSocket upgrade together."),
    key(
        "edge",
        "idle_timeout_s",
        Number,
        "900",
        "Seconds of silence after which the gateway pings; no answer within 10 s closes the connection.",
    ),
    key("auth", "jwt_secret", Text, "", "Shared secret of HS256 tokens, at least 32 bytes."),
    key(
        "auth",
        "jwt_secret_file",
        Text,
        "",
        "File with that secret; white space around it is not part of it.",
    ),
    key("auth", "jwt_public_key", Text, "", "PEM file with the public key of ES256 or RS256 tokens."),
    key(
        "auth",
        "jwks_file",
        Text,
        "",
        "JWKS file with public keys; the token's kid picks one. Read again on SIGHUP.",
    ),
    key("auth", "issuer", Text, "", "Required iss of a token."),
    key("auth", "audience", Text, "", "Required aud of a token."),
    key(
        "auth",
        "digest",
        Kind::Tables(&["user", "password", "password_file"]),
        "",
        "Couriers that sign in with a password instead of a token.",
    ),
    key(
        "trunk",
        "udp",
        Text,
        "",
        "Socket for SIP over UDP; with a carrier over UDP \"0.0.0.0:5060\" when left out.",
    ),
    key("trunk", "tcp", Text, "", "Where the carrier's SIP over TCP comes in."),
    key("trunk", "tls", Text, "", "Where the carrier's SIP over TLS comes in."),
    key("trunk", "tls_cert", Text, "", "PEM file with the certificate chain for trunk.tls."),
    key("trunk", "tls_key", Text, "", "PEM file with its private key."),
    key(
        "trunk",
        "tls_ca",
        Text,
        "",
        "PEM file with the roots that the carrier's certificate is checked against, instead of the system's.",
    ),
    key("trunk", "carrier", Text, "", "host:port of the carrier, or the host alone (5060, TLS 5061)."),
    key("trunk", "transport", Text, "\"udp\"", "How the carrier is called: udp, tcp or tls."),
    key(
        "trunk",
        "sources",
        List,
        "[]",
        "Networks (CIDR) besides the carrier's own address that calls may come from.",
    ),
    key(
        "trunk",
        "advertised",
        Text,
        "",
        "host or host:port that SIP messages name as ours; by default the local address.",
    ),
    key(
        "trunk",
        "register",
        Kind::Table(&["user", "password", "password_file", "domain"], &["expires"]),
        "",
        "Registers with the carrier by digest; expires = 0 only answers its challenges. Default expires: 3600.",
    ),
    key(
        "trunk",
        "options_interval_s",
        Number,
        "30",
        "Seconds between OPTIONS to the carrier; 0: none, the carrier counts as up.",
    ),
    key("trunk", "dns_interval_s", Number, "60", "Seconds between look-ups of the carrier's name."),
    key(
        "trunk",
        "trust_asserted_identity",
        Flag,
        "false",
        "Whether the caller's number is read from P-Asserted-Identity when there is one (RFC 3325).",
    ),
    key(
        "trunk",
        "assert_identity",
        Flag,
        "false",
        "Whether the company's number is also sent as P-Asserted-Identity (RFC 3325).",
    ),
    key(
        "trunk",
        "country",
        Text,
        "",
        "Country (ISO code, such as DE) whose national numbers the carrier writes; by default that of the first company number, else DE.",
    ),
    key(
        "media",
        "edge_ips",
        List,
        "[]",
        "Addresses that apps send media to; by default that of edge.listen or the machine's own.",
    ),
    key(
        "media",
        "trunk_ip",
        Text,
        "",
        "Address for RTP with the carrier; by default the one that reaches the carrier.",
    ),
    key(
        "media",
        "trunk_advertised_ip",
        Text,
        "",
        "Address that SDP names to the carrier, when NAT stands between.",
    ),
    key(
        "media",
        "port_min",
        Number,
        "16384",
        "First UDP port for media; 0 with port_max 0: the system picks.",
    ),
    key("media", "port_max", Number, "32767", "Last UDP port for media."),
    key(
        "media",
        "source",
        Text,
        "\"symmetric\"",
        "symmetric: RTP goes to where it comes from; strict: only to and from what the SDP says.",
    ),
    key("api", "listen", Text, "\"127.0.0.1:7480\"", "Where the HTTP API listens."),
    key("api", "tls_cert", Text, "", "PEM file with the certificate chain; read again on SIGHUP."),
    key("api", "tls_key", Text, "", "PEM file with its private key."),
    key(
        "api",
        "keys",
        List,
        "[]",
        "SHA-256 (64 hexadecimal digits) of each API key; doorstep-gateway hash-key makes one.",
    ),
    key("api", "max_body_bytes", Number, "65536", "Longest request body."),
    key("store", "path", Text, "\"doorstep-gateway.db\"", "SQLite file; made when it is missing."),
    key(
        "store",
        "busy_timeout_ms",
        Number,
        "2000",
        "Milliseconds to wait for a locked database before a request gets 503.",
    ),
    key("limits", "calls_per_courier", Number, "3", "Calls that one courier may have at once."),
    key("limits", "calls", Number, "500", "Calls in all."),
    key("limits", "ring_s", Number, "60", "Seconds a call may ring, where the order says nothing."),
    key("limits", "talk_s", Number, "7200", "Seconds a call may last, where the order says nothing."),
    key(
        "limits",
        "flow_grace_s",
        Number,
        "30",
        "Seconds that a call waits for a courier whose connection was lost.",
    ),
    key(
        "limits",
        "shutdown_s",
        Number,
        "10",
        "Seconds for calls to end on SIGTERM before the gateway leaves.",
    ),
    key(
        "fallback",
        "contact_centre",
        Text,
        "",
        "Number (E.164) that a customer's call goes to when it reaches no courier; without it the call is refused.",
    ),
    key(
        "fallback",
        "caller_id",
        Text,
        "",
        "Company number shown to the contact centre; by default the first company number.",
    ),
    key(
        "numbers",
        "company",
        List,
        "[]",
        "Company numbers (E.164), added to those of the API; the first is shown when an order names none.",
    ),
    key("log", "level", Text, "\"info\"", "What is logged, such as info or doorstep_gateway=debug,warn."),
    key("log", "format", Text, "\"text\"", "text or json."),
];

/// The key of that place.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// The names that a section knows; empty for an unknown section.
pub fn names(section: &str) -> Vec<&'static str> {
    KEYS.iter().filter(|key| key.section == section).map(|key| key.name).collect()
}

/// All sections.
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> = KEYS.iter().map(|key| key.section).collect();
    sections.dedup();
    sections
}
