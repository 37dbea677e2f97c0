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

/// When each wake was asked for. Without a rate each connection asks as soon as it was answered.
pub(crate) async fn wakes(
    server: SocketAddr,
    name: &'static str,
    wakes: usize,
    connections: usize,
    rate: Option<u32>,
) -> HashMap<String, SystemTime> {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let next = Arc::clone(&next);
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
                post(&mut stream, &call, &mut answer).await;
            }
        });
    }
    workers.join_all().await.into_iter().flatten().collect()
}

async fn post(stream: &mut TcpStream, call: &str, answer: &mut Vec<u8>) {
    let expires_at = unix_ms() + 60_000;
    let body = format!(
        "{{\"call\":\"{call}\",\"user\":\"courier-17\",\"order\":\"4711\",\"label\":\"Order 4711\",\"expires_at\":{expires_at}}}"
    );
    let request = format!(
        "POST /v1/wakes HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
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
    assert!(answer.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(answer));
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    answer.len() >= end + 4 + length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}
