//! What an auditor does at the front door: exports, walks at random, bounds of one's own, counterexamples, the browser.

use std::collections::BTreeSet;
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

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// One transition as a reader of `.aut` sees it.
type Arrow = (u64, String, u64);

/// Reads a number and what stands after it.
fn number(text: &str) -> (u64, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    (digits.parse().unwrap_or(u64::MAX), rest)
}

/// Reads a label in quotes and what stands after it.
fn label(text: &str) -> Option<(String, &str)> {
    let mut label = String::new();
    let mut letters = text.strip_prefix('"')?.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((label, &text[at + 2..])),
            '\\' => label.push(letters.next()?.1),
            letter => label.push(letter),
        }
    }
    None
}

/// The header and the transitions of a `.aut`, read by its grammar alone.
fn aut(text: &str) -> Option<([u64; 3], Vec<Arrow>)> {
    let mut lines = text.lines();
    let head = lines.next()?.strip_prefix("des (")?.strip_suffix(')')?;
    let head: Vec<u64> = head.split(", ").filter_map(|n| n.parse().ok()).collect();
    let arrow = |line: &str| -> Option<Arrow> {
        let (from, rest) = number(line.strip_prefix('(')?);
        let (label, rest) = label(rest.strip_prefix(", ")?)?;
        let (to, rest) = number(rest.strip_prefix(", ")?);
        (rest == ")").then_some((from, label, to))
    };
    let arrows: Option<Vec<Arrow>> = lines.map(arrow).collect();
    Some((head.try_into().ok()?, arrows?))
}

/// What `kaika check` counts: states and transitions.
fn checked(scope: &str, tier: &str) -> (u64, u64) {
    let output = kaika(&["check", scope, "--tier", tier, "--json"]);
    let run = &json(&told(&output))["runs"][0];
    let of = |name: &str| run[name].as_u64().unwrap_or_default();
    (of("states"), of("transitions"))
}

#[test]
fn an_exported_system_is_what_check_counts() {
    for (scope, tier) in [("manage", "T1"), ("pay", "T0"), ("pay", "T2")] {
        let output = kaika(&["export", scope, "--tier", tier, "--format", "aut"]);
        assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
        let Some(([first, transitions, states], arrows)) = aut(&told(&output)) else {
            panic!("{scope} is no .aut: {}", told(&output));
        };
        let lines = kaika(&["export", scope, "--tier", tier, "--format", "json"]);
        let text = told(&lines);
        let lines: Vec<serde_json::Value> = text.lines().map(json).collect();
        let initial = lines[0]["openings"].as_array().map_or(0, Vec::len) as u64;
        // Where there is more than one initial state, one before them.
        let (root, begins) = if initial > 1 { (1, initial) } else { (0, 0) };
        assert_eq!(first, 0);
        assert_eq!(arrows.len() as u64, transitions);
        assert_eq!(checked(scope, tier), (states - root, transitions - begins));
        assert_eq!(lines[0]["states"].as_u64(), Some(states - root));
        assert_eq!(lines[0]["transitions"].as_u64(), Some(transitions - begins));
        assert_eq!(lines.len() as u64, 1 + states + transitions - root - begins);
        // Every state is there and is reached.
        let mut reached = BTreeSet::from([0]);
        for (from, _, to) in &arrows {
            assert!(reached.contains(from), "{scope}: {from} before it is found");
            reached.insert(*to);
        }
        assert_eq!(reached, (0..states).collect());
    }
}

#[test]
fn labels_are_what_charts_say() {
    let output = kaika(&["export", "manage", "--tier", "T1", "--format", "aut"]);
    let Some((_, arrows)) = aut(&told(&output)) else {
        panic!("{}", told(&output))
    };
    let labels: BTreeSet<&str> = arrows.iter().map(|(_, label, _)| label.as_str()).collect();
    insta::assert_debug_snapshot!(labels);
}

/// Every line of a `.dot` is an arrow or a node, and violating states are marked.
#[test]
fn a_dot_marks_what_is_violated() {
    let weak = ["export", "manage", "--weaken", "boolean-suspend"];
    let output = kaika(&[&weak[..], &["--format", "dot"]].concat());
    let text = told(&output);
    assert!(text.starts_with("digraph \"manage\" {\n") && text.ends_with("}\n"));
    assert!(
        text.contains("color=red") && text.contains(": P43"),
        "{text}"
    );
    let sound = kaika(&["export", "manage", "--format", "dot"]);
    assert!(!told(&sound).contains("color=red"));
}

#[test]
fn a_system_that_is_too_large_writes_nothing() {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let file = folder.path().join("pay.aut");
    let name = file.to_string_lossy();
    let ask = ["export", "pay", "--tier", "T2", "--format", "aut", "--out"];
    let output = kaika(&[&ask[..], &[&*name, "--limit", "1151"]].concat());
    assert_eq!(output.status.code(), Some(4));
    assert!(complained(&output).contains("pay has more than 1151 states, and nothing was written"));
    assert_eq!(folder.path().read_dir().map(Iterator::count).ok(), Some(0));
    let output = kaika(&[&ask[..], &[&*name, "--limit", "1152"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    assert!(told(&output).contains("1152 states"), "{}", told(&output));
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(aut(&text).is_some(), "{text}");
    let output = kaika(&[&ask[..], &["no-such-folder/pay.aut"]].concat());
    assert_eq!(output.status.code(), Some(4));
    assert!(complained(&output).contains("writing no-such-folder/pay.aut"));
}

const ATC: &[&str] = &[
    "check",
    "tap",
    "--tier",
    "T1",
    "--weaken",
    "atc-unchecked",
    "--simulate",
    "1",
];

#[test]
fn a_walk_finds_a_weakness_and_finds_it_again_by_its_seed() {
    let output = kaika(&[ATC, &["--seed", "1", "--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", complained(&output));
    let run = &json(&told(&output))["runs"][0];
    assert_eq!(run["violated"][0], "P39", "{run}");
    let finding = &run["counterexamples"][0];
    let seed = finding["seed"].to_string();
    let output = kaika(&[ATC, &["--seed", &seed]].concat());
    let text = told(&output);
    assert!(text.contains(&format!("walk with seed {seed} ")), "{text}");
    assert!(
        text.contains("no proof") && text.contains("cryptogram"),
        "{text}"
    );
}

#[test]
fn a_walk_finds_nothing_where_nothing_is_to_be_found() {
    let walk = [
        "check",
        "tap",
        "--tier",
        "T1",
        "--bounds",
        "deep",
        "--simulate",
        "1",
    ];
    let output = kaika(&walk);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = told(&output);
    assert!(
        text.contains("no proof") && text.contains("bounds: deep"),
        "{text}"
    );
    let output = kaika(&["check", "tap", "--seed", "1"]);
    assert_eq!(output.status.code(), Some(2), "a seed needs a walk");
}

#[test]
fn bounds_are_read_from_a_file_and_said() {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let file = folder.path().join("bounds.json");
    let name = file.to_string_lossy().into_owned();
    let check = |text: &str| {
        assert!(std::fs::write(&file, text).is_ok());
        kaika(&["check", "pay", "--tier", "T0", "--bounds", &name])
    };
    let none = told(&check("{\"losses\": 0, \"timeouts\": 0}"));
    assert!(
        none.contains("bounds: faults 1, crashes 1, openings 2, tears 1, losses 0, timeouts 0")
    );
    let three = told(&check("{\"losses\": 3}"));
    assert!(
        three.contains("losses 3") && three.contains("every property holds"),
        "{three}"
    );
    let usual = told(&check("{}"));
    assert!(
        usual.contains("every property holds for 181 states"),
        "{usual}"
    );
    assert!(usual.contains("bounds: default: "), "{usual}");
    for (text, says) in [
        ("{\"losses\": 8}", "losses is 8"),
        ("{\"rain\": 1}", "no budget rain"),
    ] {
        let output = check(text);
        assert_eq!(output.status.code(), Some(4));
        let error = complained(&output);
        assert!(
            error.contains(says) && error.contains("bounds.json"),
            "{error}"
        );
    }
    let output = kaika(&["check", "pay", "--bounds", "no-such-file"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(complained(&output).contains("reading the bounds from no-such-file"));
}

/// Hops of a counterexample: each says who and to whom, and verdicts say which requirements decide.
#[test]
fn counterexamples_are_hops_with_requirements() {
    let attack = json(&told(&kaika(&["attack", "second-chip", "--json"])));
    let check = [
        "check",
        "provisioning",
        "--tier",
        "T2",
        "--weaken",
        "second-chip",
        "--json",
    ];
    let check = json(&told(&kaika(&check)));
    let examples = check["runs"][0]["counterexamples"].as_array();
    let same = examples.and_then(|all| all.iter().find(|one| one["property"] == "P24"));
    assert_eq!(same.map(|one| &one["hops"]), Some(&attack["hops"]));
    let hops = attack["hops"].as_array().cloned().unwrap_or_default();
    let of = |kind: &str| hops.iter().filter(|hop| hop["kind"] == kind).count();
    assert!(of("message") > 0 && of("verdict") > 0, "{attack}");
    for hop in &hops {
        let ends = hop["kind"] == "event" || hop["from"].is_string() && hop["to"].is_string();
        assert!(
            ends && (hop["message"].is_string() || hop["verdict"].is_string()),
            "{hop}"
        );
    }
    let cites = |hop: &serde_json::Value| {
        hop["requirements"]
            .as_array()
            .is_some_and(|r| !r.is_empty())
    };
    assert!(hops.iter().any(cites), "{attack}");
}

/// One request to a server on loopback; the body of its answer.
fn get(port: u16, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    // A long body comes in chunks.
    Some(body[body.find('[')?..=body.rfind(']')?].to_owned())
}

/// Ends the server whatever the test comes to.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_browser_shows_steps_as_charts_do() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = port.map_or(0, |address| address.port());
    let child = Command::new(env!("CARGO_BIN_EXE_kaika"))
        .args(["explore", "manage", "--tier", "T1", "--listen"])
        .arg(format!("127.0.0.1:{port}"))
        .stdout(std::process::Stdio::null())
        .spawn();
    let _server = child.map(Server).unwrap_or_else(|error| panic!("{error}"));
    let tries = || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        get(port, "/.states/0")
    };
    let Some(body) = (0..200).find_map(|_| tries()) else {
        panic!("the explorer does not answer")
    };
    let steps = json(&body);
    let says = "Alice's phone -> issuer: suspend(user); issuer answers Alice's phone: accepted";
    let steps = steps.as_array().cloned().unwrap_or_default();
    let Some(step) = steps.iter().find(|step| step["action"] == says) else {
        panic!("{steps:?}")
    };
    let svg = step["svg"].as_str().unwrap_or_default();
    assert!(
        svg.contains(">suspend(user)</text>") && svg.contains("answer good"),
        "{svg}"
    );
    assert!(
        step["properties"]
            .as_array()
            .is_some_and(|all| all.len() > 3),
        "{step}"
    );
}

/// Everything that a weakness breaks is what its page in the gallery says.
#[test]
fn all_that_a_weakness_breaks_is_on_its_page() {
    let output = kaika(&["attack", "liveness-before-debit", "--all"]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let text = told(&output);
    let page = std::fs::read_to_string("docs/attacks/liveness-before-debit.md").unwrap_or_default();
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| P") || line.starts_with("| TH"));
    let cells = rows.map(|row| row.split(['|', ' ']).nth(2).unwrap_or_default().to_owned());
    let listed = text.lines().map(|line| {
        line.split_whitespace()
            .nth(2)
            .unwrap_or_default()
            .to_owned()
    });
    let (cells, listed): (Vec<String>, Vec<String>) = (cells.collect(), listed.collect());
    assert!(!cells.is_empty(), "{page}");
    assert_eq!(listed, cells, "{text}");
}
