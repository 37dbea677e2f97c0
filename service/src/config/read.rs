//! File and environment become a program's own raw type: unknown keys and values of the wrong kind are found here, with their place.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeString, DeTable, DeValue};
use toml::{Spanned, Table, Value};

use serde::de::DeserializeOwned;

use super::keys::{Keys, Kind};
use super::problem::{Problem, Problems};

/// How a program's configuration is written.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// All that may stand in it.
    pub keys: Keys,
    /// Of its variables, such as `DOORSTEP_`.
    pub prefix: &'static str,
    /// Longer prefixes of other programs' variables, which are none of its business.
    pub others: &'static [&'static str],
    /// Where all keys are explained.
    pub handbook: &'static str,
}

/// Where each value came from, by its dotted key.
#[derive(Debug, Default)]
pub struct Places {
    file: String,
    by_key: BTreeMap<String, String>,
}

impl Places {
    /// The place of a key, or the file when nothing is written for it.
    pub fn of(&self, key: &str) -> String {
        self.by_key.get(key).cloned().unwrap_or_else(|| self.file.clone())
    }
}

/// Reads `path` (none: nothing but the environment) and lays `PREFIX_SECTION__KEY` over it.
///
/// # Errors
/// All unknown keys and all values of the wrong kind, each with its place.
pub fn read<Raw: DeserializeOwned>(
    layout: Layout,
    path: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<(Raw, Places), Problems> {
    let mut problems = Vec::new();
    let mut places = Places { file: "configuration".into(), by_key: BTreeMap::new() };
    let mut table = Table::new();
    if let Some(path) = path {
        places.file = path.display().to_string();
        table = read_file(layout.keys, path, &mut places, &mut problems)?;
    }
    let mut env: Vec<_> = env.into_iter().collect();
    env.sort();
    for (name, text) in env {
        overlay(layout, &mut table, &name, &text, &mut places, &mut problems);
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let raw = Value::Table(table).try_into::<Raw>().map_err(|error| {
        // The walk above has found all that serde can find; this is the net under it.
        Problems(vec![Problem {
            place: places.file.clone(),
            key: String::new(),
            found: error.message().to_owned(),
            allowed: format!("what {} lists", layout.handbook),
        }])
    })?;
    Ok((raw, places))
}

fn read_file(
    keys: Keys,
    path: &Path,
    places: &mut Places,
    problems: &mut Vec<Problem>,
) -> Result<Table, Problems> {
    let fatal = |place: String, found: String, allowed: &str| {
        Problems(vec![Problem { place, key: String::new(), found, allowed: allowed.into() }])
    };
    let file = places.file.clone();
    let text = std::fs::read_to_string(path).map_err(|error| {
        fatal(file.clone(), format!("the file cannot be read: {error}"), "a readable TOML file")
    })?;
    let bad_toml = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        fatal(format!("{file}:{line}"), format!("not TOML: {}", error.message().trim()), "TOML 1.0")
    };
    let parsed = DeTable::parse(&text).map_err(bad_toml)?;
    check_document(keys, parsed.get_ref(), &text, places, problems);
    toml::from_str(&text).map_err(bad_toml)
}

fn check_document(
    keys: Keys,
    document: &DeTable<'_>,
    text: &str,
    places: &mut Places,
    problems: &mut Vec<Problem>,
) {
    for (section, content) in in_file_order(document) {
        let place = format!("{}:{}", places.file, line_of(text, section.span().start));
        let section = section.get_ref().as_ref();
        if keys.names(section).is_empty() {
            problems.push(Problem {
                place,
                key: section.into(),
                found: "an unknown section".into(),
                allowed: keys.sections().join(", "),
            });
            continue;
        }
        let DeValue::Table(table) = content.get_ref() else {
            problems.push(Problem {
                place,
                key: section.into(),
                found: describe(content.get_ref()),
                allowed: format!("a table, begun by [{section}]"),
            });
            continue;
        };
        for (name, value) in in_file_order(table) {
            let place = format!("{}:{}", places.file, line_of(text, name.span().start));
            let name = name.get_ref().as_ref();
            let dotted = format!("{section}.{name}");
            let Some(key) = keys.find(section, name) else {
                problems.push(Problem {
                    place,
                    key: dotted,
                    found: "an unknown key".into(),
                    allowed: keys.names(section).join(", "),
                });
                continue;
            };
            check_kind(key.kind, value.get_ref(), &dotted, &place, problems);
            places.by_key.insert(dotted, place);
        }
    }
}

type Entry<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// The table itself is sorted by name.
fn in_file_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

fn check_kind(kind: Kind, value: &DeValue<'_>, key: &str, place: &str, problems: &mut Vec<Problem>) {
    let fits = match (kind, value) {
        (Kind::Text, DeValue::String(_)) | (Kind::Flag, DeValue::Boolean(_)) => true,
        (Kind::Number, DeValue::Integer(number)) => {
            u64::from_str_radix(number.as_str().trim_start_matches('+'), number.radix()).is_ok()
        }
        (Kind::List, DeValue::Array(items)) => items.iter().all(|item| item.get_ref().is_str()),
        (Kind::Table(texts, numbers), DeValue::Table(table)) => {
            return check_inner(table, [texts, numbers, &[]], key, place, problems);
        }
        (Kind::Tables(texts, numbers, lists), DeValue::Array(items)) => {
            for item in items {
                match item.get_ref() {
                    DeValue::Table(table) => {
                        check_inner(table, [texts, numbers, lists], key, place, problems)
                    }
                    other => check_kind(Kind::Table(texts, &[]), other, key, place, problems),
                }
            }
            return;
        }
        (Kind::Text | Kind::Flag | Kind::Number | Kind::List | Kind::Table(..) | Kind::Tables(..), _) => {
            false
        }
    };
    if !fits {
        problems.push(Problem {
            place: place.into(),
            key: key.into(),
            found: describe(value),
            allowed: kind.allowed().into(),
        });
    }
}

/// `known`: the table's keys that are strings, numbers and lists.
fn check_inner(
    table: &DeTable<'_>,
    known: [&[&str]; 3],
    key: &str,
    place: &str,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in in_file_order(table) {
        let name = name.get_ref().as_ref();
        let dotted = format!("{key}.{name}");
        let kinds = [Kind::Text, Kind::Number, Kind::List];
        match known.iter().zip(kinds).find(|(names, _)| names.contains(&name)) {
            Some((_, kind)) => check_kind(kind, value.get_ref(), &dotted, place, problems),
            None => problems.push(Problem {
                place: place.into(),
                key: dotted,
                found: "an unknown key".into(),
                allowed: known.concat().join(", "),
            }),
        }
    }
}

/// The kind of a value of the wrong kind; never the value: it may be a secret in the wrong place.
fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a string".into(),
        DeValue::Integer(_) => "a number out of range or of the wrong place".into(),
        DeValue::Float(_) => "a decimal number".into(),
        DeValue::Boolean(_) => "true or false".into(),
        DeValue::Datetime(_) => "a date or time".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

/// One variable. Those without `__` are other programs' (DOORSTEP_TOKEN).
fn overlay(
    layout: Layout,
    table: &mut Table,
    name: &str,
    text: &str,
    places: &mut Places,
    problems: &mut Vec<Problem>,
) {
    let keys = layout.keys;
    let Some(path) = own_variable(layout, name) else { return };
    let path = path.to_ascii_lowercase();
    let parts: Vec<&str> = path.split("__").collect();
    let mut complain = |key: String, found: String, allowed: String| {
        problems.push(Problem { place: name.to_owned(), key, found, allowed });
    };
    let (section, key_name, inner) = match parts[..] {
        [section, key] => (section, key, None),
        [section, key, inner] => (section, key, Some(inner)),
        _ => return complain(String::new(), "too many __".into(), format!("{}SECTION__KEY", layout.prefix)),
    };
    let names = keys.names(section);
    let Some(key) = keys.find(section, key_name) else {
        let allowed = if names.is_empty() { keys.sections().join(", ") } else { names.join(", ") };
        let what = if names.is_empty() { "an unknown section" } else { "an unknown key" };
        return complain(parts.join("."), what.into(), allowed);
    };
    let kind = match (key.kind, inner) {
        (kind, None) => Some(kind),
        (Kind::Table(texts, _), Some(inner)) if texts.contains(&inner) => Some(Kind::Text),
        (Kind::Table(_, numbers), Some(inner)) if numbers.contains(&inner) => Some(Kind::Number),
        (_, Some(_)) => None,
    };
    let Some(kind) = kind else {
        return complain(parts.join("."), "an unknown key".into(), format!("{section}.{key_name}"));
    };
    let Some(value) = from_env(kind, text) else {
        return complain(parts.join("."), "a value of another kind".into(), kind.allowed().into());
    };
    places.by_key.insert(format!("{section}.{key_name}"), name.to_owned());
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(section) = section else { return };
    match inner {
        None => {
            section.insert(key_name.to_owned(), value);
        }
        Some(inner) => {
            let outer = section.entry(key_name).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(outer) = outer {
                outer.insert(inner.to_owned(), value);
            }
        }
    }
}

/// What follows the prefix. `DOORSTEP_PUSH__URL` is the key `url` in the section `push` of the program whose prefix is `DOORSTEP_`,
/// and nothing to the one whose prefix is `DOORSTEP_PUSH_`; `DOORSTEP_PUSH_API__LISTEN` the other way about.
fn own_variable(layout: Layout, name: &str) -> Option<&str> {
    let mine = |prefix: &str| {
        let path = name.strip_prefix(prefix)?;
        (path.contains("__") && !path.starts_with('_')).then_some(path)
    };
    if layout.others.iter().any(|other| mine(other).is_some()) { None } else { mine(layout.prefix) }
}

/// Lists may be written as TOML or separated by commas.
fn from_env(kind: Kind, text: &str) -> Option<Value> {
    let toml_value = |kind: Kind| {
        let parsed = DeValue::parse(text).ok()?;
        let mut problems = Vec::new();
        check_kind(kind, parsed.get_ref(), "", "", &mut problems);
        if !problems.is_empty() {
            return None;
        }
        let document: Table = toml::from_str(&format!("value = {text}")).ok()?;
        document.get("value").cloned()
    };
    match kind {
        Kind::Text => Some(Value::String(text.to_owned())),
        Kind::Number => text.parse::<u32>().ok().map(|number| Value::Integer(number.into())),
        Kind::Flag => match text {
            "true" | "1" => Some(Value::Boolean(true)),
            "false" | "0" => Some(Value::Boolean(false)),
            _ => None,
        },
        Kind::List if text.trim_start().starts_with('[') => toml_value(kind),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        Kind::Table(..) | Kind::Tables(..) => toml_value(kind),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_do_not_read_each_others_variables() {
        let layout = |prefix, others| Layout { keys: Keys(&[]), prefix, others, handbook: "" };
        let gateway = layout("DOORSTEP_", &["DOORSTEP_PUSH_"]);
        let push = layout("DOORSTEP_PUSH_", &[]);
        for (name, gateways, pushs) in [
            ("DOORSTEP_API__LISTEN", Some("API__LISTEN"), None),
            ("DOORSTEP_PUSH__URL", Some("PUSH__URL"), None),
            ("DOORSTEP_PUSH_API__LISTEN", None, Some("API__LISTEN")),
            ("DOORSTEP_TOKEN", None, None),
            ("PATH", None, None),
        ] {
            assert_eq!((own_variable(gateway, name), own_variable(push, name)), (gateways, pushs), "{name}");
        }
    }
}
