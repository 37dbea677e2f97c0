//! What the courier presses.

use std::io::BufRead as _;

use tokio::sync::mpsc;

/// One press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Answer,
    Reject,
    HangUp,
    Hold,
    Resume,
    Mute,
    Digit(char),
    Transfer(String),
    Quit,
}

/// Reads keys from stdin until it ends. In a thread of its own that ends with the program: a read of a terminal cannot
/// be called off.
pub(crate) fn read() -> mpsc::Receiver<Key> {
    let (sender, keys) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            for key in keys_of(&line) {
                if sender.blocking_send(key).is_err() {
                    return;
                }
            }
        }
    });
    keys
}

fn keys_of(line: &str) -> Vec<Key> {
    let line = line.trim();
    if let Some(order) = line.strip_prefix("t ") {
        return vec![Key::Transfer(order.trim().to_owned())];
    }
    line.chars().filter_map(key_of).collect()
}

fn key_of(character: char) -> Option<Key> {
    match character {
        'a' => Some(Key::Answer),
        'r' => Some(Key::Reject),
        'h' => Some(Key::HangUp),
        'o' => Some(Key::Hold),
        'u' => Some(Key::Resume),
        'm' => Some(Key::Mute),
        'q' => Some(Key::Quit),
        '0'..='9' | '*' | '#' => Some(Key::Digit(character)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_key_for_each_character() {
        assert_eq!(keys_of("1#h\r"), [Key::Digit('1'), Key::Digit('#'), Key::HangUp]);
        assert_eq!(keys_of("?? a"), [Key::Answer]);
    }

    #[test]
    fn a_transfer_says_to_which_order() {
        assert_eq!(keys_of("t  4712 "), [Key::Transfer("4712".to_owned())]);
        assert_eq!(keys_of("t"), []);
    }
}
