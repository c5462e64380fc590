//! The front door as a stranger uses it: exit codes, errors that say what to do, a chart, fresh vectors.

use std::process::{Command, Output};

fn kaika(arguments: &[&str]) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_kaika"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    match run {
        Ok(output) => output,
        Err(error) => panic!("kaika does not start: {error}"),
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_scope_that_holds_exits_0_and_one_that_does_not_exits_1() {
    let holds = kaika(&["check", "manage"]);
    assert_eq!(holds.status.code(), Some(0), "{}", complained(&holds));
    assert!(
        told(&holds).contains("every property holds for 1200 states"),
        "{}",
        told(&holds)
    );
    let broken = kaika(&["check", "manage", "--weaken", "boolean-suspend", "--charts"]);
    assert_eq!(broken.status.code(), Some(1));
    let text = told(&broken);
    assert!(
        text.contains("VIOLATED: P43") && text.contains("resume(issuer)"),
        "{text}"
    );
}

/// A budget that is met is said, and is neither a verdict nor a violation.
#[test]
fn a_memory_budget_ends_in_a_partial_result() {
    let partial = kaika(&["check", "tap", "--memory", "1"]);
    assert_eq!(partial.status.code(), Some(4), "{}", complained(&partial));
    let text = told(&partial);
    assert!(text.contains("PARTIAL, no violation so far"), "{text}");
    assert!(
        !text.contains("holds for") && !text.contains("NOT REACHED"),
        "{text}"
    );
    let other = kaika(&["check", "tap", "--engine", "stateright", "--memory", "1"]);
    assert_eq!(other.status.code(), Some(4));
    assert!(complained(&other).contains("needs --engine native"));
}

/// Both engines through the front door, and one property alone.
#[test]
fn engines_and_properties_can_be_chosen() {
    let engines = [
        (
            "stateright",
            "one search in 27824150608332 is expected to overlook a state",
        ),
        ("native", "collisions: none, every state is kept whole"),
    ];
    for (engine, collisions) in engines {
        let output = kaika(&[
            "check",
            "pay",
            "--tier",
            "T2",
            "--engine",
            engine,
            "--threads",
            "1",
        ]);
        assert_eq!(output.status.code(), Some(0), "{engine}");
        assert!(
            told(&output).contains("for 1152 states, 3972 transitions"),
            "{engine}"
        );
        assert!(told(&output).contains(collisions), "{}", told(&output));
    }
    let weak = [
        "check",
        "manage",
        "--weaken",
        "boolean-suspend",
        "--property",
    ];
    let of = |id| kaika(&[&weak[..], &[id]].concat()).status.code();
    assert_eq!((of("P43"), of("P36")), (Some(1), Some(0)));
    assert_eq!(of("P99"), Some(2));
}

/// `kaika attack NAME | head -1`.
#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let line = "\"$0\" attack otp-not-bound | head -1; \"$0\" completions bash | true";
    let run = Command::new("sh")
        .args(["-c", line, env!("CARGO_BIN_EXE_kaika")])
        .output();
    let Ok(output) = run else { panic!("no sh") };
    assert!(told(&output).starts_with("otp-not-bound breaks P05"));
    assert_eq!(complained(&output), "");
}

#[test]
fn json_is_json() {
    for arguments in [
        &["check", "pay", "--json"][..],
        &["check", "pay", "--weaken", "order-not-bound", "--json"],
        &["attack", "atc-unchecked", "--json"],
        &[
            "conform",
            "--subject",
            "reference",
            "--only",
            "system/flow-A",
            "--json",
        ],
    ] {
        let output = kaika(arguments);
        let read: Result<serde_json::Value, _> = serde_json::from_slice(&output.stdout);
        assert!(read.is_ok(), "{arguments:?}: {}", told(&output));
    }
}

#[test]
fn an_attack_is_a_chart() {
    let output = kaika(&["attack", "second-chip"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(told(&output));
}

#[test]
fn errors_say_what_to_do() {
    for (arguments, says) in [
        (
            &["attack", "nonsense"][..],
            "`kaika attack --list` names them all",
        ),
        (
            &["check", "--weaken", "nonsense"],
            "`kaika attack --list` names them all",
        ),
        (
            &["check", "pay", "--bounds", "no-such-file.json"],
            "reading the bounds from no-such-file.json",
        ),
        (
            &["conform", "--subject", "reference", "--only", "nonsense"],
            "no vector is selected",
        ),
        (
            &["conform", "--subject", "reference", "--role", "bank"],
            "the roles with a suite are",
        ),
        (
            &["conform", "--subject", "no-such-file.json"],
            "reading no-such-file.json",
        ),
    ] {
        let output = kaika(arguments);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        assert!(
            complained(&output).contains(says),
            "{}",
            complained(&output)
        );
    }
}

/// A chip has one way to its reader, and a chip in a reader is asked for as such.
#[test]
fn a_chip_has_one_way_to_its_reader() {
    let chip = ["se", "--file", "none.bin", "--keys", "none.json"];
    let ways = [&["--tcp", "127.0.0.1:0", "--vpcd"][..], &[]];
    for way in ways {
        let output = kaika(&[&chip[..], way].concat());
        assert_eq!(output.status.code(), Some(2));
        let text = complained(&output);
        assert!(text.contains("--tcp") && text.contains("--vpcd"), "{text}");
    }
    let reader = ["conform", "--subject", "reference", "--reader", "none"];
    let output = kaika(&reader);
    assert_eq!(output.status.code(), Some(4));
    let text = complained(&output);
    let wanted = if cfg!(feature = "pcsc") {
        "say `--role chip` too"
    } else {
        "build it with `--features pcsc`"
    };
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn the_vectors_are_fresh() {
    let output = kaika(&["vectors", "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
}

#[test]
fn the_reference_passes_a_part_of_each_suite() {
    for part in [
        "issuer/issue/",
        "verifier/issue/",
        "chip/channel/",
        "system/flow-D",
    ] {
        let output = kaika(&["conform", "--subject", "reference", "--only", part]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}{}",
            told(&output),
            complained(&output)
        );
    }
}
