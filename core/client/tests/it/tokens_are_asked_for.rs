use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use doorstep::transport::TransportError;
use doorstep::{
    Client, Config, ConnectionState, Credentials, EndReason, Event, Token, TokenFailure, TokenProvider,
};
use tokio::sync::Semaphore;

use crate::support::gateway::{Gateway, Seen};
use crate::support::server::Manners;
use crate::support::{event, jump, registered, within};

/// Hands out `token-1`, `token-2`…, as `make` has them.
struct Counting<F> {
    asked: AtomicUsize,
    at_once: AtomicUsize,
    make: F,
}

impl<F> Counting<F> {
    fn new(make: F) -> Arc<Self> {
        Arc::new(Self { asked: AtomicUsize::new(0), at_once: AtomicUsize::new(0), make })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl<F> TokenProvider for Counting<F>
where
    F: Fn(usize) -> Result<Token, TokenFailure> + Send + Sync + 'static,
{
    async fn token(&self) -> Result<Token, TokenFailure> {
        assert_eq!(self.at_once.fetch_add(1, Ordering::SeqCst), 0, "asked twice at the same time");
        tokio::task::yield_now().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        (self.make)(self.asked.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

fn token(number: usize) -> Result<Token, TokenFailure> {
    Ok(Token::new(format!("token-{number}")))
}

fn with(gateway: &Gateway, provider: Arc<dyn TokenProvider>) -> Config {
    let mut config = gateway.config();
    config.credentials = Credentials::Token(provider);
    config.register = true;
    config
}

fn connected(token: &str) -> Seen {
    Seen::Connected { authorization: Some(format!("Bearer {token}")) }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let mut gateway = Gateway::start().await;
    let provider =
        Counting::new(|number| token(number).map(|token| token.expiring_in(Duration::from_secs(600))));
    let client = Client::connect(with(&gateway, provider.clone())).await.unwrap();
    registered(&client).await;
    assert_eq!(gateway.seen().await, connected("token-1"));
    assert_eq!(provider.asked(), 1);
    jump(Duration::from_secs(599)).await;
    // The connection is made anew while the old token is still good.
    gateway.until(connected("token-2")).await;
    assert_eq!(provider.asked(), 2);
    client.shutdown().await;
}

#[tokio::test]
async fn after_a_401_a_fresh_token_is_fetched() {
    let gateway = Gateway::with(Manners::Tokens(Arc::new(|token| token == "token-2"))).await;
    let provider = Counting::new(token);
    let client = Client::connect(with(&gateway, provider.clone())).await.unwrap();
    let mut events = client.events();
    let failure = event(&mut events, |event| match event {
        Event::ConnectFailed(error) => Some(error),
        _ => None,
    })
    .await;
    assert_eq!(failure, TransportError::Unauthorized { reason: Some("token expired".to_owned()) });
    registered(&client).await;
    assert_eq!(provider.asked(), 2);
    client.shutdown().await;
}

#[tokio::test]
async fn a_gateway_that_takes_no_token_signs_the_courier_out() {
    let gateway = Gateway::with(Manners::Tokens(Arc::new(|_| false))).await;
    let client = Client::connect(with(&gateway, Counting::new(token))).await.unwrap();
    let call = client.contact_customer("4711").await.unwrap();
    assert_eq!(within(call.ended()).await.reason, EndReason::Unauthorized);
    client.shutdown().await;
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again() {
    let gateway = Gateway::start().await;
    let provider = Counting::new(|number| match number {
        1 => Err(TokenFailure::Unavailable),
        2 => panic!("a bug of the integrator"),
        number => token(number),
    });
    let mut config = with(&gateway, provider.clone());
    config.endpoint.backoff_base = Duration::from_millis(10);
    let client = Client::connect(config).await.unwrap();
    registered(&client).await;
    assert_eq!(provider.asked(), 3);
    client.shutdown().await;
}

#[tokio::test]
async fn a_courier_who_is_signed_out_is_told_and_nobody_is_asked_again() {
    let gateway = Gateway::start().await;
    let provider = Counting::new(|_| Err(TokenFailure::Denied));
    let client = Client::connect(with(&gateway, provider.clone())).await.unwrap();
    let unauthorized = |state: &doorstep::RegistrationState| {
        *state == doorstep::RegistrationState::Failed { reason: EndReason::Unauthorized }
    };
    within(client.registration().wait_for(unauthorized)).await.unwrap();
    assert_eq!(provider.asked(), 1);
    client.shutdown().await;
}

/// Never answers until told.
struct Slow {
    asked: AtomicUsize,
    go: Semaphore,
}

#[async_trait]
impl TokenProvider for Slow {
    async fn token(&self) -> Result<Token, TokenFailure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.go.acquire().await.unwrap().forget();
        Ok(Token::new("slow"))
    }
}

#[tokio::test]
async fn a_slow_provider_stalls_nothing_and_is_asked_once() {
    let mut gateway = Gateway::start().await;
    let provider = Arc::new(Slow { asked: AtomicUsize::new(0), go: Semaphore::new(0) });
    let client = Client::connect(with(&gateway, provider.clone())).await.unwrap();
    // Longer than the endpoint waits before it asks again; commands are answered all the while.
    for _ in 0..4 {
        client.set_background(false).await.unwrap();
        jump(gateway.config().endpoint.token_timeout).await;
    }
    client.set_background(false).await.unwrap();
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    provider.go.add_permits(1);
    assert_eq!(gateway.seen().await, connected("slow"));
    within(client.connection().wait_for(|state| *state == ConnectionState::Connected)).await.unwrap();
    client.shutdown().await;
}
