//! The real binary: servers that are killed in the middle of a card request, answers that survive it, refusals by hand.
//!
//! [`Town`] runs each role as a process of its own; [`Town::kill`] is kill -9.

mod logs;
mod ports;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ports::free;
use serde_json::{Value, json};

const KAIKA: &str = env!("CARGO_BIN_EXE_kaika");

/// A process and where it listens.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody who applies.
struct Who {
    account: &'static str,
    name: &'static str,
    id_no: &'static str,
}

/// A customer of the issuer.
const MEIMEI: Who = Who {
    account: "meimei",
    name: "Han Meimei",
    id_no: "110101199001011234",
};

/// Somebody who has no card yet.
const BO: Who = Who {
    account: "bo",
    name: "Li Bo",
    id_no: "110101199202022345",
};

struct Town {
    dir: tempfile::TempDir,
    sms: Running,
    identity: Running,
    issuer: Running,
    pos: SocketAddr,
    verifier: Running,
    chip: Running,
}

/// Starts a process and waits until it says where it listens; with people to enrol, until it has.
fn start(address: SocketAddr, arguments: &[String]) -> Running {
    let spawned = Command::new(KAIKA)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        panic!("no {arguments:?}")
    };
    let Some(errors) = child.stderr.take() else {
        panic!("no standard error")
    };
    let wanted = if arguments.iter().any(|argument| argument == "--enrol") {
        ": enrolled"
    } else {
        " at "
    };
    let mut lines = BufReader::new(errors).lines();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| {
        line.ends_with(wanted)
            || line.contains(&format!("{wanted}http"))
            || line.contains(&format!("{wanted}{address}"))
    });
    assert!(ready, "{arguments:?} did not start");
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Running { child, address }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

impl Drop for Town {
    /// Whatever a test did, the logs of what its processes decided conform.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            logs::conform(self.dir.path(), &["verifier", "issuer"]);
        }
    }
}

impl Town {
    fn start() -> Self {
        let Ok(dir) = tempfile::tempdir() else {
            panic!("no directory")
        };
        let (sms, identity, issuer, pos, verifier, chip) =
            (free(), free(), free(), free(), free(), free());
        let data = dir.path().display().to_string();
        let people = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/people.json");
        let common = format!(
            "--data {data} --enrol {people} --issuer http://{issuer} --identity http://{identity} --sms http://{sms}"
        );
        assert!(
            std::fs::write(
                dir.path().join("password"),
                "correct horse battery staple\n"
            )
            .is_ok()
        );
        Self {
            sms: start(
                sms,
                &words(&format!(
                    "serve sms --listen {sms} --events {data}/sms.ndjson"
                )),
            ),
            identity: start(
                identity,
                &words(&format!("serve identity --listen {identity} {common}")),
            ),
            issuer: start(
                issuer,
                &words(&format!(
                    "serve issuer --listen {issuer} --pos {pos} {common}"
                )),
            ),
            pos,
            verifier: start(
                verifier,
                &words(&format!("serve verifier --listen {verifier} {common}")),
            ),
            chip: start(
                chip,
                &words(&format!(
                    "se --tcp {chip} --file {data}/chip.bin --keys {data}/keys.json --events {data}/chip.ndjson"
                )),
            ),
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Kills a server without a word and starts it again on the same store.
    fn kill(&mut self, role: &str) {
        let data = self.dir.path().display().to_string();
        let (sms, identity, issuer) =
            (self.sms.address, self.identity.address, self.issuer.address);
        let common = format!(
            "--data {data} --issuer http://{issuer} --identity http://{identity} --sms http://{sms}"
        );
        let (slot, line) = match role {
            "identity" => (
                &mut self.identity,
                format!("serve identity --listen {identity} {common}"),
            ),
            "issuer" => (
                &mut self.issuer,
                format!("serve issuer --listen {issuer} --pos {} {common}", self.pos),
            ),
            "verifier" => (&mut self.verifier, String::new()),
            _ => (&mut self.chip, String::new()),
        };
        let address = slot.address;
        let line = match role {
            "verifier" => format!("serve verifier --listen {address} {common}"),
            "chip" => format!(
                "se --tcp {address} --file {data}/chip.bin --keys {data}/keys.json --events {data}/chip.ndjson"
            ),
            _ => line,
        };
        let _ = slot.child.kill();
        let _ = slot.child.wait();
        *slot = start(address, &words(&line));
    }

    fn run(&self, line: &str) -> Output {
        match Command::new(KAIKA)
            .args(words(line))
            .stdin(Stdio::null())
            .output()
        {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    /// The command line of a card request; `extra` is appended.
    fn applying(&self, who: &Who, extra: &str) -> Command {
        let line = format!(
            "apply --json --verifier http://{} --chip {} --account {} --password-file {} --id-no {} --id-valid-to 2040-01-01 --state {} --events {} {extra}",
            self.verifier.address,
            self.chip.address,
            who.account,
            self.path("password").display(),
            who.id_no,
            self.path("state.json").display(),
            self.path("terminal.ndjson").display(),
        );
        let mut command = Command::new(KAIKA);
        command.args(words(&line)).args(["--name", who.name]);
        command
    }

    fn apply_as(&self, who: &Who, extra: &str) -> (Option<i32>, Value) {
        let Ok(output) = self.applying(who, extra).stdin(Stdio::null()).output() else {
            panic!("no output")
        };
        (
            output.status.code(),
            serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        )
    }

    /// Applies as Meimei.
    fn apply(&self, extra: &str) -> (Option<i32>, Value) {
        self.apply_as(&MEIMEI, extra)
    }

    fn kill_everybody(&mut self) {
        for role in ["identity", "issuer", "chip", "verifier"] {
            self.kill(role);
        }
    }

    fn gateway(&self) -> String {
        format!("--sms http://{} --phone +8613800000001", self.sms.address)
    }

    /// The command line of a payment at the verifier or on the way to it.
    fn paying(&self, verifier: SocketAddr, card: &str, amount: u64) -> String {
        format!(
            "pay --json --verifier http://{verifier} --chip {} --account meimei --password-file {} --card {card} --payee book-shop --amount-minor {amount} --events {}",
            self.chip.address,
            self.path("password").display(),
            self.path("terminal.ndjson").display()
        )
    }

    fn pay(&self, card: &str, amount: u64) -> (Option<i32>, Value) {
        self.pays(&self.paying(self.verifier.address, card, amount))
    }

    fn pays(&self, line: &str) -> (Option<i32>, Value) {
        let output = self.run(line);
        (
            output.status.code(),
            serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        )
    }

    fn tap(&self, amount: u64) -> (Option<i32>, Value) {
        let output = self.run(&format!(
            "tap --json --issuer {} --chip {} --data {} --amount-minor {amount}",
            self.pos,
            self.chip.address,
            self.dir.path().display()
        ));
        (
            output.status.code(),
            serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        )
    }
}

/// One HTTP request by hand: status and body.
fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value) {
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let Ok(mut stream) = TcpStream::connect(address) else {
        panic!("nobody at {address}")
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
    let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let status = answer
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn now() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis().to_string()
}

#[test]
fn a_card_request_outlives_every_server_that_is_killed_under_it() {
    let mut town = Town::start();
    // The person has no code at hand: the terminal stops in the middle.
    let (code, _) = town.apply("");
    assert_eq!(code, Some(4));
    assert!(Path::exists(&town.path("state.json")));
    town.kill_everybody();
    // Too soon for another code: the terminal goes on with the one that was sent.
    let (code, answer) = town.apply(&town.gateway());
    assert_eq!(
        (code, answer["result"].as_str()),
        (Some(0), Some("ready")),
        "{answer}"
    );
    let card = answer["card"]["card_code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    for role in ["issuer", "verifier", "chip"] {
        town.kill(role);
    }
    assert_eq!(town.pay(&card, 1_250).1["result"], "paid");
    town.kill("issuer");
    assert_eq!(town.tap(700).1["result"], "approved");
    town.kill("chip");
    assert_eq!(town.tap(700).1["result"], "approved");
    assert_eq!(town.tap(200_000).0, Some(1));
}

#[test]
fn a_first_card_outlives_kills_before_the_photos_and_before_the_video() {
    let mut town = Town::start();
    let picture = "face: face-of-bo\nname: Li Bo\nid_no: 110101199202022345\n";
    assert!(std::fs::write(town.path("picture"), picture).is_ok());
    let picture = town.path("picture").display().to_string();
    let photos = format!("--front {picture} --back {picture}");
    let frames: String = ["blink", "nod", "open-mouth", "turn-left", "turn-right"]
        .map(|action| format!(" --frame {action}={picture}"))
        .concat();
    assert_eq!(town.apply_as(&BO, "").0, Some(4), "no photos at hand");
    let state = |town: &Town| std::fs::read_to_string(town.path("state.json")).unwrap_or_default();
    let before = state(&town);
    assert!(before.contains("photos"), "{before}");
    town.kill_everybody();
    assert_eq!(town.apply_as(&BO, &photos).0, Some(4), "no video at hand");
    let between = state(&town);
    assert!(between.contains("frames"), "{between}");
    assert_eq!(request_id(&before), request_id(&between));
    // As if the terminal had died before it read the answer to the photos.
    assert!(std::fs::write(town.path("state.json"), &before).is_ok());
    town.kill_everybody();
    let (code, answer) = town.apply_as(&BO, &format!("{photos}{frames}"));
    assert_eq!(
        (code, answer["result"].as_str()),
        (Some(0), Some("ready")),
        "{answer}"
    );
    assert_eq!(request_id(&before), request_id(&state(&town)));
}

fn request_id(state: &str) -> Value {
    let state: Value = serde_json::from_str(state).unwrap_or_default();
    state["request_id"].clone()
}

#[test]
fn a_terminal_that_is_killed_while_its_person_types_goes_on() {
    let town = Town::start();
    // An open standard input: the terminal waits for the code.
    let spawned = town
        .applying(&MEIMEI, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut terminal) = spawned else {
        panic!("no terminal")
    };
    let until = SystemTime::now() + Duration::from_secs(60);
    let asked = || {
        let state = std::fs::read_to_string(town.path("state.json")).unwrap_or_default();
        state.contains("otp_id")
    };
    while !asked() {
        assert!(SystemTime::now() < until, "the terminal asks for no code");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(terminal.kill().is_ok() && terminal.wait().is_ok());
    let (code, answer) = town.apply(&town.gateway());
    assert_eq!(
        (code, answer["result"].as_str()),
        (Some(0), Some("ready")),
        "{answer}"
    );
}

#[test]
fn refusals_by_hand_are_problem_documents() {
    let town = Town::start();
    let at = town.verifier.address;
    let (json_type, time, key) = (
        ("content-type", "application/json"),
        now(),
        "00112233445566778899aabbccddeeff",
    );
    let good: &[(&str, &str)] = &[json_type, ("kaika-time", &time), ("idempotency-key", key)];
    let order =
        json!({"account_id": "meimei", "payee": "shop", "amount_minor": 5, "currency": "156"})
            .to_string();
    let check = |method: &str,
                 path: &str,
                 headers: &[(&str, &str)],
                 body: &str,
                 status: u16,
                 code: &str| {
        let (got, problem) = http(at, method, path, headers, body);
        assert_eq!(
            (got, problem["code"].as_str()),
            (status, Some(code)),
            "{method} {path} {problem}"
        );
    };
    check("POST", "/v1/nowhere", good, "{}", 404, "unknown-route");
    check("PUT", "/v1/orders", good, "{}", 405, "method-not-allowed");
    check(
        "POST",
        "/v1/orders",
        &[("kaika-time", &time)],
        "{}",
        415,
        "unsupported-media-type",
    );
    check(
        "POST",
        "/v1/orders",
        &[json_type, ("kaika-time", &time)],
        &order,
        400,
        "idempotency-key-missing",
    );
    check(
        "POST",
        "/v1/orders",
        &[json_type, ("kaika-time", "1000"), ("idempotency-key", key)],
        &order,
        400,
        "stale-time",
    );
    check("POST", "/v1/accounts", good, "{}", 401, "bad-signature");
    for body in [
        "",
        "{",
        "[]",
        "{\"account_id\": 1}",
        "{\"account_id\":\"a\",\"account_id\":\"a\"}",
        &"[".repeat(5_000),
    ] {
        check("POST", "/v1/orders", good, body, 400, "malformed");
    }
    check(
        "POST",
        "/v1/orders",
        good,
        &"x".repeat(1_048_577),
        413,
        "too-large",
    );
    check(
        "GET",
        "/v1/orders/00112233445566778899aabbccddeeff",
        &[("kaika-time", &time)],
        "",
        404,
        "unknown-order",
    );
    let (status, first) = http(at, "POST", "/v1/orders", good, &order);
    assert_eq!(status, 201);
    assert_eq!(
        http(at, "POST", "/v1/orders", good, &order),
        (201, first),
        "the same key has the same answer"
    );
    check(
        "POST",
        "/v1/orders",
        good,
        &order.replace(":5", ":6"),
        422,
        "idempotency-conflict",
    );
}

#[test]
fn malformed_commands_have_their_status_word_and_change_nothing() {
    let town = Town::start();
    let memory = std::fs::read(town.path("chip.bin")).unwrap_or_default();
    let Ok(mut chip) = TcpStream::connect(town.chip.address) else {
        panic!("no chip")
    };
    let _ = chip.set_read_timeout(Some(Duration::from_secs(5)));
    for (command, want) in [
        ("00a404", "6700"),
        ("00a4040000000000", "6700"),
        ("ff00000000", "6e00"),
        ("01a4040000", "6881"),
        ("10a4040000", "6884"),
        ("00ff000000", "6d00"),
        ("00a4040007a000000003101000", "6a82"),
        ("00a4000007f04b41494b410000", "6a86"),
        ("80e2800000", "6982"),
        ("84f0400f00", "6982"),
        ("80a80000028400 00", "6a80"),
        ("80a80000028300 00", "6985"),
        ("9420008000", "6884"),
        ("94e2800001ff", "6982"),
        ("0020008008241234ffffffffff", "6985"),
        ("00820000080000000000000000", "6985"),
        ("80ae80001d00", "6700"),
        ("80ae800000", "6985"),
        ("80503000080102030405060708 00", "6985"),
        ("00c0000000", "6985"),
        ("00b2010c00", "6985"),
    ] {
        let bytes: Vec<u8> = hex::decode(command.replace(' ', "")).unwrap_or_default();
        let length = u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
        assert!(chip.write_all(&[&length[..], &bytes].concat()).is_ok());
        let mut answer = [0; 4];
        assert!(chip.read_exact(&mut answer).is_ok(), "{command}");
        assert_eq!(hex::encode(&answer[2..]), want, "{command}");
    }
    assert_eq!(
        std::fs::read(town.path("chip.bin")).unwrap_or_default(),
        memory
    );
}

#[test]
fn the_command_line_says_what_to_do() {
    let help = Command::new(KAIKA).arg("--help").output();
    assert!(help.is_ok_and(|help| help.status.success()
        && String::from_utf8_lossy(&help.stdout).contains("Exit codes")));
    let wrong = Command::new(KAIKA).arg("fly").output();
    assert_eq!(wrong.ok().and_then(|wrong| wrong.status.code()), Some(2));
    for shell in ["bash", "zsh", "fish"] {
        let done = Command::new(KAIKA).args(["completions", shell]).output();
        assert!(
            done.is_ok_and(|done| done.status.success() && done.stdout.len() > 1_000),
            "{shell}"
        );
    }
    let Ok(dir) = tempfile::tempdir() else {
        panic!("no directory")
    };
    let nobody = Command::new(KAIKA)
        .args(words(&format!(
            "tap --issuer 127.0.0.1:1 --chip 127.0.0.1:1 --amount-minor 1 --data {}",
            dir.path().display()
        )))
        .output();
    let Ok(nobody) = nobody else {
        panic!("no output")
    };
    assert_eq!(nobody.status.code(), Some(4));
    assert!(
        String::from_utf8_lossy(&nobody.stderr).contains("kaika se --tcp"),
        "{nobody:?}"
    );
}

/// Which of the issuer's answers get lost on the way to the shop: those to messages of these classes.
type Lost = std::sync::Arc<std::sync::Mutex<&'static [&'static str]>>;

/// A line between shop and issuer that loses answers, and tells what the shop said.
struct Wire {
    address: SocketAddr,
    lost: Lost,
    heard: std::sync::mpsc::Receiver<String>,
}

fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut body).ok()?;
    Some([&length[..], &body].concat())
}

impl Wire {
    fn to(issuer: SocketAddr) -> Self {
        let Ok(listener) = std::net::TcpListener::bind("127.0.0.1:0") else {
            panic!("no port")
        };
        let Ok(address) = listener.local_addr() else {
            panic!("no address")
        };
        let (tell, heard) = std::sync::mpsc::channel();
        let lost = Lost::default();
        let shared = Lost::clone(&lost);
        std::thread::spawn(move || {
            for shop in listener.incoming().map_while(Result::ok) {
                let (tell, lost) = (tell.clone(), Lost::clone(&shared));
                std::thread::spawn(move || carry(shop, issuer, &lost, &tell));
            }
        });
        Self {
            address,
            lost,
            heard,
        }
    }

    fn lose(&self, classes: &'static [&'static str]) {
        if let Ok(mut lost) = self.lost.lock() {
            *lost = classes;
        }
    }

    /// The next message of the shop that the issuer has answered.
    fn hear(&self) -> String {
        match self.heard.recv_timeout(Duration::from_secs(20)) {
            Ok(kind) => kind,
            Err(error) => panic!("the shop says nothing: {error}"),
        }
    }
}

fn carry(
    mut shop: TcpStream,
    issuer: SocketAddr,
    lost: &Lost,
    tell: &std::sync::mpsc::Sender<String>,
) -> Option<()> {
    let mut bank = TcpStream::connect(issuer).ok()?;
    while let Some(frame) = read_frame(&mut shop) {
        bank.write_all(&frame).ok()?;
        let answer = read_frame(&mut bank)?;
        let kind = String::from_utf8_lossy(frame.get(2..6)?).into_owned();
        let is_lost = lost
            .lock()
            .is_ok_and(|lost| lost.iter().any(|class| kind.starts_with(class)));
        tell.send(kind).ok()?;
        if !is_lost {
            shop.write_all(&answer).ok()?;
        }
    }
    None
}

/// The terminal dies with a request on the way, and once more with its reversal on the way. The issuer has booked the amount;
/// the next start gives it back before it sells anything.
#[test]
fn a_shop_that_is_killed_reverses_before_it_sells_again() {
    let town = Town::start();
    let (code, ready) = town.apply(&town.gateway());
    assert_eq!(code, Some(0), "{ready}");
    let card = ready["card"]["card_code"].as_str().unwrap_or_default();
    let wire = Wire::to(town.pos);
    let selling = |amount: u64, patience_ms: u64| {
        let mut command = Command::new(KAIKA);
        command.args(words(&format!(
            "tap --json --issuer {} --chip {} --data {} --amount-minor {amount} --patience-ms {patience_ms}",
            wire.address,
            town.chip.address,
            town.path("shop").display()
        )));
        command
    };
    let killed = |amount: u64, patience_ms: u64, lost, said: &[&str]| {
        wire.lose(lost);
        let Ok(mut shop) = selling(amount, patience_ms).stdout(Stdio::null()).spawn() else {
            panic!("no shop")
        };
        let heard: Vec<String> = said.iter().map(|_| wire.hear()).collect();
        assert_eq!(heard, said);
        assert!(shop.kill().is_ok() && shop.wait().is_ok_and(|status| !status.success()));
        wire.lose(&[]);
    };
    let sold = |amount: u64, how: &[&str], said: &[&str]| {
        let Ok(output) = selling(amount, 5_000).args(how).output() else {
            panic!("no shop")
        };
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let heard: Vec<String> = said.iter().map(|_| wire.hear()).collect();
        assert_eq!(heard, said);
        assert!(wire.heard.try_recv().is_err(), "it says no more");
    };
    killed(90_000, 60_000, &["01"], &["0800", "0100"]);
    sold(10_000, &[], &["0800", "0400", "0100"]);
    killed(80_000, 500, &["01", "04"], &["0800", "0100", "0400"]);
    sold(20_000, &["--financial"], &["0800", "0401", "0200"]);
    let left = 1_000_000 - 10_000 - 20_000;
    a_phone_is_killed(&town, card, left);
    let (code, _) = town.pay(card, 1);
    assert_eq!(code, Some(1), "no more was left, and no less was paid");
}

/// A way to the verifier that loses the answers to payments; the address, and where it is told of one.
fn lossy(verifier: SocketAddr) -> (SocketAddr, std::sync::mpsc::Receiver<()>) {
    let Ok(listener) = std::net::TcpListener::bind("127.0.0.1:0") else {
        panic!("no port")
    };
    let Ok(address) = listener.local_addr() else {
        panic!("no address")
    };
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for phone in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            std::thread::spawn(move || half_carry(phone, verifier, &tell));
        }
    });
    (address, told)
}

/// What is said is carried, and so is what is answered, until a payment is said.
fn half_carry(
    mut phone: TcpStream,
    verifier: SocketAddr,
    tell: &std::sync::mpsc::Sender<()>,
) -> Option<()> {
    let mut server = TcpStream::connect(verifier).ok()?;
    let (mut said, mut answered) = ([0; 65_536], [0; 65_536]);
    loop {
        let count = phone.read(&mut said).ok().filter(|count| *count > 0)?;
        let said = said.get(..count)?;
        server.write_all(said).ok()?;
        if !said.ends_with(b"}") {
            continue;
        }
        let count = server.read(&mut answered).ok().filter(|count| *count > 0)?;
        if said.windows(9).any(|window| window == b"/pay HTTP") {
            tell.send(()).ok()?;
        } else {
            phone.write_all(answered.get(..count)?).ok()?;
        }
    }
}

/// The phone dies when its payment is posted and the answer is lost. What it is told to pay next is that payment, and another
/// amount is not paid before it.
fn a_phone_is_killed(town: &Town, card: &str, amount: u64) {
    let state = format!("--state {}", town.path("payment.json").display());
    let (way, told) = lossy(town.verifier.address);
    let line = format!("{} {state}", town.paying(way, card, amount));
    let Ok(mut phone) = Command::new(KAIKA)
        .args(words(&line))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
    else {
        panic!("no phone")
    };
    let lost = told.recv_timeout(Duration::from_secs(20));
    assert_eq!(lost, Ok(()), "the payment is said and answered");
    assert!(phone.kill().is_ok() && phone.wait().is_ok_and(|status| !status.success()));
    let again = |amount: u64| {
        let line = town.paying(town.verifier.address, card, amount);
        town.pays(&format!("{line} {state}"))
    };
    let (code, other) = again(1);
    assert_ne!(code, Some(0), "it has no answer yet: {other}");
    let (code, paid) = again(amount);
    assert_eq!(code, Some(0), "all of it was given back: {paid}");
    assert_eq!(paid["result"], "paid");
    assert!(!town.path("payment.json").exists(), "it was answered");
}
