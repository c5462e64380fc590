//! Subjects for tests of the runner, and the suites that they are asked.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;

use kaika_conformance::format::File;

pub(crate) const SUITES: &[(&str, &str)] = &[
    ("issuer", include_str!("../../vectors/issuer.json")),
    ("verifier", include_str!("../../vectors/verifier.json")),
    ("identity", include_str!("../../vectors/identity.json")),
    ("chip", include_str!("../../vectors/chip.json")),
    ("pos", include_str!("../../vectors/pos.json")),
    ("terminal", include_str!("../../vectors/terminal.json")),
    ("system", include_str!("../../vectors/system.json")),
    ("chip by hand", include_str!("../../vectors/hand/chip.json")),
];

/// The suites, read once.
pub(crate) fn suites() -> &'static [File] {
    static READ: LazyLock<Vec<File>> = LazyLock::new(|| {
        let read = |(name, text): &(&str, &str)| File::read(name, text);
        let read: Result<_, _> = SUITES.iter().map(read).collect();
        read.unwrap_or_else(|error| panic!("{error}"))
    });
    &READ
}

/// Listens on loopback and treats each connection in a thread of its own; gives the address.
pub(crate) fn listening(each: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let Ok(listener) = TcpListener::bind("127.0.0.1:0") else {
        panic!("no port on loopback")
    };
    let address = listener.local_addr().map(|address| address.to_string());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            std::thread::spawn(move || each(stream));
        }
    });
    address.unwrap_or_default()
}

/// An HTTP answer that ends the connection.
pub(crate) fn http(status: u16, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// The head of an HTTP message and as much of its body as it says.
pub(crate) fn heard(stream: &mut TcpStream) -> Option<(String, String)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse::<usize>()
                    .ok()
            })
            .unwrap_or(0);
        if body.len() >= length {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}

/// A server that answers everything alike.
pub(crate) fn answering(status: u16, body: &str) -> String {
    let answer = http(status, "application/json", body);
    listening(move |mut stream| {
        if heard(&mut stream).is_some() {
            let _ = stream.write_all(&answer);
        }
    })
}
