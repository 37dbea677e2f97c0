//! Frames in a recording: SIP is text, so that a person can read it; anything else is hexadecimal.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frame {
    Text(String),
    Hex(String),
}

pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Frame::Text(text.to_owned()),
        Err(_) => Frame::Hex(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
    .serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    match Frame::deserialize(deserializer)? {
        Frame::Text(text) => Ok(Bytes::from(text)),
        Frame::Hex(hex) => unhex(&hex).ok_or_else(|| D::Error::custom("not hexadecimal")),
    }
}

fn unhex(hex: &str) -> Option<Bytes> {
    let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high << 4 | low).ok(),
        _ => None,
    });
    pairs.collect::<Option<Vec<_>>>().map(Bytes::from)
}
