//! The service account's file, and the assertion that it signs.

use std::time::{SystemTime, UNIX_EPOCH};

use doorstep_sensitive::Sensitive;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};

use super::FcmSettings;
use crate::provider::settings::{Section, SettingsError};

/// What push-service asks to be allowed: sending messages, and nothing else.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// How long an assertion is good, in seconds. Google takes an hour at most; it is used at once.
const LIFETIME: u64 = 3600 - 120;
/// How much earlier than now it is dated, in seconds, so that a fast clock does not name a time to come.
const BACKDATED: u64 = 60;

/// Who sends.
pub(super) struct Account {
    pub(super) project: String,
    pub(super) token_uri: String,
    client_email: String,
    header: Header,
    key: EncodingKey,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    project_id: String,
    private_key_id: String,
    private_key: Sensitive<String>,
    client_email: String,
    token_uri: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

impl Account {
    pub(super) fn read(section: Section, settings: &FcmSettings) -> Result<Self, SettingsError> {
        const KEY: &str = "service_account_file";
        const JSON: &str = "the JSON file of a service account's key, as Google gave it out";
        let path = &settings.service_account_file;
        let text = section.read(KEY, path, JSON)?;
        let wrong = |what: String| section.error(KEY, format!("{}: {what}", path.display()), JSON);
        // serde's words name a field or a place, not a value of a string field; the private key is one.
        let file: File = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if file.kind != "service_account" {
            return Err(wrong("it is not of type service_account".to_owned()));
        }
        if !file.project_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte)) {
            return Err(wrong("project_id is no project's id".to_owned()));
        }
        let key = EncodingKey::from_rsa_pem(file.private_key.expose().as_bytes())
            .map_err(|error| wrong(format!("private_key: {error}")))?;
        let token_uri = settings.token_uri.clone().unwrap_or(file.token_uri);
        if reqwest::Url::parse(&token_uri).ok().is_none_or(|url| url.scheme() != "https" || !url.has_host()) {
            return Err(section.error("token_uri", format!("{token_uri:?}"), "an https URL"));
        }
        let header = Header { kid: Some(file.private_key_id), ..Header::new(Algorithm::RS256) };
        let account =
            Self { project: file.project_id, token_uri, client_email: file.client_email, header, key };
        account.assertion(UNIX_EPOCH).map_err(|error| wrong(format!("private_key: {error}")))?;
        Ok(account)
    }

    /// A signed assertion that this account asks for a token.
    pub(super) fn assertion(&self, now: SystemTime) -> Result<String, jsonwebtoken::errors::Error> {
        let iat = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).saturating_sub(BACKDATED);
        let claims =
            Claims { iss: &self.client_email, scope: SCOPE, aud: &self.token_uri, iat, exp: iat + LIFETIME };
        encode(&self.header, &claims, &self.key)
    }
}
