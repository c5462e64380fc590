//! Seeds that are derived from the conformance vectors, read as plain JSON: fresh, few, and the same every time.
//!
//! `UPDATE=1 cargo test --test seeds` writes `corpus/*/vector-*`. A seed is named by the digest of its bytes; of those
//! with the same shape the first is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kaika_fuzz::chip::{PERSONALISE, ops};
use kaika_fuzz::{bytes, json, tlv};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Most files of one target: a corpus is replayed on every test run.
const SEEDS_MAX: usize = 200;

type Seeds = BTreeSet<Vec<u8>>;

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn suite(name: &str) -> Value {
    let path = home().join(format!("../conformance/vectors/{name}.json"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn object(value: &Value) -> &Map<String, Value> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Messages in bytes, good ones and bad ones.
fn iso8583(suite: &Value) -> Seeds {
    let messages = list(&suite["tests"]).iter();
    messages
        .filter_map(|test| hex::decode(text(test, "bytes")).ok())
        .collect()
}

/// The names of the parts that a test plays, the steps after it included.
fn parts_of(test: &Value) -> Vec<&str> {
    let steps = list(&test["steps"]).iter().chain(list(&test["post"]));
    let parts = steps.filter(|step| text(step, "op") == "do");
    parts
        .map(|step| text(step, "part"))
        .filter(|part| *part != "setup")
        .collect()
}

/// What a part is about: its name without what varies.
fn verb(part: &str) -> &str {
    part.split(['(', '/']).next().unwrap_or(part)
}

/// The tests that hold two verbs in a row which no test before them holds.
fn tests_of_new_shape(suite: &Value) -> Vec<Vec<&str>> {
    let mut seen = BTreeSet::new();
    let fresh = |parts: &Vec<&str>| {
        let before = seen.len();
        seen.extend(
            parts
                .windows(2)
                .map(|two| (verb(two[0]).to_owned(), verb(two[1]).to_owned())),
        );
        seen.len() > before
    };
    list(&suite["tests"])
        .iter()
        .map(parts_of)
        .filter(fresh)
        .collect()
}

/// The literal command of a step.
fn command(step: &Value) -> Option<Vec<u8>> {
    (text(step, "op") == "apdu")
        .then(|| hex::decode(text(step, "command")).ok())
        .flatten()
        .filter(|bytes| !bytes.is_empty())
}

fn apdu_command(suites: &[Value]) -> Seeds {
    let parts = suites
        .iter()
        .flat_map(|suite| object(&suite["parts"]).values());
    parts.flat_map(list).filter_map(command).collect()
}

fn chip_commands(chip: &Value) -> Seeds {
    let seed = |parts: Vec<&str>| {
        let has_token = parts.iter().any(|part| verb(part) == "commit");
        let steps = parts.iter().flat_map(|part| list(&chip["parts"][*part]));
        let frames = steps.filter_map(command).flat_map(|bytes| {
            let length = u8::try_from(bytes.len()).unwrap_or(0);
            [vec![length], bytes].concat()
        });
        [u8::from(!has_token)].into_iter().chain(frames).collect()
    };
    tests_of_new_shape(chip).into_iter().map(seed).collect()
}

fn chip_sequence(chip: &Value) -> Seeds {
    let seed = |parts: Vec<&str>| {
        let steps = parts.iter().flat_map(|part| list(&chip["parts"][*part]));
        steps.flat_map(op_bytes).collect()
    };
    tests_of_new_shape(chip).into_iter().map(seed).collect()
}

/// The channel's plays: what the vectors say in it and over it, once of each kind of play.
fn scp03(chip: &Value) -> Seeds {
    let seed = |parts: Vec<&str>| {
        let steps = parts.iter().flat_map(|part| list(&chip["parts"][*part]));
        let mut version = 0;
        steps
            .flat_map(|step| channel_op(step, &mut version))
            .collect()
    };
    let plays = tests_of_new_shape(chip).into_iter().map(seed);
    plays.filter(|play: &Vec<u8>| !play.is_empty()).collect()
}

/// An op of `scp03` that does as this step. `version` is the place of the key version that was asked for last.
fn channel_op(step: &Value, version: &mut u8) -> Vec<u8> {
    let fault = match text(step, "fault") {
        "mac" => [163, 1],
        _ => [0; 2],
    };
    match (text(step, "op"), text(step, "fault")) {
        ("power", _) => vec![0],
        ("challenge", _) => {
            *version = match text(step, "version") {
                "31" => 1,
                "32" => 2,
                _ => 0,
            };
            Vec::new()
        }
        ("authenticate", fault) => {
            let levels = ["01", "03", "11", "13", "33"];
            let level = levels
                .iter()
                .position(|level| *level == text(step, "level"));
            let how = match fault {
                "cryptogram" => 160,
                "mac" => 161,
                _ => 0,
            };
            vec![
                2,
                *version,
                u8::try_from(level.unwrap_or(1)).unwrap_or(1),
                how,
            ]
        }
        ("secure", _) => {
            let data = hex::decode(text(step, "data")).unwrap_or_default();
            // The AID of slot n ends in n.
            let slot = data.last().map_or(0, |n| n.saturating_sub(1) % 4);
            let [op, arg] = match &text(step, "header")[2..] {
                "e28000" => [4, 1],
                "e20000" => [6, 1],
                "e28001" => [7, 0],
                "f0400f" => [8, 0],
                "f04001" => [10, 0],
                "f04080" => [11, 2 * slot],
                "f04000" => [11, 2 * slot + 1],
                "e40000" => [12, slot],
                _ => [13, 0],
            };
            let length = if fault[0] == 0 { 1 } else { 2 };
            [&[op, arg], &fault[..length]].concat()
        }
        _ => Vec::new(),
    }
}

/// Commands and objects, as they are, behind the byte that says raw.
fn peers(suites: &[Value; 2]) -> Seeds {
    let commands = apdu_command(suites).into_iter();
    let raw = commands.map(|command| [&[0], &command[..]].concat());
    raw.chain(ber_tlv(&suites[0])).collect()
}

/// An op that reads as this step, or as near as the byte-code comes.
fn op_bytes(step: &Value) -> Vec<u8> {
    let level = || u8::from_str_radix(text(step, "level"), 16).unwrap_or(3);
    let version = || u8::from_str_radix(text(step, "version"), 16).unwrap_or(0x30);
    match (text(step, "op"), text(step, "fault")) {
        ("power", _) => vec![0],
        ("challenge", _) => vec![7, version(), 8],
        ("authenticate", "cryptogram") => vec![9, level(), 1],
        ("authenticate", "mac") => vec![9, level(), 2],
        ("authenticate", _) => vec![9, level(), 0],
        ("secure", "mac") => vec![20, 0, 7],
        ("secure", _) => secured(text(step, "header"), text(step, "data")),
        ("apdu", _) => command(step).map_or_else(|| vec![22, 0], |bytes| plain(&bytes)),
        _ => Vec::new(),
    }
}

/// The shortest op whose command has the same header and length, or the bytes themselves.
fn plain(command: &[u8]) -> Vec<u8> {
    let known = [2, 3, 4, 16, 17, 18, 19].into_iter().flat_map(|op| {
        (0..5).flat_map(move |first| (0..2).map(move |second| vec![op, first, second, 5]))
    });
    let alike = |bytes: &[u8]| match ops::read(&mut bytes::Reader::new(bytes)) {
        ops::Op::Plain(made) => {
            let exact = made[1] == 0xA4 || made[1] == 0xB2;
            made.len() == command.len() && made[..5] == command[..5] && (!exact || made == command)
        }
        _ => false,
    };
    let raw = || [&[20, 1, u8::try_from(command.len()).unwrap_or(0)], command].concat();
    let found = known
        .into_iter()
        .find(|bytes| command.len() >= 5 && alike(bytes));
    found.map_or_else(raw, |bytes| bytes[..1 + operands(bytes[0])].to_vec())
}

/// How many bytes such an op reads after its first.
fn operands(op: u8) -> usize {
    match op {
        2 => 0,
        18 => 3,
        _ => 1,
    }
}

/// A command in the channel, with an answer asked for.
fn secured(header: &str, data: &str) -> Vec<u8> {
    let header = hex::decode(header).unwrap_or_default();
    let [_, ins, p1, p2] = header[..] else {
        return Vec::new();
    };
    let Some(data) = hex::decode(data).ok().filter(|data| !data.is_empty()) else {
        // A piece of a template: the first, or what is left.
        return vec![11 + ops::OPS, 7, u8::from(p1 != 0), p2 % 4, 48];
    };
    let place = |bytes: &[u8], byte| bytes.iter().position(|known| *known == byte).unwrap_or(0);
    let number = |place| u8::try_from(place).unwrap_or(0);
    let head = [
        21 + ops::OPS,
        number(place(&[0xE2, 0xF0, 0xE4, 0xF2], ins)),
        0,
        number(place(&[0x40, 0x00, 0x80], p1)),
        number(place(&[0x0F, 0x80, 0x00, 0x02, 0x01], p2)),
        number(data.len()),
    ];
    [&head[..], &data].concat()
}

/// Every literal in the vectors that the naive reader takes for objects, behind the byte that says raw; of one shape once.
fn ber_tlv(chip: &Value) -> Seeds {
    let mut literals = Vec::new();
    strings(&chip["parts"], &mut literals);
    let mut seen = BTreeSet::new();
    let mut seeds = Seeds::new();
    for bytes in literals
        .iter()
        .filter_map(|literal| hex::decode(literal).ok())
    {
        // A literal may be the objects, or a command whose data they are.
        for objects in [
            bytes.get(5..bytes.len().saturating_sub(1)),
            Some(&bytes[..]),
        ]
        .into_iter()
        .flatten()
        {
            let (walk, good) = tlv::naive(objects);
            let shape: Vec<_> = walk
                .iter()
                .map(|(level, tag, value)| (*level, *tag, value.len()))
                .collect();
            if good && !walk.is_empty() && seen.insert(shape) {
                seeds.insert([&[0], objects].concat());
            }
        }
    }
    seeds
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, found)),
        _ => {}
    }
}

/// What stands for a value that only a run of the vectors would know: by its field, from the seeds made by hand.
struct StandIns {
    by_field: BTreeMap<String, Value>,
    lets: BTreeMap<String, Value>,
}

impl StandIns {
    fn new(suites: &[Value]) -> Self {
        let mut by_field = BTreeMap::new();
        for bytes in by_hand("wire_json") {
            let seed = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            fields(&seed, &mut |key, value| {
                by_field
                    .entry(key.to_owned())
                    .or_insert_with(|| value.clone());
            });
        }
        let mut lets = BTreeMap::new();
        for suite in suites {
            for step in object(&suite["parts"])
                .values()
                .flat_map(list)
                .filter(|step| text(step, "op") == "let")
            {
                lets.entry(text(step, "as").to_owned())
                    .or_insert_with(|| step["value"].clone());
            }
        }
        Self { by_field, lets }
    }

    /// `value` without anything that is to be computed. `depth` bounds names that stand for names.
    fn plain(&self, field: &str, value: &Value, depth: u8) -> Value {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| self.plain(field, item, depth))
                .collect(),
            Value::Object(fields) if fields.keys().any(|key| key.starts_with('$')) => {
                self.computed(field, fields, depth)
            }
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), self.plain(key, value, depth)))
                .collect(),
            other => other.clone(),
        }
    }

    fn computed(&self, field: &str, how: &Map<String, Value>, depth: u8) -> Value {
        if let Some(value) = self.by_field.get(field) {
            return value.clone();
        }
        let fresh = &how.get("$fresh");
        if let Some((kind, length)) = fresh.map(|fresh| (text(fresh, "type"), &fresh["len"])) {
            let length = length
                .as_u64()
                .and_then(|length| length.try_into().ok())
                .unwrap_or(0);
            return json!(if kind == "digits" {
                "1".repeat(length)
            } else {
                "ab".repeat(length)
            });
        }
        let named = how
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|name| self.lets.get(name));
        match named.filter(|_| depth > 0) {
            Some(value) => self.plain(field, value, depth - 1),
            None => json!(1),
        }
    }
}

fn fields(value: &Value, seen: &mut impl FnMut(&str, &Value)) {
    for (key, field) in value.as_object().into_iter().flatten() {
        seen(key, field);
        fields(field, seen);
    }
    list(value).iter().for_each(|item| fields(item, seen));
}

/// The body of every request in the vectors; of one shape once.
fn wire_json(suites: &[Value]) -> Seeds {
    let stand_ins = StandIns::new(suites);
    let mut seen = BTreeSet::new();
    let steps = suites
        .iter()
        .flat_map(|suite| object(&suite["parts"]).values())
        .flat_map(list);
    let bodies = steps
        .filter(|step| text(step, "op") == "send")
        .map(|step| stand_ins.plain("", &step["body"], 4));
    bodies
        .filter(|body| body.is_object() && seen.insert(shape(body)))
        .map(|body| body.to_string().into_bytes())
        .collect()
}

/// Which fields, of which kinds, and who reads it.
fn shape(body: &Value) -> String {
    let mut kinds = BTreeSet::new();
    fields(body, &mut |key, value| {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "text",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        };
        kinds.insert(format!("{key} {kind}"));
    });
    let bytes = body.to_string().into_bytes();
    let readers: Vec<_> = json::READERS
        .iter()
        .filter(|(_, read)| read(&bytes).is_some())
        .map(|(name, _)| *name)
        .collect();
    format!("{kinds:?} {readers:?}")
}

fn folder(target: &str) -> PathBuf {
    home().join("corpus").join(target)
}

fn files(target: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder(target))
        .map(Iterator::flatten)
        .into_iter()
        .flatten();
    entries
        .filter_map(|entry| {
            Some((
                entry.file_name().into_string().ok()?,
                fs::read(entry.path()).ok()?,
            ))
        })
        .collect()
}

fn by_hand(target: &str) -> Vec<Vec<u8>> {
    files(target)
        .into_iter()
        .filter(|(name, _)| !name.starts_with("vector-"))
        .map(|(_, bytes)| bytes)
        .collect()
}

fn named(seeds: &Seeds) -> BTreeMap<String, Vec<u8>> {
    let name = |bytes: &Vec<u8>| format!("vector-{}", &hex::encode(Sha256::digest(bytes))[..12]);
    seeds
        .iter()
        .map(|bytes| (name(bytes), bytes.clone()))
        .collect()
}

fn write(target: &str, wanted: &BTreeMap<String, Vec<u8>>) {
    for old in files(target)
        .keys()
        .filter(|name| name.starts_with("vector-"))
    {
        let _ = fs::remove_file(folder(target).join(old));
    }
    for (name, bytes) in wanted {
        let path = folder(target).join(name);
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn the_seeds_are_what_the_vectors_say() {
    let [chip, issuer, verifier, system] = ["chip", "issuer", "verifier", "system"].map(suite);
    let all = [
        (
            "apdu_command",
            apdu_command(&[chip.clone(), system.clone()]),
        ),
        ("chip_commands", chip_commands(&chip)),
        ("chip_sequence", chip_sequence(&chip)),
        ("ber_tlv", ber_tlv(&chip)),
        ("peers", peers(&[chip.clone(), system.clone()])),
        ("scp03", scp03(&chip)),
        ("wire_json", wire_json(&[issuer, verifier, system])),
        ("iso8583", iso8583(&suite("hand/iso8583"))),
    ];
    for (target, seeds) in all {
        assert!(
            (2..=SEEDS_MAX).contains(&seeds.len()),
            "{target}: {} seeds",
            seeds.len()
        );
        let wanted = named(&seeds);
        if std::env::var_os("UPDATE").is_some() {
            write(target, &wanted);
        }
        let mut found = files(target);
        found.retain(|name, _| name.starts_with("vector-"));
        assert!(
            found == wanted,
            "corpus/{target} is stale; UPDATE=1 cargo test --test seeds writes it"
        );
    }
}

/// A vector that personalises and pays becomes a play in which the chip does both.
#[test]
fn a_derived_play_reads_as_its_test() {
    let select = hex::decode("00a4040008f04b41494b41010100").unwrap_or_default();
    assert_eq!(plain(&select), [3, 0]);
    assert_eq!(secured("84f0400f", "4f00"), [44, 1, 0, 0, 0, 2, 0x4F, 0x00]);
    let mut reader = bytes::Reader::new(&PERSONALISE);
    assert!(matches!(ops::read(&mut reader), ops::Op::Plain(_)));
    let made = secured("84e28001", "ffffff");
    let ops::Op::Managed {
        header, data, le, ..
    } = ops::read(&mut bytes::Reader::new(&made))
    else {
        panic!("not managed")
    };
    assert_eq!(
        (header, data, le),
        ([0x84, 0xE2, 0x80, 0x01], vec![0xFF; 3], true)
    );
}
