//! What a phone says beyond what is needed, as carriers and other people's phones do. Whoever hides the phone from the far
//! side must drop all of it.

use bytes::Bytes;
use doorstep_sip::msg::{HeaderName, Headers, StatusCode};
use doorstep_sip::ua::{Reply, UaError};

/// See the [module](self). By default, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gossip {
    /// Headers of its INVITEs and of its answers to others'.
    pub headers: Vec<(String, String)>,
    /// Lines of its session descriptions after the session's name: `i=`, `u=`, `e=`, `p=`.
    pub session_lines: Vec<String>,
    /// Lines at the end of its session descriptions: `a=`.
    pub media_lines: Vec<String>,
    /// The phrase of its refusals, and the reason that it gives for its BYEs and CANCELs.
    pub words: Option<String>,
}

impl Gossip {
    /// Adds the headers.
    pub(crate) fn add_to(&self, headers: &mut Headers) -> Result<(), UaError> {
        for (name, value) in &self.headers {
            headers.push(name.parse::<HeaderName>()?, value)?;
        }
        Ok(())
    }

    /// The headers alone.
    pub(crate) fn headers(&self) -> Result<Headers, UaError> {
        let mut headers = Headers::default();
        self.add_to(&mut headers)?;
        Ok(headers)
    }

    /// A description with the lines.
    pub(crate) fn add_to_sdp(&self, sdp: Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(&sdp) else { return sdp };
        if self.session_lines.is_empty() && self.media_lines.is_empty() {
            return sdp;
        }
        let mut out = String::new();
        for line in text.lines() {
            let more = if line.starts_with("s=") { self.session_lines.as_slice() } else { &[] };
            for line in std::iter::once(line).chain(more.iter().map(String::as_str)) {
                out.push_str(line);
                out.push_str("\r\n");
            }
        }
        for line in &self.media_lines {
            out.push_str(line);
            out.push_str("\r\n");
        }
        out.into()
    }

    /// A refusal.
    pub(crate) fn refusal(&self, status: StatusCode) -> Result<Reply, UaError> {
        Ok(Reply { reason: self.words.clone(), headers: self.headers()?, ..Reply::new(status) })
    }

    /// For a BYE or a CANCEL (RFC 3326).
    pub(crate) fn reason(&self) -> Option<String> {
        self.words.as_ref().map(|words| format!("Q.850;cause=16;text=\"{words}\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_where_the_grammar_has_them() {
        let gossip = Gossip {
            session_lines: vec!["i=Anna".to_owned(), "p=+49 171".to_owned()],
            media_lines: vec!["a=x-name:Anna".to_owned()],
            ..Gossip::default()
        };
        let sdp = Bytes::from_static(b"v=0\r\ns=-\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\n");
        let more = "v=0\r\ns=-\r\ni=Anna\r\np=+49 171\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\na=x-name:Anna\r\n";
        assert_eq!(gossip.add_to_sdp(sdp.clone()), more);
        assert_eq!(Gossip::default().add_to_sdp(sdp.clone()), sdp);
    }
}
