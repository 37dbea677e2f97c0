//! A program's list of keys: where each stands, what kind of value it takes, its default and its meaning in a sentence. The reader,
//! the environment, `--check` and the handbook are all held to it.

/// What kind of TOML value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number that is not negative.
    Number,
    /// `true` or `false`.
    Flag,
    /// An array of strings.
    List,
    /// A table with these keys, all strings but for those in the second list, which are numbers.
    Table(&'static [&'static str], &'static [&'static str]),
    /// An array of tables with these keys: strings, numbers, and lists of strings.
    Tables(&'static [&'static str], &'static [&'static str], &'static [&'static str]),
}

impl Kind {
    /// What the person may write, for an error's text.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Text => "a string in quotes",
            Self::Number => "a whole number that is not negative",
            Self::Flag => "true or false",
            Self::List => "a list of strings, such as [\"a\", \"b\"]",
            Self::Table(..) => "a table, such as { key = \"value\" }",
            Self::Tables(..) => "a list of tables",
        }
    }
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The table it stands in.
    pub section: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds when it is left out, as it would be written; empty: nothing.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// An entry of the list.
pub const fn key(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { section, name, kind, default, meaning }
}

/// A program's keys, in the order of its handbook.
#[derive(Debug, Clone, Copy)]
pub struct Keys(pub &'static [Key]);

impl Keys {
    /// The key of that place.
    pub fn find(self, section: &str, name: &str) -> Option<&'static Key> {
        self.0.iter().find(|key| key.section == section && key.name == name)
    }

    /// The names that a section knows; empty for an unknown section.
    pub fn names(self, section: &str) -> Vec<&'static str> {
        self.0.iter().filter(|key| key.section == section).map(|key| key.name).collect()
    }

    /// All sections.
    pub fn sections(self) -> Vec<&'static str> {
        let mut sections: Vec<_> = self.0.iter().map(|key| key.section).collect();
        sections.dedup();
        sections
    }
}
