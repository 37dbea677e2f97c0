//! Asks for wakes over connections that stay, with as little work of its own as can be.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::unix_ms;

/// What is asked for a call.
pub(crate) struct Ask {
    pub(crate) path: &'static str,
    pub(crate) body: fn(&str, &str) -> String,
    /// Handed to `body` beside the call: the topic.
    pub(crate) topic: String,
    pub(crate) status: &'static str,
}

/// A wake of ours.
pub(crate) fn own() -> Ask {
    let body = |call: &str, _: &str| {
        let expires_at = unix_ms() + 60_000;
        format!(
            "{{\"call\":\"{call}\",\"user\":\"courier-17\",\"order\":\"4711\",\"label\":\"Order 4711\",\"expires_at\":{expires_at}}}"
        )
    };
    Ask { path: "/v1/wakes", body, topic: String::new(), status: "202" }
}

/// The same push of gorush's.
pub(crate) fn gorush(topic: &str) -> Ask {
    let body = |call: &str, topic: &str| {
        let (token, now) = (format!("{:064x}", 1), unix_ms());
        format!(
            "{{\"notifications\":[{{\"tokens\":[\"{token}\"],\"platform\":1,\"topic\":\"{topic}\",\"push_type\":\"voip\",\"priority\":\"high\",\"production\":true,\
             \"data\":{{\"v\":1,\"call\":\"{call}\",\"order\":\"4711\",\"label\":\"Order 4711\",\"sent_at\":{now},\"expires_at\":{},\"kind\":\"incoming\"}}}}]}}",
            now + 60_000
        )
    };
    Ask { path: "/api/push", body, topic: topic.to_owned(), status: "200" }
}

/// When each wake was asked for. Without a rate each connection asks as soon as it was answered.
pub(crate) async fn wakes(
    server: SocketAddr,
    ask: Ask,
    name: &'static str,
    wakes: usize,
    connections: usize,
    rate: Option<u32>,
) -> HashMap<String, SystemTime> {
    let ask = Arc::new(ask);
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (next, ask) = (Arc::clone(&next), Arc::clone(&ask));
        workers.spawn(async move {
            let mut stream = TcpStream::connect(server).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut asked = Vec::new();
            let mut answer = Vec::with_capacity(1024);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= wakes {
                    return asked;
                }
                if let Some(rate) = rate {
                    let share = u32::try_from(number).unwrap();
                    sleep_until(begun + Duration::from_secs(1) * share / rate).await;
                }
                let call = format!("{name}-{number}");
                asked.push((call.clone(), SystemTime::now()));
                post(&mut stream, &ask, &call, &mut answer).await;
            }
        });
    }
    workers.join_all().await.into_iter().flatten().collect()
}

async fn post(stream: &mut TcpStream, ask: &Ask, call: &str, answer: &mut Vec<u8>) {
    let body = (ask.body)(call, &ask.topic);
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        ask.path,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    answer.clear();
    loop {
        let read = stream.read_buf(answer).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        if is_whole(answer) {
            break;
        }
    }
    let status = answer.get(9..12).unwrap_or_default();
    assert_eq!(status, ask.status.as_bytes(), "{}", String::from_utf8_lossy(answer));
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    answer.len() >= end + 4 + length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}
