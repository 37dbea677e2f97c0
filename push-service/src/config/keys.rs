//! Every key of the configuration: where it stands, what kind of value it takes, its default and its meaning in a sentence.

use doorstep_service::config::Kind::{List, Number, Text};
use doorstep_service::config::{Key, api_section, key};

const API: [Key; 5] = api_section(
    "\"127.0.0.1:7490\"",
    "SHA-256 (64 hexadecimal digits) of each API key; doorstep-push hash-key makes one.",
);

/// All of them, in the order of the handbook.
pub const KEYS: &[Key] = &[
    API[0],
    API[1],
    API[2],
    API[3],
    API[4],
    key(
        "store",
        "path",
        Text,
        "\"doorstep-push.db\"",
        "SQLite file; made when it is missing. It serves one process.",
    ),
    key(
        "store",
        "database_url",
        Text,
        "",
        "postgres://USER:PASSWORD@HOST/DATABASE instead of a file; several instances may share it.",
    ),
    key("store", "database_url_file", Text, "", "File with that URL."),
    key("store", "retention_h", Number, "24", "Hours that a wake can be asked for after it expired."),
    key("queue", "pending", Number, "20000", "Pushes in hand; beyond these a wake gets 429."),
    key(
        "queue",
        "sends",
        Number,
        "500",
        "Requests at once to one provider; so many pushes a kill may double.",
    ),
    key(
        "queue",
        "shutdown_s",
        Number,
        "10",
        "Seconds for what is in hand to be sent on SIGTERM; the rest stays in the store.",
    ),
    key(
        "payload",
        "gateway",
        Text,
        "",
        "The gateway's address for apps, such as \"wss://voice.example.com/ws\".",
    ),
    key("apns", "key_file", Text, "", "Apple's .p8 file: the key that signs provider tokens."),
    key("apns", "key_id", Text, "", "Its id, ten characters, as Apple shows it beside the key."),
    key("apns", "team", Text, "", "The team's id, ten characters."),
    key(
        "apns",
        "topics",
        List,
        "[]",
        "Topics (BUNDLE.voip) that may be pushed to; empty: whatever a device of the team names.",
    ),
    key(
        "apns",
        "host",
        Text,
        "",
        "host or host:port instead of Apple's, such as a relay of the company's. Said loudly at start.",
    ),
    key("apns", "sandbox_host", Text, "", "The same for Apple's sandbox."),
    key("apns", "ca_file", Text, "", "PEM file of certificates that are trusted beside the system's."),
    key("apns", "proxy", Text, "", "URL of an HTTP proxy that takes CONNECT."),
    key("fcm", "service_account_file", Text, "", "Google's JSON file with the service account's key."),
    key("fcm", "host", Text, "", "host or host:port instead of Google's. Said loudly at start."),
    key("fcm", "token_uri", Text, "", "https URL instead of the service account's own token_uri."),
    key("fcm", "ca_file", Text, "", "PEM file of certificates that are trusted beside the system's."),
    key("fcm", "proxy", Text, "", "URL of an HTTP proxy that takes CONNECT."),
    key("log", "level", Text, "\"info\"", "What is logged, such as info or doorstep_push=debug,warn."),
    key("log", "format", Text, "\"text\"", "text or json."),
];
