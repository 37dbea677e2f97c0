/// A TOML file to be: lines by section, in any order.
#[derive(Debug, Clone, Default)]
pub struct ConfigFile {
    lines: Vec<(&'static str, String)>,
}

impl ConfigFile {
    /// One more line of a section.
    pub fn line(&mut self, section: &'static str, line: impl Into<String>) -> &mut Self {
        self.lines.push((section, line.into()));
        self
    }

    /// A section with these lines and no others.
    pub fn replace(&mut self, section: &'static str, lines: impl Into<String>) -> &mut Self {
        self.lines.retain(|(own, _)| *own != section);
        self.line(section, lines)
    }

    /// The file's text.
    pub fn toml(&self) -> String {
        let mut sections: Vec<&str> = self.lines.iter().map(|(section, _)| *section).collect();
        sections.sort_unstable();
        sections.dedup();
        let mut text = String::new();
        for section in sections {
            text.push_str(&format!("[{section}]\n"));
            for (_, line) in self.lines.iter().filter(|(own, _)| *own == section) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}
