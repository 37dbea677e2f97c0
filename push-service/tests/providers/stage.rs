use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use doorstep_push::provider::apns::ApnsSettings;
use doorstep_push::provider::fcm::FcmSettings;
use doorstep_push::provider::{Environment, Kind, ProviderKind, ProviderSettings, Providers, Push, Target};
use doorstep_push_fakes::apns::ApnsAccount;
use doorstep_push_fakes::fcm::FcmAccount;
use doorstep_push_fakes::{Authority, Clock, FakeApns, FakeFcm};
use uuid::Uuid;

pub(crate) const APNS_TOKEN: &str = "a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4";
pub(crate) const FCM_TOKEN: &str = "cYd1:APA91bHPRgkF3JUikC4ENAHEeMrd41Zxv3hVZjC9KtT8OvPVGJ";

/// Both stand-ins, with one authority and one clock, and the settings that lead to them.
pub(crate) struct Stage {
    pub(crate) apns: FakeApns,
    pub(crate) fcm: FakeFcm,
    pub(crate) clock: Clock,
    pub(crate) settings: ProviderSettings,
    _files: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let (authority, clock) = (Authority::new().unwrap(), Clock::default());
        let apns = FakeApns::start_with(&authority, ApnsAccount::default(), clock.clone()).await.unwrap();
        let fcm = FakeFcm::start_with(&authority, FcmAccount::default(), clock.clone()).await.unwrap();
        let files = tempfile::tempdir().unwrap();
        let file = |name: &str| files.path().join(name);
        std::fs::write(file("ca.pem"), authority.pem()).unwrap();
        apns.write_key(&file("key.p8")).unwrap();
        fcm.write_service_account(&file("account.json")).unwrap();
        let settings = ProviderSettings {
            apns: Some(ApnsSettings {
                key_file: file("key.p8"),
                key_id: apns.account().key_id.clone(),
                team: apns.account().team.clone(),
                topics: vec!["com.example.courier.voip".to_owned()],
                host: Some(apns.host()),
                sandbox_host: Some(apns.host()),
                ca_file: Some(file("ca.pem")),
                proxy: None,
            }),
            fcm: Some(FcmSettings {
                service_account_file: file("account.json"),
                host: Some(fcm.host()),
                token_uri: None,
                ca_file: Some(file("ca.pem")),
                proxy: None,
            }),
        };
        Self { apns, fcm, clock, settings, _files: files }
    }

    pub(crate) fn providers(&self) -> Arc<Providers> {
        self.providers_of(&self.settings)
    }

    pub(crate) fn providers_of(&self, settings: &ProviderSettings) -> Arc<Providers> {
        let clock = self.clock.clone();
        Arc::new(Providers::with_clock(settings, Arc::new(move || clock.now())).unwrap())
    }

    pub(crate) fn apns_settings(&mut self) -> &mut ApnsSettings {
        self.settings.apns.as_mut().unwrap()
    }

    pub(crate) fn fcm_settings(&mut self) -> &mut FcmSettings {
        self.settings.fcm.as_mut().unwrap()
    }

    /// A push to an iPhone.
    pub(crate) fn apple(&self) -> Push {
        self.push(Target {
            provider: ProviderKind::Apns,
            param: format!("{}.com.example.courier.voip", self.apns.account().team),
            token: APNS_TOKEN.to_owned().into(),
            environment: Environment::Production,
        })
    }

    /// A push to an Android phone.
    pub(crate) fn google(&self) -> Push {
        self.push(Target {
            provider: ProviderKind::Fcm,
            param: self.fcm.account().project.clone(),
            token: FCM_TOKEN.to_owned().into(),
            environment: Environment::Production,
        })
    }

    fn push(&self, target: Target) -> Push {
        let now = u64::try_from(self.clock.now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        Push {
            id: Uuid::new_v4(),
            target,
            kind: Kind::Incoming,
            call: "c1@gateway.invalid".to_owned(),
            order: Some("4711".to_owned()),
            label: Some("Order 4711".to_owned().into()),
            gateway: Some("wss://gateway.example.com/ws".to_owned()),
            sent_at: now,
            expires_at: now + 30_000,
        }
    }

    /// A push as above, some time later.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
