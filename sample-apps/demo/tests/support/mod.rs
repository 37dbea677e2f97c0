//! A gateway, a courier with the SDK, and room for files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorstep::audio::WavAudio;
use doorstep::{
    Call, CallSnapshot, Client, Config, Credentials, Event, EventStream, RegistrationState, StaticToken,
};
use doorstep_demo::{Cast, Script, Sounds, Stage, StageOptions, Story};
use tempfile::TempDir;

/// Longest that any single step may take, so that a failing test ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The order of every test.
pub(crate) const ORDER: &str = "4711";

/// A gateway with an open order, and its courier.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) client: Client,
    pub(crate) events: EventStream,
    folder: TempDir,
    cast: Cast,
}

impl Scene {
    pub(crate) async fn set_up() -> Self {
        Self::with(&[]).await
    }

    /// With further lines of configuration.
    pub(crate) async fn with(config: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cast = Cast::new(folder.path()).unwrap();
        let options = StageOptions::without_options(config.iter().copied());
        let stage = Stage::set_up(&cast, &mut Story::default(), &options).await.unwrap();
        stage.place_order(ORDER, "Order 4711").await.unwrap();
        let token = stage.token(&stage.courier, Duration::from_secs(600)).unwrap();
        let credentials = Credentials::Token(Arc::new(StaticToken::new(token)));
        let mut config = Config::new(stage.edge.parse().unwrap(), credentials);
        config.transport.tls.pins = vec![stage.pin().unwrap().parse().unwrap()];
        config.transport.tls.pins_suffice = true;
        config.audio = Arc::new(WavAudio {
            play: Some(speech(folder.path(), "courier-says.wav")),
            record: Some(folder.path().join("courier-heard.wav")),
        });
        let client = Client::connect(config).await.unwrap();
        let events = client.events();
        let mut registration = client.registration();
        let registered = registration.wait_for(|state| matches!(state, RegistrationState::Registered { .. }));
        tokio::time::timeout(PATIENCE, registered).await.expect("registered in time").unwrap();
        Self { stage, client, events, folder, cast }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits for a call to the courier.
    pub(crate) async fn incoming(&mut self) -> Call {
        let wait = async {
            loop {
                if let Event::Incoming(call) = self.events.next().await.expect("a running client") {
                    return call;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("a call in time")
    }

    /// Puts everything away and returns the folder with the recordings.
    pub(crate) async fn end(self) -> TempDir {
        self.client.shutdown().await;
        self.cast.end().await;
        self.folder
    }
}

/// Waits until a call stands so.
pub(crate) async fn until(call: &Call, what: &str, so: impl FnMut(&CallSnapshot) -> bool) {
    let mut state = call.state();
    let waited = tokio::time::timeout(PATIENCE, state.wait_for(so)).await;
    assert!(waited.is_ok(), "waited in vain for {what}; the call stands {:?}", call.snapshot().state);
    assert!(waited.unwrap().is_ok(), "the call is gone while waiting for {what}");
}

pub(crate) async fn answered(call: &Call) {
    tokio::time::timeout(PATIENCE, call.answered()).await.expect("an answer in time").expect("an answer");
}

pub(crate) async fn ended(call: &Call) -> doorstep::EndReason {
    tokio::time::timeout(PATIENCE, call.ended()).await.expect("an end in time").reason
}

/// What the courier says.
pub(crate) fn courier_script() -> Script {
    Sounds::find().unwrap().script(&["queue-youarenext"]).unwrap()
}

fn speech(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    courier_script().write(&path).unwrap();
    path
}
