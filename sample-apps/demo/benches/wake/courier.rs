//! The courier's app: closed, and started anew for each push.

use std::time::SystemTime;

use anyhow::{Context as _, bail};
use doorstep::{CallState, Client, Config, Event, PushMessage, PushTarget, RegistrationState, Sensitive};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::path::peer::Orders;
use crate::path::{PATIENCE, app, ms};

pub(crate) async fn run() -> anyhow::Result<()> {
    let mut orders = Orders::new();
    let ready = orders.next().await?.context("not told where the gateway is")?;
    println!("{}", json!({"event": "rtt", "ms": app::round_trip(&ready).await?}));
    let mut config = app::config(&ready)?;
    let param = ready["push_param"].as_str().context("not told the push_param")?.to_owned();
    // An Apple token is 32 bytes.
    let token: String = rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect();
    config.push = Some(PushTarget { provider: "apns".to_owned(), param, prid: Sensitive::new(token) });
    config.instance = Some(uuid::Uuid::new_v4().to_string());
    install(&config).await?;
    println!("{}", json!({"event": "installed"}));
    while let Some(order) = orders.next().await? {
        match order["do"].as_str() {
            Some("wake") => woken(&config, &order["payload"]).await?,
            _ => bail!("{order} is not possible"),
        }
    }
    Ok(())
}

/// The courier signs in once and closes the app.
async fn install(config: &Config) -> anyhow::Result<()> {
    let client = Client::connect(config.clone()).await?;
    let mut state = client.registration();
    let registered = |state: &RegistrationState| matches!(state, RegistrationState::Registered { .. });
    timeout(PATIENCE, state.wait_for(registered)).await.context("not registered")??;
    client.leave().await;
    Ok(())
}

/// Rings until the customer gives up.
async fn woken(config: &Config, payload: &Value) -> anyhow::Result<()> {
    let (config, payload) = (config.clone(), payload.to_string());
    let pushed = SystemTime::now();
    let (client, _) = Client::woken(config, PushMessage::from_json(payload.as_bytes()))?;
    let mut events = client.events();
    let call = loop {
        let event = timeout(PATIENCE, events.next()).await.context("no call rings")?;
        match event.context("the client has ended")? {
            Event::Incoming(call) => break call,
            Event::Push { outcome, .. } => {
                if let Some(reason) = outcome.end_reason() {
                    bail!("the push came to nothing: {}", reason.text());
                }
            }
            Event::Connection(_)
            | Event::ConnectFailed(_)
            | Event::Registration(_)
            | Event::CallChanged(_)
            | Event::DigitReceived { .. }
            | Event::FirstAudio { .. }
            | Event::Transfer { .. }
            | Event::Quality { .. }
            | Event::Refused { .. }
            | Event::CallEnded { .. }
            | Event::Lagged { .. }
            | Event::Closed => {}
        }
    };
    let shown = SystemTime::now();
    let mut state = call.state();
    let settled = state.wait_for(|call| !call.awaits_invite || matches!(call.state, CallState::Ended(_)));
    let settled = timeout(PATIENCE, settled).await.context("the INVITE does not come")??.state;
    let invited = SystemTime::now();
    if settled != CallState::Incoming {
        bail!("the call has ended: {}", call.ended().await.text);
    }
    let times = json!({"event": "rings", "pushed": ms(pushed), "shown": ms(shown), "invited": ms(invited)});
    println!("{times}");
    timeout(PATIENCE, call.ended()).await.context("the call does not end")?;
    client.leave().await;
    println!("{}", json!({"event": "over"}));
    Ok(())
}
