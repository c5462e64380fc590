//! The least HTTP client that can also send what no client should: one connection, one request, one answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub kind: String,
    /// The body: JSON, or null.
    pub body: Value,
}

/// A request with its headers as they are to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, or anything.
    pub method: String,
    /// Path.
    pub path: String,
    /// Headers besides host, length and connection.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Request {
    /// A timely POST with a fresh-looking key and the JSON `body`.
    pub fn post(path: &str, key: &str, now: i64, body: &Value) -> Self {
        Self {
            method: "POST".into(),
            path: path.into(),
            headers: vec![
                ("Content-Type".into(), "application/json".into()),
                ("Kaika-Time".into(), now.to_string()),
                ("Idempotency-Key".into(), key.into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }

    /// A timely GET.
    pub fn get(path: &str, now: i64) -> Self {
        Self {
            method: "GET".into(),
            path: path.into(),
            headers: vec![("Kaika-Time".into(), now.to_string())],
            body: Vec::new(),
        }
    }

    /// The same with `name` set to `value`.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same without `name`.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// The same with these bytes as its body.
    pub fn saying(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it to `address`.
    pub fn send(&self, address: &str) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes())?;
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(&self.body);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        if answer.is_empty() {
            read?;
        }
        parse(&answer).ok_or_else(|| std::io::Error::other("not an HTTP answer"))
    }
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..split)?).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    let raw = bytes.get(split + 4..)?;
    let body = if header("transfer-encoding").is_some() { unchunked(raw)? } else { raw.to_vec() };
    Some(Answer {
        status,
        kind: header("content-type").unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

fn unchunked(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = raw.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(raw.get(..line)?).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(raw.get(line + 2..line + 2 + size)?);
        raw = raw.get(line + 2 + size + 2..)?;
    }
}
