//! What callers may write into fields.

use doorstep_service::http::FieldError;

/// Longest id, in bytes.
const MAX_ID: usize = 128;
/// Longest call id: SIP's may be long.
const MAX_CALL: usize = 255;
/// Longest label, in characters: it must fit on a telephone's screen.
const MAX_LABEL: usize = 80;
/// Longest token, in bytes: Apple's are 32 to 100 bytes in hexadecimal, Google's some 160 characters and growing.
const MAX_TOKEN: usize = 4096;
/// Digits that make a telephone number of what follows a plus.
const NUMBER_DIGITS: usize = 7;

const NO_NUMBERS: &str =
    "no telephone number: a push passes through other companies' machines and shows on a locked screen";

pub(super) fn id(field: &str, text: &str, errors: &mut Vec<FieldError>) {
    bounded(field, text, MAX_ID, errors);
}

pub(super) fn call(field: &str, text: &str, errors: &mut Vec<FieldError>) {
    bounded(field, text, MAX_CALL, errors);
}

pub(super) fn label(field: &str, text: &str, errors: &mut Vec<FieldError>) {
    if text.chars().count() > MAX_LABEL || text.chars().any(char::is_control) {
        errors.push(FieldError::new(field, format!("at most {MAX_LABEL} characters, none of control")));
    }
    no_number(field, text, errors);
}

/// It goes into the provider's URL or message as it is.
pub(super) fn token(field: &str, text: &str, errors: &mut Vec<FieldError>) {
    if text.is_empty() || text.len() > MAX_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        errors.push(FieldError::new(field, format!("1 to {MAX_TOKEN} visible ASCII characters")));
    }
}

pub(super) fn param(field: &str, text: &str, errors: &mut Vec<FieldError>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if text.is_empty() || text.len() > MAX_ID || !text.bytes().all(plain) {
        errors.push(FieldError::new(field, "for apns TEAM.BUNDLE.voip, for fcm the project's id"));
    }
}

fn bounded(field: &str, text: &str, longest: usize, errors: &mut Vec<FieldError>) {
    if text.is_empty() || text.len() > longest || text.chars().any(char::is_control) {
        errors.push(FieldError::new(field, format!("1 to {longest} bytes, no control characters")));
    }
    no_number(field, text, errors);
}

fn no_number(field: &str, text: &str, errors: &mut Vec<FieldError>) {
    if holds_a_number(text) {
        errors.push(FieldError::new(field, NO_NUMBERS));
    }
}

/// A plus and at least seven digits, whatever people write between them.
fn holds_a_number(text: &str) -> bool {
    text.match_indices(['+', '＋']).any(|(at, plus)| {
        let after = text.get(at + plus.len()..).unwrap_or_default();
        let digits = after
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '/' | '(' | ')'))
            .take_while(char::is_ascii_digit);
        digits.count() >= NUMBER_DIGITS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_however_they_are_written() {
        for text in ["+4930901820", "call +49 30 90-18 20", "order (+49/30) 901820", "a+b +1.202.555.0100"] {
            assert!(holds_a_number(text), "{text}");
        }
        for text in ["4711", "Order 4711 + 2 pizzas", "+123456", "2026-11-24T18:30:00+01:00", "", "+"] {
            assert!(!holds_a_number(text), "{text}");
        }
    }

    #[test]
    fn bounds_hold() {
        let told = |check: &dyn Fn(&mut Vec<FieldError>)| {
            let mut errors = Vec::new();
            check(&mut errors);
            errors.len()
        };
        assert_eq!(told(&|errors| id("x", "", errors)), 1);
        assert_eq!(told(&|errors| id("x", &"a".repeat(129), errors)), 1);
        assert_eq!(told(&|errors| id("x", "a\u{0}", errors)), 1);
        assert_eq!(told(&|errors| id("x", "courier-17", errors)), 0);
        assert_eq!(told(&|errors| token("x", "a b", errors)), 1);
        assert_eq!(told(&|errors| param("x", "TEAM.com.example.app.voip", errors)), 0);
        assert_eq!(told(&|errors| param("x", "../x", errors)), 1);
        assert_eq!(told(&|errors| label("x", &"é".repeat(80), errors)), 0);
        assert_eq!(told(&|errors| label("x", &"é".repeat(81), errors)), 1);
    }
}
