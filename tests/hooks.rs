//! Built for production there is no hook: no server and no chip answers the control channel, whatever is asked there, and
//! what hooks do for tests (another time, new chips, other randomness) is out of reach.

mod ports;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ports::free;

/// Every operation of the control channel, and what one might try beside it.
const OPERATIONS: &[&str] = &[
    "hello", "clock", "chip", "restart", "capture", "seed", "log", "state", "trigger", "outcome",
    "",
];

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server or a chip and waits until it says where it listens.
fn start(line: &str, address: SocketAddr) -> Running {
    let spawned = Command::new(env!("CARGO_BIN_EXE_kaika"))
        .args(line.split_whitespace())
        // Names that a hook could listen to.
        .env("KAIKA_CONTROL", "127.0.0.1:0")
        .env("KAIKA_SEED", "00")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{line}: {error}"));
    let Some(errors) = child.stderr.take() else {
        panic!("no standard error")
    };
    let running = Running(child);
    let mut lines = BufReader::new(errors).lines();
    let said = |line: String| line.contains(&address.to_string());
    assert!(
        lines.by_ref().map_while(Result::ok).any(said),
        "{line} did not start"
    );
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    running
}

fn answer(address: SocketAddr, message: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{error}"));
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = stream.write_all(message);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_server_answers_the_control_channel() {
    let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let data = dir.path().display();
    let (sms, identity, issuer, pos, verifier) = (free(), free(), free(), free(), free());
    let urls = format!("--issuer http://{issuer} --identity http://{identity} --sms http://{sms}");
    let servers = [
        (sms, format!("serve sms --listen {sms}")),
        (
            identity,
            format!("serve identity --listen {identity} --data {data}"),
        ),
        (
            issuer,
            format!("serve issuer --listen {issuer} --pos {pos} --data {data} {urls}"),
        ),
        (
            verifier,
            format!("serve verifier --listen {verifier} --data {data} {urls}"),
        ),
    ];
    for (address, line) in &servers {
        let running = start(line, *address);
        for operation in OPERATIONS {
            for method in ["POST", "GET", "PUT"] {
                let body = r#"{"contract":1,"advance_ms":60001,"hex":"00","since":0,"phone":"+8613800000001","action":"pay"}"#;
                let message = format!(
                    "{method} /ctl/v1/{operation} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let said = answer(*address, message.as_bytes());
                let head = said.lines().next().unwrap_or_default();
                assert!(
                    head.contains(" 404 "),
                    "{line}: {method} {operation}: {said}"
                );
            }
        }
        drop(running);
    }
}

/// A chip has commands and no more: what is HTTP there is no frame that is answered as a hook.
#[test]
fn no_chip_answers_the_control_channel() {
    let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let data = dir.path().display();
    let issuer = free();
    // The key file is made by the first server.
    drop(start(
        &format!(
            "serve issuer --listen {issuer} --pos {} --data {data}",
            free()
        ),
        issuer,
    ));
    let chip = free();
    let _chip = start(
        &format!("se --tcp {chip} --file {data}/chip.bin --keys {data}/keys.json"),
        chip,
    );
    let message = "POST /ctl/v1/chip HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    let mut stream = TcpStream::connect(chip).unwrap_or_else(|error| panic!("{error}"));
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let _ = stream.write_all(message.as_bytes());
    let mut bytes = [0; 64];
    let count = stream.read(&mut bytes).unwrap_or(0);
    let said = String::from_utf8_lossy(&bytes[..count]).into_owned();
    assert!(!said.contains("HTTP") && !said.contains("ok"), "{said}");
}

/// The manifest of a production build offers no hook, and a build has no feature that would add one.
#[test]
fn no_feature_of_a_build_adds_a_hook() {
    for file in ["Cargo.toml", "impl/cli/Cargo.toml", "impl/node/Cargo.toml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let features = text.split("[features]").nth(1).unwrap_or_default();
        let features = features.split("\n[").next().unwrap_or_default();
        let hooks = ["control", "hook", "clock", "seed", "weak"];
        for name in features
            .lines()
            .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
            // It leaves countermeasures out and adds no hook; `tests/weaknesses.rs` holds that nothing turns it on.
            .filter(|name| *name != "weak")
        {
            assert!(
                !hooks.iter().any(|hook| name.contains(hook)),
                "{file}: feature {name}"
            );
        }
    }
}
