mod desk;
pub(crate) mod ears;
pub(crate) mod gateway;
pub(crate) mod server;

use std::future::Future;
use std::time::Duration;

use doorstep::{Client, Event, EventStream};

/// Far longer than anything here takes: it turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it takes too long")
}

/// Lets that much time pass at once. Between jumps time is real, since sockets know no other. Needs a runtime of one
/// thread.
pub(crate) async fn jump(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Reads events until one fits.
pub(crate) async fn event<T>(events: &mut EventStream, mut fits: impl FnMut(Event) -> Option<T>) -> T {
    within(async {
        loop {
            let event = events.next().await.expect("the client is closed");
            if let Some(found) = fits(event) {
                return found;
            }
        }
    })
    .await
}

/// Waits until the client is registered.
pub(crate) async fn registered(client: &Client) {
    let registered =
        |state: &doorstep::RegistrationState| matches!(state, doorstep::RegistrationState::Registered { .. });
    within(client.registration().wait_for(registered)).await.unwrap();
}
