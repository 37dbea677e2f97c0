use std::sync::{Arc, Barrier};
use std::thread;

use doorstep_ffi::{Call, Client, DoorstepError, Event, PushInput, PushResult};

use crate::stage::{Events, Listener, block_on, client};
use crate::support::gateway::Gateway;
use crate::support::within;

const THREADS: usize = 6;
const ROUNDS: usize = 20;

/// What an app's threads do when nobody has told them to take turns.
fn use_it(client: &Client, number: usize) -> Result<(), DoorstepError> {
    let listener = Listener::new(|_| Ok(()));
    let subscription = client.subscribe(listener)?;
    let call = block_on(client.contact_customer(format!("{number}")))?;
    block_on(client.set_background(number.is_multiple_of(2)))?;
    for known in client.calls() {
        // Another thread's call, perhaps over by now.
        let _ = block_on(known.mute(number.is_multiple_of(3)));
        let _ = (known.snapshot(), known.quality(), known.end());
    }
    let push = client.handle_push(PushInput::Json { bytes: vec![b'{'; number] })?;
    assert!(matches!(block_on(push.result())?, PushResult::NoCall { .. }));
    if number.is_multiple_of(2) {
        end(&call)?;
    }
    drop(subscription);
    end(&call)
}

fn end(call: &Call) -> Result<(), DoorstepError> {
    match block_on(call.hang_up()) {
        Ok(()) | Err(DoorstepError::CallOver) => Ok(()),
        Err(error) => Err(error),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_use_one_client_until_it_is_shut_down_under_them() {
    let mut gateway = Gateway::start().await;
    let client = client(&gateway);
    let mut events = Events::of(&client);
    let half_way = Arc::new(Barrier::new(THREADS + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (client, half_way) = (Arc::clone(&client), Arc::clone(&half_way));
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    if round == ROUNDS / 2 {
                        half_way.wait();
                    }
                    match use_it(&client, thread * ROUNDS + round) {
                        Ok(()) | Err(DoorstepError::TooBusy) => {}
                        Err(DoorstepError::ShutDown) if round >= ROUNDS / 2 => return,
                        Err(error) => panic!("round {round}: {error}"),
                    }
                }
            })
        })
        .collect();
    let seen =
        async { while !matches!(gateway.seen().await, crate::support::gateway::Seen::Disconnected) {} };
    let shut_down = async {
        tokio::task::spawn_blocking(move || half_way.wait()).await.unwrap();
        within(client.shut_down()).await.unwrap();
    };
    tokio::join!(seen, shut_down);
    tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| thread.join().unwrap()))
        .await
        .unwrap();
    // Every call that began has ended, once.
    let (mut begun, mut ended) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    while let Some(event) = events.next().await {
        match event {
            Event::CallChanged { call } => assert!(begun.insert(call.id) || !ended.contains(&call.id)),
            Event::CallEnded { id, .. } => assert!(ended.insert(id), "ended twice"),
            Event::Closed => break,
            _ => {}
        }
    }
    assert!(begun.is_subset(&ended));
}
