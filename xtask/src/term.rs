//! What this program says, and how. News goes to stderr, so that stdout stays clean for results.

use std::io::IsTerminal as _;
use std::time::Duration;

/// Tells what happens next.
pub(crate) fn say(what: &str) {
    eprintln!("{} {what}", bold("▸"));
}

/// Bold, on a terminal.
pub(crate) fn bold(text: &str) -> String {
    styled("1", text)
}

/// Green, on a terminal.
pub(crate) fn green(text: &str) -> String {
    styled("32", text)
}

/// Red and bold, on a terminal.
pub(crate) fn red(text: &str) -> String {
    styled("1;31", text)
}

/// Yellow, on a terminal.
pub(crate) fn yellow(text: &str) -> String {
    styled("33", text)
}

/// A duration for people: `0.3 s`, `12 s`, `3 min 05 s`.
pub(crate) fn duration(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 60.0 {
        format!("{seconds:.0} s")
    } else {
        let whole = took.as_secs();
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

fn styled(code: &str, text: &str) -> String {
    let colours = std::env::var_os("NO_COLOR").is_none()
        && std::io::stdout().is_terminal()
        && std::io::stderr().is_terminal();
    if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(Duration::from_millis(340)), "0.3 s");
        assert_eq!(duration(Duration::from_millis(12_400)), "12 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 05 s");
    }
}
