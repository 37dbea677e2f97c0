//! The push service's process and what it stands before.

pub(crate) mod postgres;
mod push;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorstep_push_fakes::{FakeApns, FakeFcm};
use serde_json::{Value, json};

pub(crate) use doorstep_service_testkit::{HANG, http_client};

pub(crate) use push::PushBuilder;

/// An Android's token.
pub(crate) const ANDROID: &str = "token-of-an-android:0123456789abcdef0123456789abcdef";

/// An Apple, a Google, and the files that name them.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) apns: FakeApns,
    pub(crate) fcm: FakeFcm,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (apns, fcm) = (FakeApns::start().await.unwrap(), FakeFcm::start().await.unwrap());
        apns.write_key(&dir.path().join("key.p8")).unwrap();
        fcm.write_service_account(&dir.path().join("account.json")).unwrap();
        std::fs::write(dir.path().join("apns.pem"), apns.authority_pem()).unwrap();
        std::fs::write(dir.path().join("fcm.pem"), fcm.authority_pem()).unwrap();
        Self { dir, apns, fcm }
    }

    /// Everything that may reach a phone.
    pub(crate) fn iphone(&self, user: &str, number: usize) -> Value {
        let token = token(number);
        self.apns.know(token.clone(), self.topic());
        json!({ "user": user, "provider": "apns", "param": format!("{}.{}", self.apns.account().team, self.topic()), "token": token })
    }

    pub(crate) fn android(&self, user: &str, token: &str) -> Value {
        self.fcm.know(token);
        json!({ "user": user, "provider": "fcm", "param": self.fcm.account().project, "token": token })
    }

    pub(crate) fn topic(&self) -> String {
        self.apns.account().topics.iter().find(|topic| topic.ends_with(".voip")).unwrap().clone()
    }
}

/// An Apple device's token.
pub(crate) fn token(number: usize) -> String {
    format!("{number:064x}")
}

pub(crate) fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A wake that lives so long.
pub(crate) fn wake(call: &str, user: &str, life: Duration) -> Value {
    let expires_at = now_ms() + u64::try_from(life.as_millis()).unwrap();
    json!({ "call": call, "user": user, "order": "4711", "label": "Order 4711", "expires_at": expires_at })
}
