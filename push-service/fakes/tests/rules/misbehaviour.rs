//! The stand-ins misbehave as told, and keep count of it.

use std::time::Duration;

use doorstep_push_fakes::{Act, Answer, FakeApns, Scripted};

use super::client;

async fn send(client: &reqwest::Client, fake: &FakeApns, token: &str) -> Result<u16, reqwest::Error> {
    let url = format!("https://{}/3/device/{token}", fake.host());
    Ok(client.post(url).send().await?.status().as_u16())
}

/// A client that does not send again by itself.
fn stubborn(fake: &FakeApns) -> reqwest::Client {
    client(fake.authority_pem())
}

#[tokio::test]
async fn each_act_is_done_and_logged() {
    let fake = FakeApns::start().await.unwrap();
    let client = stubborn(&fake);
    let answer = Scripted::new(503, "ServiceUnavailable").retry_after(Duration::from_secs(7));
    fake.script().next(2, answer);
    fake.script().next(1, Act::Reset);
    fake.script().next(1, Act::Drop);
    fake.script().next(1, Act::AcceptAndDrop);
    fake.script().next(1, Act::GoAway);
    for _ in 0..2 {
        assert_eq!(send(&client, &fake, "t").await.unwrap(), 503);
    }
    for _ in 0..3 {
        send(&client, &fake, "t").await.unwrap_err();
    }
    assert_eq!(send(&client, &fake, "t").await.unwrap(), 403);
    fake.log().wait_for_answered(6).await;
    let refused = |status, reason: &str| Answer::Refused { status, reason: reason.to_owned() };
    let answers: Vec<Answer> = fake.log().all().iter().map(|push| push.answer.clone()).collect();
    let unavailable = refused(503, "ServiceUnavailable");
    assert_eq!(
        answers,
        [
            unavailable.clone(),
            unavailable,
            Answer::Reset,
            Answer::Dropped,
            Answer::AcceptedUnheard,
            refused(403, "MissingProviderToken"),
        ]
    );
    let before = fake.connections_opened();
    send(&client, &fake, "t").await.unwrap();
    assert_eq!(fake.connections_opened(), before + 1, "after GOAWAY the client takes another connection");
    fake.stop().await;
}

#[tokio::test]
async fn a_closed_port_refuses_and_opens_again() {
    let fake = FakeApns::start().await.unwrap();
    let client = stubborn(&fake);
    send(&client, &fake, "t").await.unwrap();
    fake.refuse().await;
    assert!(send(&client, &fake, "t").await.unwrap_err().is_connect());
    fake.admit().await;
    send(&client, &fake, "t").await.unwrap();
}

#[tokio::test]
async fn rules_come_after_tokens_and_held_pushes_wait() {
    let fake = FakeApns::start().await.unwrap();
    let client = stubborn(&fake);
    fake.script().for_token("known", Scripted::new(410, "Unregistered"));
    fake.script().rule(|number, _| Scripted::new(if number % 2 == 0 { 500 } else { 429 }, "Odd").into());
    assert_eq!(send(&client, &fake, "known").await.unwrap(), 410);
    assert_eq!(send(&client, &fake, "x").await.unwrap(), 429);
    assert_eq!(send(&client, &fake, "x").await.unwrap(), 500);
    fake.script().hold();
    let mut feed = fake.log().feed();
    for _ in 0..3 {
        feed.next().await.unwrap();
    }
    let held = tokio::spawn({
        let (client, url) = (client.clone(), format!("https://{}/3/device/x", fake.host()));
        async move { client.post(url).send().await.unwrap().status().as_u16() }
    });
    tokio::select! {
        _ = feed.next() => panic!("a held push was answered"),
        () = tokio::task::yield_now() => {}
    }
    fake.script().release();
    assert_eq!(held.await.unwrap(), 429);
    assert_eq!(feed.next().await.unwrap().token, "x");
}
