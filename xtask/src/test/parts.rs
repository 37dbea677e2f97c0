//! The parts that tests are counted by, and what cargo must build for each.

use clap::ValueEnum;

use crate::build::{Executable, PROGRAMS};

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// The layout of the code.
    Fmt,
    /// The lints.
    Clippy,
    /// SIP messages and state machines.
    Sip,
    /// The call endpoint.
    Call,
    /// The voice engine.
    Media,
    /// The Rust SDK.
    Client,
    /// The library that Swift and Kotlin call.
    Ffi,
    /// The test tools themselves.
    Testkit,
    /// The gateway.
    Gateway,
    /// The push service, its stand-ins for Apple and Google, and what both servers stand on.
    Push,
    /// The courier's app in a terminal.
    Courier,
    /// The customer's phone.
    Phone,
    /// The demo: real processes, real audio.
    Demo,
    /// Other people's phones: SIPp and baresip.
    Interop,
    /// Many calls, searched for what must not cross.
    Leaks,
    /// This program.
    Xtask,
    /// Packages that have no part of their own.
    Other,
    /// The SDK in Kotlin.
    Kotlin,
    /// The SDK in Swift.
    Swift,
    /// The examples in the documentation.
    Doc,
}

impl Part {
    /// Every part, in the order of running.
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// As on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Sip => "sip",
            Self::Call => "call",
            Self::Media => "media",
            Self::Client => "client",
            Self::Ffi => "ffi",
            Self::Testkit => "testkit",
            Self::Gateway => "gateway",
            Self::Push => "push",
            Self::Courier => "courier",
            Self::Phone => "phone",
            Self::Demo => "demo",
            Self::Interop => "interop",
            Self::Leaks => "leaks",
            Self::Xtask => "xtask",
            Self::Other => "other",
            Self::Kotlin => "kotlin",
            Self::Swift => "swift",
            Self::Doc => "doc",
        }
    }

    /// Where a test program belongs.
    pub(crate) fn of(test: &Executable) -> Self {
        match test.package.as_str() {
            "doorstep-demo" if test.target.starts_with("interop") => Self::Interop,
            "doorstep-demo" if test.target.starts_with("leaks") => Self::Leaks,
            "doorstep-push-fakes" | "doorstep-service" | "doorstep-service-testkit" => Self::Push,
            package => {
                let own = |part: &&Self| part.package().is_some_and(|name| name == package);
                Self::all().iter().find(own).copied().unwrap_or(Self::Other)
            }
        }
    }

    /// The package whose tests these are.
    const fn package(self) -> Option<&'static str> {
        match self {
            Self::Sip => Some("doorstep-sip"),
            Self::Call => Some("doorstep-call"),
            Self::Media => Some("doorstep-media"),
            Self::Client => Some("doorstep"),
            Self::Ffi => Some("doorstep-ffi"),
            Self::Testkit => Some("doorstep-testkit"),
            Self::Gateway => Some("doorstep-gateway"),
            Self::Push => Some("doorstep-push"),
            Self::Courier => Some("courier-cli"),
            Self::Phone => Some("customer-phone"),
            Self::Demo => Some("doorstep-demo"),
            Self::Xtask => Some("xtask"),
            Self::Fmt
            | Self::Clippy
            | Self::Interop
            | Self::Leaks
            | Self::Other
            | Self::Kotlin
            | Self::Swift
            | Self::Doc => None,
        }
    }

    /// Arguments of the `cargo build` that makes its test programs, and the real ones that they run.
    pub(crate) fn build(self) -> Option<Vec<&'static str>> {
        let with_programs = |tests: &'static str| {
            let packages = PROGRAMS.iter().flat_map(|program| ["--package", program]);
            ["build", "--bins", "--test", tests].into_iter().chain(packages).collect()
        };
        match self {
            Self::Fmt | Self::Clippy | Self::Kotlin | Self::Swift | Self::Doc => None,
            Self::Other => Some(vec!["build", "--workspace", "--bins", "--tests"]),
            Self::Push => {
                let packages = ["doorstep-push", "doorstep-push-fakes", "doorstep-service"];
                let packages = packages.into_iter().flat_map(|package| ["--package", package]);
                Some(["build", "--bins", "--tests"].into_iter().chain(packages).collect())
            }
            Self::Interop => Some(with_programs("interop*")),
            Self::Leaks => Some(with_programs("leaks*")),
            Self::Demo => {
                let packages = PROGRAMS.iter().flat_map(|program| ["--package", program]);
                Some(["build", "--bins", "--tests"].into_iter().chain(packages).collect())
            }
            Self::Sip
            | Self::Call
            | Self::Media
            | Self::Client
            | Self::Ffi
            | Self::Testkit
            | Self::Gateway
            | Self::Courier
            | Self::Phone
            | Self::Xtask => Some(vec!["build", "--bins", "--tests", "--package", self.package()?]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_program(package: &str, target: &str) -> Executable {
        Executable {
            package: package.to_owned(),
            package_dir: "/x".into(),
            target: target.to_owned(),
            kind: "test".to_owned(),
            is_test: true,
            path: "/x/y".into(),
        }
    }

    #[test]
    fn a_test_program_belongs_to_the_part_of_its_package() {
        assert_eq!(Part::of(&test_program("doorstep-sip", "torture")), Part::Sip);
        assert_eq!(Part::of(&test_program("doorstep", "doorstep")), Part::Client);
        assert_eq!(Part::of(&test_program("doorstep-service", "doorstep_service")), Part::Push);
        assert_eq!(Part::of(&test_program("some-package", "wakes")), Part::Other);
    }

    #[test]
    fn interop_and_leaks_are_parts_of_their_own() {
        assert_eq!(Part::of(&test_program("doorstep-demo", "interop_sipp")), Part::Interop);
        assert_eq!(Part::of(&test_program("doorstep-demo", "leaks")), Part::Leaks);
        assert_eq!(Part::of(&test_program("doorstep-demo", "acts")), Part::Demo);
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for part in Part::all() {
            assert_eq!(Part::from_str(part.name(), false), Ok(*part));
        }
    }
}
