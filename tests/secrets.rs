//! No secret leaves: the whole way over real processes and sockets, with an ear at every wire, every log and every output.
//!
//! [`leaks`] is the search; the last part of the test plants every secret in every place and wants each one found.

mod logs;
mod ports;

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ports::free;
use serde_json::Value;

const KAIKA: &str = env!("CARGO_BIN_EXE_kaika");
const PASSWORD: &str = "correct horse battery staple";
const WRONG_PASSWORD: &str = "incorrect horse battery staple";

/// What was heard, by place; one entry for each direction of each connection.
type Heard = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let Ok(listener) = TcpListener::bind("127.0.0.1:0") else {
        panic!("no port")
    };
    let Ok(address) = listener.local_addr() else {
        panic!("no address")
    };
    (listener, address)
}

/// An ear on the wire to `target`: whoever connects to the returned address talks to it and is heard.
fn ear(place: &'static str, target: SocketAddr, heard: &Heard) -> SocketAddr {
    let (listener, address) = listener();
    let heard = Arc::clone(heard);
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(target) else {
                continue;
            };
            for (from, to) in [(&near, &far), (&far, &near)] {
                let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
                    panic!("no copy of a socket")
                };
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || carry(place, from, to, &heard));
            }
        }
    });
    address
}

fn carry(place: &str, mut from: TcpStream, mut to: TcpStream, heard: &Heard) {
    let mine = {
        let mut all = heard.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((place.to_owned(), vec![]));
        all.len() - 1
    };
    let mut buffer = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut all = heard.lock().unwrap_or_else(PoisonError::into_inner);
        all[mine].1.extend_from_slice(&buffer[..count]);
        drop(all);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn write(path: &Path, text: &str) -> String {
    assert!(std::fs::write(path, text).is_ok());
    path.display().to_string()
}

/// Starts a server whose output goes to a file, and waits until it listens.
fn start(data: &Path, name: &str, at: SocketAddr, line: &str) -> Running {
    let (out, err) = (
        std::fs::File::create(data.join(format!("{name}.out"))),
        std::fs::File::create(data.join(format!("{name}.err"))),
    );
    let (Ok(out), Ok(err)) = (out, err) else {
        panic!("no file")
    };
    let child = Command::new(KAIKA)
        .args(line.split_whitespace())
        .stdout(out)
        .stderr(err)
        .spawn();
    let Ok(child) = child else {
        panic!("no {line}")
    };
    let running = Running(child);
    let until = Instant::now() + Duration::from_secs(60);
    let enrolled = || {
        let told = std::fs::read_to_string(data.join(format!("{name}.err"))).unwrap_or_default();
        !line.contains("--enrol") || told.contains(": enrolled")
    };
    while TcpStream::connect(at).is_err() || !enrolled() {
        assert!(Instant::now() < until, "{line} did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

/// Runs a command to its end; what it says is heard.
fn run(place: &str, line: &str, name: &str, heard: &Heard) -> Option<i32> {
    let mut command = Command::new(KAIKA);
    command.args(line.split_whitespace()).stdin(Stdio::null());
    if !name.is_empty() {
        command.args(["--name", name]);
    }
    let Ok(output) = command.output() else {
        panic!("no {line}")
    };
    let mut all = heard.lock().unwrap_or_else(PoisonError::into_inner);
    all.push((place.to_owned(), output.stdout));
    all.push((place.to_owned(), output.stderr));
    output.status.code()
}

/// Something that may be heard only in some places, in all the forms it could take.
struct Secret {
    what: &'static str,
    forms: Vec<Vec<u8>>,
    allowed: &'static [&'static str],
    /// Whether it is a word: a run of digits inside a longer one is another thing.
    word: bool,
}

impl Secret {
    fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| {
            let hits = bytes
                .windows(form.len())
                .enumerate()
                .filter(|(_, window)| window == form);
            let mut hits = hits.map(|(place, _)| place);
            hits.any(|place| !self.word || alone(bytes, place, form.len()))
        })
    }
}

fn alone(bytes: &[u8], place: usize, length: usize) -> bool {
    let before = place.checked_sub(1).and_then(|before| bytes.get(before));
    let after = bytes.get(place + length);
    [before, after]
        .into_iter()
        .flatten()
        .all(|byte| !byte.is_ascii_alphanumeric())
}

/// Which secrets are where they may not be.
fn leaks(secrets: &[Secret], heard: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, bytes) in heard {
        let wrong = secrets
            .iter()
            .filter(|secret| !secret.allowed.contains(&place.as_str()));
        found.extend(
            wrong
                .filter(|secret| secret.is_in(bytes))
                .map(|secret| format!("{} at {place}", secret.what)),
        );
    }
    found
}

/// Every run in `bytes` that starts with `prefix`, has `length` bytes and all of `kind`.
fn runs(bytes: &[u8], prefix: &[u8], length: usize, kind: fn(&u8) -> bool) -> Vec<Vec<u8>> {
    let fits = |window: &&[u8]| window.starts_with(prefix) && window.iter().all(kind);
    let mut found: Vec<Vec<u8>> = bytes
        .windows(length)
        .filter(fits)
        .map(<[u8]>::to_vec)
        .collect();
    found.sort();
    found.dedup();
    found
}

fn of(heard: &[(String, Vec<u8>)], place: &str) -> Vec<u8> {
    heard
        .iter()
        .filter(|(other, _)| other == place)
        .flat_map(|(_, bytes)| [bytes, b"\n".as_slice()].concat())
        .collect()
}

/// The bytes, as hex text and, when they are digits, two in a byte.
fn forms(text: &[u8]) -> Vec<Vec<u8>> {
    let hexed = hex::encode(text);
    let packed = std::str::from_utf8(text)
        .ok()
        .and_then(|text| hex::decode(text).ok());
    [
        Some(text.to_vec()),
        Some(hexed.clone().into_bytes()),
        Some(hexed.to_uppercase().into_bytes()),
        packed,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn secrets(data: &Path, heard: &[(String, Vec<u8>)]) -> Vec<Secret> {
    let read = |name: &str| std::fs::read(data.join(name)).unwrap_or_default();
    let mut all = Vec::new();
    let mut add = |what, texts: Vec<Vec<u8>>, least: usize, allowed, word| {
        assert!(texts.len() >= least, "{} of {what}", texts.len());
        all.extend(texts.into_iter().map(|text| Secret {
            what,
            forms: forms(&text),
            allowed,
            word,
        }));
    };
    add(
        "a PAN",
        // The digits that every PAN begins with: nobody but the issuer's vault has a whole one to look for.
        vec![b"62880000".to_vec()],
        1,
        &[],
        false,
    );
    let agreement = |byte: &u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(byte);
    let told = of(heard, "verifier-issuer");
    let agreements = runs(&told, b"\"A", 22, |byte| {
        *byte == b'"' || byte.is_ascii_uppercase() || byte.is_ascii_digit()
    });
    let agreements = agreements
        .into_iter()
        .map(|text| text[1..].to_vec())
        .filter(|text| text.iter().all(agreement));
    add(
        "an agreement",
        agreements.collect(),
        2,
        &["verifier-issuer"],
        false,
    );
    let text = String::from_utf8_lossy(&of(heard, "verifier-sms")).into_owned();
    let codes = text
        .match_indices(" is your code")
        .filter_map(|(end, _)| text.get(end.checked_sub(6)?..end));
    let codes = codes.map(|code| code.as_bytes().to_vec()).collect();
    add(
        "a one-time code",
        codes,
        1,
        &["verifier-sms", "terminal-sms", "terminal-verifier"],
        true,
    );
    let keys: Value = serde_json::from_slice(&read("keys.json")).unwrap_or_default();
    let keys = keys
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, key)| key.as_str());
    add(
        "a key",
        keys.map(|key| key.as_bytes().to_vec()).collect(),
        10,
        &[],
        false,
    );
    let sessions = ["meimei.json", "bo.json"].map(|name| {
        let state: Value = serde_json::from_slice(&read(name)).unwrap_or_default();
        state["session_key"]
            .as_str()
            .unwrap_or_default()
            .as_bytes()
            .to_vec()
    });
    assert!(sessions.iter().all(|key| key.len() == 64));
    add("a session key", sessions.to_vec(), 2, &[], false);
    add(
        "a password",
        vec![PASSWORD.into(), WRONG_PASSWORD.into()],
        2,
        &[],
        false,
    );
    all
}

#[test]
fn no_secret_leaves() {
    let Ok(dir) = tempfile::tempdir() else {
        panic!("no directory")
    };
    let (data, heard) = (dir.path(), Heard::default());
    let (sms, identity, issuer, pos, verifier, chip) =
        (free(), free(), free(), free(), free(), free());
    let hear = |place, target| ear(place, target, &heard);
    let common = format!(
        "--data {} --enrol {}/tests/people.json",
        data.display(),
        env!("CARGO_MANIFEST_DIR")
    );
    let issuer_line = format!(
        "serve issuer --listen {issuer} --pos {pos} --identity http://{} {common}",
        hear("issuer-identity", identity)
    );
    let verifier_line = format!(
        "serve verifier --listen {verifier} --issuer http://{} --identity http://{} --sms http://{} {common}",
        hear("verifier-issuer", issuer),
        hear("verifier-identity", identity),
        hear("verifier-sms", sms)
    );
    let chip_line = format!(
        "se --tcp {chip} --file {0}/chip.bin --keys {0}/keys.json --events {0}/chip.ndjson",
        data.display()
    );
    let servers = [
        start(
            data,
            "sms",
            sms,
            &format!(
                "serve sms --listen {sms} --events {}/sms.ndjson",
                data.display()
            ),
        ),
        start(
            data,
            "identity",
            identity,
            &format!("serve identity --listen {identity} {common}"),
        ),
        start(data, "issuer", issuer, &issuer_line),
        start(data, "verifier", verifier, &verifier_line),
        start(data, "chip", chip, &chip_line),
    ];
    way(
        data,
        &heard,
        [
            hear("terminal-verifier", verifier),
            hear("terminal-sms", sms),
            hear("chip", chip),
            hear("pos-issuer", pos),
            hear("operator-issuer", issuer),
        ],
    );
    drop(servers);
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for role in ["sms", "identity", "issuer", "verifier", "chip"] {
        for kind in ["out", "err", "ndjson"] {
            // What the gateway shows is the phone's own screen.
            let place = if role == "sms" && kind != "ndjson" {
                "terminal-sms".to_owned()
            } else {
                format!("{role}.{kind}")
            };
            heard.push((
                place,
                std::fs::read(data.join(format!("{role}.{kind}"))).unwrap_or_default(),
            ));
        }
    }
    for role in ["terminal", "pos"] {
        let log = std::fs::read(data.join(format!("{role}.ndjson")));
        heard.push((format!("{role}.ndjson"), log.unwrap_or_default()));
    }
    for place in [
        "verifier-issuer",
        "verifier-identity",
        "verifier-sms",
        "issuer-identity",
        "terminal-verifier",
        "terminal-sms",
        "chip",
        "pos-issuer",
        "issuer.ndjson",
        "verifier.ndjson",
        "identity.ndjson",
        "sms.ndjson",
        "chip.ndjson",
        "terminal.ndjson",
        "pos.ndjson",
        "pay",
    ] {
        assert!(
            !of(&heard, place).trim_ascii().is_empty(),
            "nothing was heard at {place}"
        );
    }
    let secrets = secrets(data, &heard);
    for file in ["issuer.db", "issuer.db-wal"] {
        let stored = std::fs::read(data.join(file)).unwrap_or_default();
        let hexed = hex::encode("62880000");
        let pans = [
            runs(&stored, b"62880000", 16, u8::is_ascii_digit),
            runs(&stored, hexed.as_bytes(), 32, u8::is_ascii_hexdigit),
        ];
        assert_eq!(pans.concat(), Vec::<Vec<u8>>::new(), "{file}");
    }
    assert_eq!(leaks(&secrets, &heard), Vec::<String>::new());
    tokens_are_in_no_log(&heard);
    logs::conform(
        data,
        &[
            "terminal", "chip", "verifier", "issuer", "identity", "pos", "sms",
        ],
    );
    planted_secrets_are_found(&secrets, &heard);
}

//= spec/92-log.md#log-6-no-secret-is-in-a-log
//= type=test
//# An event MUST NOT hold a password, a one-time code, a PIN, a key, a PAN, a token's digits, an agreement, a picture, a score, or a digest by which one of them could be found by guessing.
/// A token is no secret on the way to the issuer; in a log it would be one too many. Nor is there an id of it alone: nobody finds
/// the digits of a token by trying them.
fn tokens_are_in_no_log(heard: &[(String, Vec<u8>)]) {
    let taps = of(heard, "pos-issuer");
    let tokens = runs(&taps, b"62990000", 16, u8::is_ascii_digit);
    assert!(!tokens.is_empty(), "no token was on the wire");
    let codes = of(heard, "verifier-sms");
    let text = String::from_utf8_lossy(&codes).into_owned();
    let codes = text
        .match_indices(" is your code")
        .filter_map(|(end, _)| text.get(end.checked_sub(6)?..end));
    let guessed: Vec<Vec<u8>> = tokens
        .iter()
        .cloned()
        .chain(codes.map(|code| code.as_bytes().to_vec()))
        .collect();
    for (place, log) in heard.iter().filter(|(place, _)| place.ends_with(".ndjson")) {
        let found = |bytes: &[u8]| log.windows(bytes.len()).any(|window| window == bytes);
        for secret in &guessed {
            let mut sha = String::new();
            for byte in kaika_crypto::digest::sha256(&[secret]).iter().take(8) {
                sha += &format!("{byte:02x}");
            }
            assert!(
                !found(sha.as_bytes()),
                "the digest of a secret is at {place}"
            );
        }
        assert!(
            !tokens.iter().any(|token| found(token)),
            "a token is at {place}"
        );
    }
}

/// The four flows and what goes wrong in them.
fn way(data: &Path, heard: &Heard, [verifier, sms, chip, pos, issuer]: [SocketAddr; 5]) {
    let password = write(&data.join("password"), PASSWORD);
    let wrong = write(&data.join("wrong"), WRONG_PASSWORD);
    let picture = write(
        &data.join("picture"),
        "face: face-of-bo\nname: Li Bo\nid_no: 110101199202022345\n",
    );
    let apply = |account: &str, id_no: &str, password: &str| {
        format!(
            "apply --verifier http://{verifier} --chip {chip} --account {account} --password-file {password} --id-no {id_no} --id-valid-to 2040-01-01 --state {0}/{account}.json --events {0}/terminal.ndjson",
            data.display()
        )
    };
    let frames = ["blink", "nod", "open-mouth", "turn-left", "turn-right"]
        .map(|action| format!(" --frame {action}={picture}"))
        .concat();
    let line = apply("meimei", "110101199001011234", &wrong);
    assert_eq!(
        run("apply", &line, "Han Meimei", heard),
        Some(1),
        "a wrong password"
    );
    let line = format!(
        "{} --sms http://{sms} --phone +8613800000001",
        apply("meimei", "110101199001011234", &password)
    );
    assert_eq!(run("apply", &line, "Han Meimei", heard), Some(0));
    let line = format!(
        "{} --front {picture} --back {picture}{frames}",
        apply("bo", "110101199202022345", &password)
    );
    assert_eq!(run("apply", &line, "Li Bo", heard), Some(0));
    let told = of(
        &heard.lock().unwrap_or_else(PoisonError::into_inner),
        "apply",
    );
    let told = String::from_utf8_lossy(&told).into_owned();
    let card = told
        .split("ready: card ")
        .nth(1)
        .and_then(|rest| rest.get(..21))
        .unwrap_or_default();
    for (amount, code) in [(1_250, 0), (9_999_999, 1)] {
        let line = format!(
            "pay --verifier http://{verifier} --chip {chip} --account meimei --password-file {password} --card {card} --payee book-shop --amount-minor {amount} --events {}/terminal.ndjson",
            data.display()
        );
        assert_eq!(run("pay", &line, "", heard), Some(code), "{amount}");
    }
    let operator = format!(
        "vault --keys {}/keys.json --issuer http://{issuer}",
        data.display()
    );
    for work in [format!("replace {card}"), "rotate".into(), "rotate".into()] {
        let line = format!("{operator} {work}");
        assert_eq!(run("vault", &line, "", heard), Some(0), "{work}");
    }
    let nobody = format!("{operator} replace CAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(run("vault", &nobody, "", heard), Some(1));
    for (amount, code) in [(700, 0), (200_000, 1)] {
        let line = format!(
            "tap --issuer {pos} --chip {chip} --data {} --amount-minor {amount}",
            data.display()
        );
        assert_eq!(run("tap", &line, "", heard), Some(code), "{amount}");
    }
}

/// The search would notice: every secret in every form at every place where it may not be.
fn planted_secrets_are_found(secrets: &[Secret], heard: &[(String, Vec<u8>)]) {
    let mut places: Vec<&str> = heard.iter().map(|(place, _)| place.as_str()).collect();
    places.sort_unstable();
    places.dedup();
    for secret in secrets {
        for place in places
            .iter()
            .filter(|place| !secret.allowed.contains(place))
        {
            for form in &secret.forms {
                let said = [b"{\"detail\":\"", form.as_slice(), b"\"}"].concat();
                let found = leaks(secrets, &[((*place).to_owned(), said)]);
                assert!(
                    found.contains(&format!("{} at {place}", secret.what)),
                    "{} at {place} is not noticed",
                    secret.what
                );
            }
        }
    }
}
