use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use doorstep_ffi::{AccessToken, Client, EndReason, Event, Registration, TokenError, TokenProvider};

use crate::stage::{Events, config, good_token};
use crate::support::gateway::Gateway;
use crate::support::within;

struct Denied;

#[async_trait]
impl TokenProvider for Denied {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        Err(TokenError::Denied)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_courier_who_is_signed_out_is_told_so() {
    let gateway = Gateway::start().await;
    let mut wanted = config(&gateway, Arc::new(Denied));
    wanted.reachable = true;
    let client = Client::new(wanted).unwrap();
    let mut events = Events::of(&client);
    let failed = Registration::Failed { reason: EndReason::Unauthorized };
    let fits = |event| (event == Event::RegistrationChanged { registration: failed }).then_some(());
    events.until(fits).await;
    within(client.shut_down()).await.unwrap();
}

/// What a bug in the platform's code amounts to, at first.
#[derive(Default)]
struct Panics(AtomicUsize);

#[async_trait]
impl TokenProvider for Panics {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "a bug in the app");
        Ok(good_token())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_breaks_is_asked_again() {
    let mut gateway = Gateway::start().await;
    let tokens = Arc::new(Panics::default());
    let client = Client::new(config(&gateway, Arc::clone(&tokens) as Arc<dyn TokenProvider>)).unwrap();
    let call = client.contact_customer("4711".to_owned()).await.unwrap();
    gateway.until_invited().await;
    assert!(tokens.0.load(Ordering::Relaxed) >= 2);
    call.hang_up().await.unwrap();
    within(client.shut_down()).await.unwrap();
}
