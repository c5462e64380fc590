//! Frames by hand: `conformance/vectors/hand/iso8583.json`, read as the issuer reads a connection.

use std::io::ErrorKind;
use std::time::Duration;

use kaika_node::frame;
use kaika_spec::limit::ISO8583_MAX;
use serde::Deserialize;

const FILE: &str = include_str!("../../../conformance/vectors/hand/iso8583.json");

#[derive(Deserialize)]
struct File {
    frames: Vec<Frames>,
}

#[derive(Deserialize)]
struct Frames {
    name: String,
    bytes: String,
    messages: Vec<String>,
    end: String,
}

/// The messages that are read, and how the connection ends.
async fn read(mut stream: &[u8]) -> (Vec<String>, &'static str) {
    let mut messages = Vec::new();
    loop {
        match frame::read_within(&mut stream, ISO8583_MAX, Duration::from_secs(1)).await {
            Ok(Some(message)) => messages.push(hex::encode(message)),
            Ok(None) => return (messages, "between"),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return (messages, "within"),
            Err(error) if error.kind() == ErrorKind::InvalidData => return (messages, "refused"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn frames_are_read_as_the_vectors_say() {
    let Ok(file) = serde_json::from_str::<File>(FILE) else {
        panic!("the file is not readable")
    };
    for Frames {
        name,
        bytes,
        messages,
        end,
    } in &file.frames
    {
        let bytes = hex::decode(bytes).unwrap_or_default();
        assert_eq!(
            read(&bytes).await,
            (messages.clone(), end.as_str()),
            "{name}"
        );
    }
    assert!(file.frames.len() > 10);
}
