//! Countermeasures left out of the implementation one by one, and what notices: the ledger is `docs/bug-zoo.md`.
//!
//! The ledger itself is measured by `tests/weaknesses.sh` (minutes), which fails when the page says otherwise, and with
//! `UPDATE=1` writes it. Without the feature `weak` only what can be read is checked.

mod paper;

use std::collections::BTreeSet;

use kaika_spec::Weakness;
use paper::{files, none, read, table};

/// Where each countermeasure is left out, and the requirement that then is not met. Every weakness is here.
const SITES: &[(Weakness, &str, &str)] = &[
    (Weakness::PasswordPurposeIgnored, "verifier", "APP-2"),
    (Weakness::RealnameUnchecked, "verifier", "APP-7"),
    (Weakness::BranchTrusted, "issuer", "ISS-1"),
    (Weakness::PhoneFromTerminal, "verifier", "PRV-1"),
    (Weakness::OtpNotBound, "verifier", "PRV-3"),
    (Weakness::ApplicantResent, "issuer", "APP-12"),
    (Weakness::PreverifyAfterIssue, "issuer", "ISS-8"),
    (Weakness::ReferenceUnbound, "issuer", "ISS-6"),
    (Weakness::ScoreFromVerifier, "issuer", "ISS-5"),
    (Weakness::ReferenceReused, "issuer", "ISS-17"),
    (Weakness::QuotaOutsideTransaction, "issuer", "ISS-11"),
    (Weakness::IssueInTwoSteps, "issuer", "ISS-12"),
    (Weakness::KeyIgnored, "issuer", "PAY-7"),
    (Weakness::ActivateWithoutReceipt, "issuer", "PRO-8"),
    (Weakness::WriteInPlace, "secure-element", "PRO-5"),
    (Weakness::ScriptUnauthenticated, "secure-element", "PRO-2"),
    (Weakness::SecondChip, "issuer", "PRO-10"),
    (Weakness::NoCompensation, "issuer", "ISS-19"),
    (Weakness::PanEchoed, "issuer", "ISS-16"),
    (Weakness::AgreementForwarded, "verifier", "BND-2"),
    (Weakness::IdentifierConfused, "issuer", "PAY-10"),
    (Weakness::OrderNotBound, "verifier", "PAY-4"),
    (Weakness::OrderOwnerUnchecked, "verifier", "PAY-2"),
    (Weakness::DebitIdPerTry, "verifier", "PAY-6"),
    (Weakness::TimeoutIsFailure, "terminal", "PAY-14"),
    (Weakness::LivenessBeforeDebit, "issuer", "PAY-8"),
    (Weakness::StaticTokenAtPos, "issuer", "TAP-7"),
    (Weakness::OfflineApprove, "pos", "TAP-10"),
    (Weakness::AtcUnchecked, "issuer", "TAP-3"),
    (Weakness::BooleanSuspend, "issuer", "MNG-3"),
    (Weakness::OtpNeverExpires, "verifier", "PRV-5"),
    (Weakness::GuessBudgetMissing, "verifier", "PRV-9"),
    (Weakness::FramesNotFresh, "verifier", "PRV-13"),
    (Weakness::PreverifyCached, "issuer", "ISS-8"),
    (Weakness::BranchShownEarly, "verifier", "APP-8"),
    (Weakness::LockForEver, "verifier", "APP-4"),
    (Weakness::CodeEchoed, "verifier", "PRV-3"),
    (Weakness::EntryModeIgnored, "issuer", "TAP-8"),
    (Weakness::ReversalRepeats, "issuer", "PAY-11"),
    (Weakness::LimitUnchecked, "issuer", "TAP-9"),
    (Weakness::ReversalOnce, "pos", "TAP-11"),
    (Weakness::TokenOutlivesCard, "issuer", "MNG-5"),
    (Weakness::PhoneVersionUnchecked, "issuer", "MNG-10"),
    (Weakness::CompensationOnce, "verifier", "ISS-19"),
    (Weakness::ConsentUnchecked, "issuer", "ISS-21"),
    (Weakness::PaymentUnsigned, "issuer", "PAY-17"),
    (Weakness::CountedAfter, "secure-element", "APD-11"),
    (Weakness::ProofIgnored, "secure-element", "APD-13"),
    (Weakness::SuspendedPays, "secure-element", "MNG-9"),
];

const LEDGER: &str = "docs/bug-zoo.md";

#[test]
fn every_weakness_is_built_once() {
    for weakness in Weakness::ALL {
        let built = SITES.iter().filter(|(one, ..)| one == weakness).count();
        assert_eq!(built, 1, "{weakness}");
    }
}

#[test]
fn each_is_left_out_where_the_table_says() {
    let mut complaints = Vec::new();
    for (weakness, role, _) in SITES {
        let named = format!("lacks(Weakness::{weakness:?})");
        let of_role = format!("impl/{role}/src/");
        let sources = files("rs");
        let found = sources
            .iter()
            .any(|file| file.starts_with(&of_role) && read(file).contains(&named));
        if !found {
            complaints.push(format!("{weakness} is not left out in impl/{role}"));
        }
    }
    none(&complaints);
}

#[test]
fn the_ledger_has_every_weakness_that_is_built() {
    let rows = table(&read(LEDGER), "weakness");
    let there: BTreeSet<&str> = rows.iter().map(|row| paper::plain(&row[0])).collect();
    let built: BTreeSet<&str> = SITES.iter().map(|(weakness, ..)| weakness.name()).collect();
    assert_eq!(there, built);
}

/// No manifest turns the feature on by default, and nothing turns it on but features of its name.
#[test]
fn no_build_is_weak_unless_it_says_so() {
    let mut complaints = Vec::new();
    for file in files("toml")
        .iter()
        .filter(|file| file.ends_with("Cargo.toml"))
    {
        let text = read(file);
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
        {
            let turns_on = line.starts_with("default") && line.contains("weak")
                || line.starts_with("kaika-weakness") && line.contains("features");
            let forwards = line.contains("/weak\"") && !line.starts_with("weak = [");
            if turns_on || forwards {
                complaints.push(format!("{file}: {line}"));
            }
        }
    }
    none(&complaints);
    assert_eq!(kaika_weakness::IS_WEAK, cfg!(feature = "weak"));
}

#[cfg(feature = "weak")]
mod measured {
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    use serde_json::Value;

    use super::*;

    /// What a run with the countermeasure left out came to: the first failure, if there is one.
    type Found = Option<String>;

    fn run(program: &Path, arguments: &[&str], lacks: &str) -> Output {
        let output = Command::new(program)
            .args(arguments)
            .env("KAIKA_LACKS", lacks)
            .output();
        output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
    }

    /// The roles whose vectors are looked through.
    const PLAYED: [&str; 6] = ["issuer", "verifier", "identity", "chip", "pos", "terminal"];

    /// Where the code lacks less, or something else, than the model does: the test that tells what it lacks.
    const OTHER: &[(Weakness, &str)] = &[
        // Of a known customer the phone is looked up by who is named, and a stranger has none.
        (
            Weakness::ApplicantResent,
            "issuer/issue/eligibility(first) issue(applicant-changed)",
        ),
        // The labelled one has an identity system that refuses too.
        (
            Weakness::ReferenceReused,
            "issuer/edges/a reference makes one card",
        ),
        (
            Weakness::OrderNotBound,
            "verifier/pay/open password(ok) applicant(ok,known-customer) otp(ok) issue(ok) order pay(wrong-digest)",
        ),
        (
            Weakness::CompensationOnce,
            "verifier/issue/open password(ok) applicant(ok,known-customer) cancel(issuer-silent)",
        ),
        (Weakness::ProofIgnored, "chip/hand/issuer/declines"),
        (
            Weakness::OfflineApprove,
            "pos/sale/card(cryptogram) time-out",
        ),
    ];

    /// The test for a weakness, labelled or listed: its role and id.
    fn vector(weakness: Weakness) -> Option<(String, String)> {
        if let Some((_, id)) = OTHER.iter().find(|(one, _)| *one == weakness) {
            let (role, _) = id.split_once('/')?;
            return Some((role.to_owned(), (*id).to_owned()));
        }
        for role in PLAYED {
            let text = read(&format!("conformance/vectors/{role}.json"));
            let file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
            for test in file["tests"].as_array().into_iter().flatten() {
                let kills = test["origin"]["kills"].as_array();
                if kills.is_some_and(|kills| kills.iter().any(|name| name == weakness.name())) {
                    return Some((
                        role.to_owned(),
                        test["id"].as_str().unwrap_or_default().to_owned(),
                    ));
                }
            }
        }
        None
    }

    /// What fails when these tests are played: their ids, `log/ROLE` among them when the model does not allow the role's log.
    fn failures(vectors: &[(String, String)], lacks: &str) -> Vec<String> {
        let mut failed = Vec::new();
        for role in PLAYED {
            let ids = vectors.iter().filter(|(one, _)| one == role);
            let only: Vec<String> = ids.map(|(_, id)| format!("={id}")).collect();
            let only: Vec<&str> = only.iter().flat_map(|id| ["--only", id]).collect();
            if only.is_empty() {
                continue;
            }
            let fixed = [
                "conform",
                "--subject",
                "reference",
                "--role",
                role,
                "--tier",
                "all",
            ];
            let arguments = [&fixed, &only[..]].concat();
            let output = run(Path::new(env!("CARGO_BIN_EXE_kaika")), &arguments, lacks);
            let told = String::from_utf8_lossy(&output.stdout);
            let fails = |line: &str| line.trim().strip_prefix("FAIL ").map(str::to_owned);
            let before = failed.len();
            failed.extend(told.lines().filter_map(fails));
            // A run that failed and does not say at what is no measurement.
            assert_eq!(
                output.status.success(),
                failed.len() == before,
                "{told}{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        failed
    }

    /// The vector that tells, and the log that does.
    fn by_vector(weakness: Weakness) -> [Found; 2] {
        let Some((role, id)) = vector(weakness) else {
            return [None, None];
        };
        let failed = failures(&[(role, id)], weakness.name());
        let (logs, tests) = failed
            .into_iter()
            .partition::<Vec<_>, _>(|id| id.starts_with("log/"));
        [tests.into_iter().next(), logs.into_iter().next()]
    }

    /// The test binaries that `tests/weaknesses.sh` built: those of a role's crate, or the one of a name.
    fn binaries(folder: &str, name: Option<&str>) -> Vec<PathBuf> {
        let built = std::env::var("KAIKA_BUILT").unwrap_or_default();
        let text = std::fs::read_to_string(&built);
        let text =
            text.unwrap_or_else(|error| panic!("run tests/weaknesses.sh ({built:?}: {error})"));
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours = |message: &Value| {
            let manifest = message["manifest_path"].as_str().unwrap_or_default();
            let is_named = name.is_none_or(|name| message["target"]["name"] == name);
            manifest
                == paper::root()
                    .join(folder)
                    .join("Cargo.toml")
                    .to_string_lossy()
                && is_named
                && message["profile"]["test"] == true
        };
        let made = messages.filter(ours);
        let paths = made.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        let mut paths: Vec<PathBuf> = paths.collect();
        assert!(!paths.is_empty(), "no test binary of {folder}");
        // The compiler says them as they are done, which is another order each time.
        paths.sort();
        paths
    }

    /// The first test that fails.
    fn failing(binaries: &[PathBuf], lacks: &str) -> Found {
        binaries.iter().find_map(|binary| {
            let output = run(binary, &["--quiet"], lacks);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let names = text.rsplit("failures:").next().unwrap_or_default();
            let first = names.lines().map(str::trim).find(|line| !line.is_empty());
            (!output.status.success()).then(|| first.unwrap_or("it ends").to_owned())
        })
    }

    /// The fuzz targets that play a role against a naive twin of it.
    fn twins(role: &str) -> &'static [&'static str] {
        match role {
            "secure-element" => &["chip_sequence", "chip_commands"],
            "issuer" => &["taps"],
            _ => &[],
        }
    }

    /// What the fuzz workspace built.
    struct Fuzz {
        /// Plays corpora and random inputs.
        replay: Vec<PathBuf>,
        /// Plays the chip through every cut of power.
        cuts: Vec<PathBuf>,
    }

    impl Fuzz {
        fn built() -> Self {
            Self {
                replay: binaries("fuzz", Some("replay")),
                cuts: binaries("fuzz", Some("canary")),
            }
        }

        /// The first target that plays this role and fails at its corpus or at seeded random inputs, or the first test of every cut.
        fn finds(&self, role: &str, lacks: &str) -> Found {
            let fails = |target: &&&str| {
                self.replay.iter().any(|binary| {
                    let mut command = Command::new(binary);
                    command.args(["--quiet", "_hold"]);
                    command.env("KAIKA_FUZZ_TARGETS", target);
                    let output = command.env("KAIKA_LACKS", lacks).output();
                    let output = output.unwrap_or_else(|error| panic!("{error}"));
                    let text = String::from_utf8_lossy(&output.stdout);
                    assert!(text.contains("running 2 tests"), "{text}");
                    !output.status.success()
                })
            };
            let target = twins(role)
                .iter()
                .find(fails)
                .map(|name| (*name).to_owned());
            target.or_else(|| match role {
                "secure-element" => failing(&self.cuts, lacks),
                _ => None,
            })
        }
    }

    struct Row {
        weakness: Weakness,
        role: &'static str,
        requirement: &'static str,
        /// By vector, log, tests beside the code, fuzz, cores: `None` when it was not asked.
        found: [Option<Found>; 5],
    }

    impl Row {
        fn mechanisms(&self) -> usize {
            self.found.iter().flatten().flatten().count()
        }
    }

    fn cell(found: &Option<Found>) -> String {
        match found {
            None => String::new(),
            Some(None) => "–".to_owned(),
            Some(Some(name)) => format!("`{name}`"),
        }
    }

    fn page(rows: &[Row]) -> String {
        let mut text = HEAD.to_owned();
        for row in rows {
            let Row {
                weakness,
                role,
                requirement,
                found,
            } = row;
            let cells = found.each_ref().map(cell).join(" | ");
            let _ = writeln!(
                text,
                "| `{weakness}` | {requirement} | `impl/{role}` | {cells} |"
            );
        }
        text
    }

    const HEAD: &str = "\
# The bug zoo

Each countermeasure of the specification left out of the implementation, one at a time, and what notices. Builds that can do so have the
feature `weak`, which nothing turns on by default (`tests/weaknesses.rs`). Measured and written by `UPDATE=1 tests/weaknesses.sh`; without
`UPDATE` it fails when this page says otherwise.

Every one is found by at least two, or the measurement fails. *Vector*: the test that is labelled or listed for the weakness, played against
the reference over sockets; other vectors are not played. *Log*: what the role wrote down while that test was played, checked against the
model. *Beside the code*: the first test of the role's own crate that fails, property tests and power cuts included. *Fuzz*: the target that
fails at its corpus or at seeded random inputs against a naive twin, or the chip's first test of every cut of power (`fuzz/tests/canary.rs`);
only the chip and the issuer's taps have a twin. *Cores together*:
the first test of `tests/cores.rs` that fails. An empty cell was not asked: the issuer's twin only of what is about taps, the cores only when
the others are not enough; a dash was, and found nothing.

| weakness | requirement | left out in | vector | log | beside the code | fuzz | cores together |
|---|---|---|---|---|---|---|---|
";

    /// Asks for what `tests/weaknesses.sh` builds, which alone makes a weak build.
    #[test]
    fn the_ledger_is_what_is_measured() {
        let roles: BTreeSet<&str> = SITES.iter().map(|(_, role, _)| *role).collect();
        let vectors: Vec<_> = SITES.iter().filter_map(|(one, ..)| vector(*one)).collect();
        assert_eq!(
            failures(&vectors, ""),
            Vec::<String>::new(),
            "without a weakness"
        );
        let cores = binaries("", Some("cores"));
        assert_eq!(
            failing(&cores, ""),
            None,
            "the cores fail without a weakness"
        );
        let fuzz = Fuzz::built();
        let mut rows = Vec::new();
        for role in roles {
            let units = binaries(&format!("impl/{role}"), None);
            assert_eq!(failing(&units, ""), None, "{role} fails without a weakness");
            assert_eq!(fuzz.finds(role, ""), None, "{role} without a weakness");
            for (weakness, _, requirement) in SITES.iter().filter(|(_, one, _)| *one == role) {
                let name = weakness.name();
                let [vector, log] = by_vector(*weakness);
                let unit = failing(&units, name);
                let is_of_twin = role != "issuer" || requirement.starts_with("TAP-");
                let has_twin = is_of_twin && !twins(role).is_empty();
                let fuzzed = has_twin.then(|| fuzz.finds(role, name));
                let mut found = [Some(vector), Some(log), Some(unit), fuzzed, None];
                if found.iter().flatten().flatten().count() < 2 {
                    found[4] = Some(failing(&cores, name));
                }
                eprintln!("{name}: {found:?}");
                rows.push(Row {
                    weakness: *weakness,
                    role,
                    requirement,
                    found,
                });
            }
        }
        rows.sort_by_key(|row| row.weakness);
        let (page, path) = (page(&rows), paper::root().join(LEDGER));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, page).unwrap_or_else(|error| panic!("{error}"));
        } else {
            assert_eq!(read(LEDGER), page);
        }
        let too_few: Vec<String> = rows
            .iter()
            .filter(|row| row.mechanisms() < 2)
            .map(|row| format!("{} is found by {} of two", row.weakness, row.mechanisms()))
            .collect();
        none(&too_few);
    }
}
