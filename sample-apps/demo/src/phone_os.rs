//! The courier's phone, as far as pushes go: it has a token with each provider, and starts the app for a push to one of
//! them, with what the push says, as iOS and Android do.

use serde_json::Value;
use tokio::process::Command;

use crate::program::Event;

/// Who carries pushes to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Apple.
    Apns,
    /// Google.
    Fcm,
}

impl Carrier {
    /// RFC 8599 `pn-provider`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::Fcm => "fcm",
        }
    }
}

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct PhoneOs {
    /// Of the installed app.
    instance: String,
    apns_token: String,
    fcm_token: String,
    on: bool,
}

impl PhoneOs {
    /// A phone that was just bought, and is on.
    #[must_use]
    pub fn new() -> Self {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Self {
            instance: uuid::Uuid::new_v4().to_string(),
            // Apple's are 32 bytes.
            apns_token: hex(&rand::random::<[u8; 32]>()),
            fcm_token: format!(
                "{}:APA91b{}",
                hex(&rand::random::<[u8; 11]>()),
                hex(&rand::random::<[u8; 32]>())
            ),
            on: true,
        }
    }

    /// Switches it off: pushes go nowhere.
    pub fn switch_off(&mut self) {
        self.on = false;
    }

    /// What the app is told at its start of who wakes it.
    pub fn introduce(&self, app: &mut Command, carrier: Carrier, param: &str) {
        app.args(["--push-provider", carrier.name(), "--push-param", param, "--instance", &self.instance]);
        app.env("DOORSTEP_PUSH_TOKEN", self.token(carrier));
    }

    /// What the app is to be started with, if the push is for this phone and the phone is on.
    ///
    /// Apple hands the app its whole payload, Google the message's data.
    pub fn receive(&self, push: &Event, carrier: Carrier) -> Option<String> {
        let said = |field| push.fields.get(field);
        let mine = push.text("provider") == Some(carrier.name())
            && push.text("token") == Some(self.token(carrier))
            && said("delivered").and_then(Value::as_bool) == Some(true);
        let payload = said("payload").filter(|_| mine && self.on)?;
        payload.is_object().then(|| Value::to_string(payload))
    }

    fn token(&self, carrier: Carrier) -> &str {
        match carrier {
            Carrier::Apns => &self.apns_token,
            Carrier::Fcm => &self.fcm_token,
        }
    }
}

impl Default for PhoneOs {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::program::Role;

    fn push(provider: &str, token: &str, delivered: bool) -> Event {
        let fields =
            json!({"provider": provider, "token": token, "delivered": delivered, "payload": {"v": 1}});
        let fields = fields.as_object().unwrap().clone();
        Event { who: Role::Provider, t: 0.0, name: "push".to_owned(), fields }
    }

    #[test]
    fn the_app_is_started_for_pushes_to_this_phone_while_it_is_on() {
        let mut phone = PhoneOs::new();
        let token = phone.token(Carrier::Apns).to_owned();
        assert_eq!(token.len(), 64);
        assert_eq!(phone.receive(&push("apns", &token, true), Carrier::Apns).as_deref(), Some(r#"{"v":1}"#));
        assert_eq!(
            phone.receive(&push("apns", &token, false), Carrier::Apns),
            None,
            "the provider refused it"
        );
        assert_eq!(phone.receive(&push("fcm", &token, true), Carrier::Apns), None);
        assert_eq!(phone.receive(&push("apns", "another", true), Carrier::Apns), None);
        phone.switch_off();
        assert_eq!(phone.receive(&push("apns", &token, true), Carrier::Apns), None);
    }
}
