//! Under which licences the linked crates are, whether each is one that an app can be shipped with, and the list of them in the
//! CycloneDX format, which app stores and companies ask for.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::build;

/// All ask for no more than to be named.
const ALLOWED: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "CC0-1.0",
    "MIT-0",
    "CDLA-Permissive-2.0",
];
const PACKAGE: &str = "doorstep-ffi";
/// Relative to the folder of packages.
const LIST: &str = "doorstep.cdx.json";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// Neither `build` nor `dev`: linked.
    kind: Option<String>,
}

/// Writes the list; tells of each crate whose licence will not do.
pub(super) fn check() -> anyhow::Result<Vec<String>> {
    let output = build::cargo(&["metadata", "--format-version=1", "--locked"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo's metadata cannot be read")?;
    let linked = linked(&metadata)?;
    let folder = super::folder();
    std::fs::create_dir_all(&folder)?;
    let list = folder.join(LIST);
    std::fs::write(&list, serde_json::to_string_pretty(&bill(&linked))?)?;
    println!("{} crates are linked; {}", linked.len(), list.display());
    let mut faults = Vec::new();
    for package in linked {
        let licence = package.license.as_deref().unwrap_or_default();
        if !is_allowed(licence) {
            faults.push(format!("{} {} is under `{licence}`", package.name, package.version));
        }
    }
    Ok(faults)
}

/// Everything that ends up in the library, on whichever system.
fn linked(metadata: &Metadata) -> anyhow::Result<Vec<&Package>> {
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let root = metadata.packages.iter().find(|package| package.name == PACKAGE);
    let mut open = vec![root.context("the library is no member of the workspace")?.id.as_str()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id)
            && let Some(node) = nodes.get(id)
        {
            let linked = node.deps.iter().filter(|of| of.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            open.extend(linked.map(|of| of.pkg.as_str()));
        }
    }
    let mut linked: Vec<_> =
        metadata.packages.iter().filter(|package| seen.contains(package.id.as_str())).collect();
    linked.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(linked)
}

/// A CycloneDX 1.5 bill of materials.
fn bill(packages: &[&Package]) -> Value {
    let component = |package: &&Package| {
        let url = format!("pkg:cargo/{}@{}", package.name, package.version);
        let mut component = json!({
            "type": "library",
            "name": package.name,
            "version": package.version,
            "bom-ref": url,
            "purl": url,
            "scope": "required",
        });
        if let Some(licence) = &package.license {
            component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
        }
        if let Some(repository) = &package.repository {
            component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
        }
        component
    };
    let theirs: Vec<_> = packages.iter().filter(|package| package.source.is_some()).map(component).collect();
    let ours = packages.iter().find(|package| package.name == PACKAGE).map(component);
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": ours },
        "components": theirs,
    })
}

/// Whether an SPDX expression can be fulfilled by allowed licences alone. Old crates write `/` for `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = &words[..];
    let allowed = either(&mut words);
    allowed == Some(true) && words.is_empty()
}

/// `a OR b`; `None` for what is no expression.
fn either(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = both(words)?;
    while let ["OR", rest @ ..] = words {
        *words = rest;
        allowed |= both(words)?;
    }
    Some(allowed)
}

fn both(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = one(words)?;
    while let ["AND", rest @ ..] = words {
        *words = rest;
        allowed &= one(words)?;
    }
    Some(allowed)
}

fn one(words: &mut &[&str]) -> Option<bool> {
    let (licence, rest) = match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let allowed = either(words)?;
            let [")", rest @ ..] = words else { return None };
            *words = rest;
            return Some(allowed);
        }
        [licence, "WITH", exception, rest @ ..] => (format!("{licence} WITH {exception}"), rest),
        [licence, rest @ ..] => ((*licence).to_owned(), rest),
        [] => return None,
    };
    *words = rest;
    Some(ALLOWED.contains(&licence.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_weighed() {
        for licence in [
            "MIT",
            "MIT OR GPL-3.0",
            "Unlicense/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(is_allowed(licence), "{licence}");
        }
        for licence in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT MIT", "MIT OR", "Apache-2.0 WITH other-exception"]
        {
            assert!(!is_allowed(licence), "{licence}");
        }
    }
}
