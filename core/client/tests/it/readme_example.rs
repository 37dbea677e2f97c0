use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use doorstep::{Client, Config, Credentials, Token, TokenFailure, TokenProvider};

struct MyTokens;

#[async_trait]
impl TokenProvider for MyTokens {
    async fn token(&self) -> Result<Token, TokenFailure> {
        Err(TokenFailure::Unavailable)
    }
}

#[allow(dead_code, reason = "compiling it is the test: it would call for real")]
#[rustfmt::skip]
async fn as_in_the_readme() -> Result<(), Box<dyn Error>> {
let gateway = "wss://calls.example.com/ws".parse()?;
let client = Client::connect(Config::new(gateway, Credentials::Token(Arc::new(MyTokens)))).await?;
let call = client.contact_customer("4711").await?;
call.answered().await?;
call.hang_up().await?;
client.shutdown().await;
Ok(())
}

#[test]
fn the_readme_shows_what_is_compiled_here() {
    let readme = include_str!("../../../../README.md");
    let (_, example) = readme.split_once("```rust\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let (_, compiled) = include_str!("readme_example.rs").split_once("async fn as_in_the_readme").unwrap();
    assert!(!example.trim().is_empty());
    assert!(compiled.contains(example), "the README's example is another one:\n{example}");
}
