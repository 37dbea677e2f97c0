//! Whatever an app sends after the upgrade, its connection ends by itself, and only whole messages within the limit come out.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

#[path = "../../gateway/src/edge/connection.rs"]
#[allow(dead_code)]
mod connection;
#[path = "../../gateway/src/edge/rate.rs"]
mod rate;

const MAX_MESSAGE: usize = 512;

struct Judge;

impl connection::Inbox for Judge {
    async fn take(&mut self, message: Bytes) {
        assert!(message.len() <= MAX_MESSAGE);
        assert!(message.iter().any(|byte| !b"\r\n".contains(byte)), "keep-alives stay at the edge");
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, stream) = input;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(4096);
        let (mut read, mut write) = tokio::io::split(far);
        let limits =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let socket = WebSocketStream::from_raw_socket(near, Role::Server, Some(limits)).await;
        let (queue, outgoing) = tokio::sync::mpsc::channel(1);
        let terms = connection::Terms { messages_per_second: 1000, idle: std::time::Duration::from_secs(60) };
        let app = async {
            for chunk in stream.chunks(usize::from(size) + 1) {
                if write.write_all(chunk).await.is_err() {
                    break;
                }
            }
            // The edge may have gone before.
            let _ = write.shutdown().await;
        };
        let (mut answers, mut judge) = (Vec::new(), Judge);
        tokio::join!(
            connection::serve(socket, &mut judge, outgoing, terms),
            app,
            read.read_to_end(&mut answers)
        )
        .2
        .ok();
        drop(queue);
    });
});
