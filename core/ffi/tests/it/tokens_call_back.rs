use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use doorstep_ffi::{AccessToken, Client, TokenError, TokenProvider};

use crate::stage::{Events, GoodTokens, config, config_at, good_token};
use crate::support::gateway::Gateway;
use crate::support::within;

/// Uses the client that asks it, and makes another.
struct CallsBack {
    client: OnceLock<Arc<Client>>,
    port: u16,
}

#[async_trait]
impl TokenProvider for CallsBack {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        let client = self.client.wait();
        let call = client.calls().into_iter().next().ok_or(TokenError::Unavailable)?;
        call.mute(true).await.map_err(|_| TokenError::Unavailable)?;
        client.set_background(false).await.map_err(|_| TokenError::Unavailable)?;
        let second =
            Client::new(config_at(self.port, Arc::new(GoodTokens))).map_err(|_| TokenError::Unavailable)?;
        second.shut_down().await.map_err(|_| TokenError::Unavailable)?;
        Ok(good_token())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_may_use_the_client_that_asks_it() {
    let mut gateway = Gateway::start().await;
    let port = gateway.address.port();
    let tokens = Arc::new(CallsBack { client: OnceLock::new(), port });
    let client = Client::new(config(&gateway, Arc::clone(&tokens) as Arc<dyn TokenProvider>)).unwrap();
    let mut events = Events::of(&client);
    let call = client.contact_customer("4711".to_owned()).await.unwrap();
    assert!(tokens.client.set(Arc::clone(&client)).is_ok());
    gateway.until_invited().await;
    call.hang_up().await.unwrap();
    events.until_ended(call.id()).await;
    within(client.shut_down()).await.unwrap();
}
