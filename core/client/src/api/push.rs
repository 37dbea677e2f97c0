use doorstep_call::{MalformedPush, PushOutcome, PushPayload};
use tokio::sync::oneshot;

/// A push message as the system hands it over, readable or not: what cannot be read is handed in all the same, since iOS
/// wants a call shown for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushMessage(pub(crate) Result<PushPayload, MalformedPush>);

impl PushMessage {
    /// APNs: the dictionary as JSON (UTF-8, at most 5 KB).
    #[must_use]
    pub fn from_json(json: &[u8]) -> Self {
        Self(PushPayload::from_json(json))
    }

    /// FCM: the data message's names and texts.
    #[must_use]
    pub fn from_fields<K, V>(fields: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        Self(PushPayload::from_fields(fields))
    }

    /// What it says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn payload(&self) -> Result<&PushPayload, &MalformedPush> {
        self.0.as_ref()
    }
}

impl From<PushPayload> for PushMessage {
    fn from(payload: PushPayload) -> Self {
        Self(Ok(payload))
    }
}

/// A push that was handed in. Whether it is looked at or not, the push is followed.
#[derive(Debug)]
pub struct Wake(oneshot::Receiver<PushOutcome>);

impl Wake {
    pub(crate) fn new() -> (oneshot::Sender<PushOutcome>, Self) {
        let (reply, outcome) = oneshot::channel();
        (reply, Self(outcome))
    }

    /// What came of it, within moments: nothing of the network is waited for. [`Event::Push`](crate::Event::Push) says
    /// the same to who reads events. A call that rings is found by [`Client::call`](crate::Client::call).
    pub async fn outcome(self) -> PushOutcome {
        // The client is gone.
        self.0.await.unwrap_or(PushOutcome::Shutdown)
    }
}
