//! Puts one more token into a chip's memory, as an issuer would: through SCP03, in STORE DATA and COMMIT.
//!
//! ```text
//! cargo run -p kaika-node --example personalise -- CHIP-FILE KEY-FILE TOKEN [PIN [CVN]]
//! ```
//! The chip is number `4b41494b41000001`, its keys and the token's come from the key file as in `spec/85-apdu.md`. For tests:
//! no issuer knows the token.

use std::path::Path;
use std::process::ExitCode;

use kaika_apdu::Tag;
use kaika_apdu::tlv::Writer;
use kaika_crypto::chip::{ChipKeys, token_key, wrap_pin, wrap_token_key};
use kaika_crypto::scp03::{Channel, Header, Level, SessionKeys};
use kaika_crypto::{ChipMasterKey, IssuerMasterKey};
use kaika_node::chip::{FileFlash, open};
use kaika_node::keys::Keys;
use kaika_node::world::SE_ID;
use kaika_secure_element::Chip;

const HOST_CHALLENGE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const DOMAIN: [u8; 7] = [0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x00];
const PSN: u8 = 1;
/// The staged slot, whichever it is.
const STAGED: [u8; 2] = [0x4f, 0x00];

type Done<T> = Result<T, String>;

/// What is asked for on the command line.
struct Wanted<'a> {
    token: &'a str,
    pin: Option<&'a str>,
    cryptogram_version: u8,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(slot) => {
            println!("{slot}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("personalise: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Done<String> {
    let [file, keys, token, rest @ ..] = words else {
        return Err("expected CHIP-FILE KEY-FILE TOKEN [PIN [CVN]]".into());
    };
    let cryptogram_version = rest.get(1).map_or("12", String::as_str);
    let wanted = Wanted {
        token,
        pin: rest.first().map(String::as_str),
        cryptogram_version: u8::from_str_radix(cryptogram_version, 16)
            .map_err(|_| "CVN: 12 or 0A")?,
    };
    let keys = Keys::load(Path::new(keys)).map_err(|fault| fault.to_string())?;
    let mut chip = open(Path::new(file), keys.chip_master.bytes(), SE_ID)
        .map_err(|fault| fault.to_string())?;
    let template = template(&keys, &wanted)?;
    let mut channel = channel(&mut chip, &keys)?;
    secured(&mut chip, &mut channel, [0x84, 0xe2, 0x80, 0x00], &template)?;
    secured(&mut chip, &mut channel, [0x84, 0xf0, 0x40, 0x0f], &STAGED)?;
    Ok(format!("token {token} is in the chip"))
}

fn chip_keys(keys: &Keys) -> ChipKeys {
    ChipKeys::derive(&ChipMasterKey::new(*keys.chip_master.bytes()), &SE_ID)
}

/// The token template E1.
fn template(keys: &Keys, wanted: &Wanted<'_>) -> Done<Vec<u8>> {
    let dek = chip_keys(keys).dek;
    let digits = bcd(wanted.token, 16)?;
    let key = token_key(
        &IssuerMasterKey::new(*keys.token_master.bytes()),
        wanted.token,
        PSN,
    );
    let pin = wanted.pin.map(pin_block).transpose()?;
    let reference: [u8; 16] = kaika_node::dice::bytes();
    let mut buffer = [0; 255];
    let mut writer = Writer::new(&mut buffer);
    let written = writer.nest(Tag::TOKEN, |out| {
        out.put(Tag::TOKEN_REFERENCE, &reference)?;
        out.put(Tag::PAN, &digits)?;
        out.put(Tag::EXPIRY, &[0x40, 0x12, 0x31])?;
        out.put(Tag::PSN, &[PSN])?;
        out.put(Tag::TOKEN_KEY, &wrap_token_key(&dek, &key))?;
        out.put(Tag::TOKEN_VERSION, &[1])?;
        out.put(Tag::REQUEST_CONTEXT, &[0; 32])?;
        if let Some(block) = pin {
            out.put(Tag::REFERENCE_PIN, &wrap_pin(&dek, &block))?;
        }
        out.put(Tag::CRYPTOGRAM_VERSION, &[wanted.cryptogram_version])
    });
    written.map_err(|_| "the template is too long")?;
    Ok(writer.written().to_vec())
}

/// Digits, two in a byte.
fn bcd(digits: &str, count: usize) -> Done<Vec<u8>> {
    if digits.len() != count || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(format!("{digits}: expected {count} digits"));
    }
    hex::decode(digits).map_err(|error| error.to_string())
}

/// A PIN block of format 2.
fn pin_block(pin: &str) -> Done<[u8; 8]> {
    if !(4..=12).contains(&pin.len()) || !pin.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err("PIN: expected 4 to 12 digits".into());
    }
    let mut block = [0; 8];
    hex::decode_to_slice(format!("2{:x}{pin:F<14}", pin.len()), &mut block)
        .map_err(|error| error.to_string())?;
    Ok(block)
}

/// The issuer's end of a channel that encrypts commands.
fn channel(chip: &mut Chip<FileFlash>, keys: &Keys) -> Done<Channel> {
    send(chip, [0x00, 0xa4, 0x04, 0x00], &DOMAIN)?;
    let answer = send(chip, [0x80, 0x50, 0x30, 0x00], &HOST_CHALLENGE)?;
    let challenge = answer.get(13..21).and_then(|bytes| bytes.try_into().ok());
    let challenge: [u8; 8] = challenge.ok_or("no card challenge")?;
    let keys = chip_keys(keys);
    let session = SessionKeys::derive(&keys.enc, &keys.mac, &HOST_CHALLENGE, &challenge);
    let (channel, data) = Channel::host(session, Level::Command, &HOST_CHALLENGE, &challenge);
    send(chip, [0x84, 0x82, Level::Command.byte(), 0x00], &data)?;
    Ok(channel)
}

fn secured(
    chip: &mut Chip<FileFlash>,
    channel: &mut Channel,
    bytes: [u8; 4],
    data: &[u8],
) -> Done<Vec<u8>> {
    let mut field = [0; 255];
    let header = Header {
        bytes,
        extended: false,
    };
    let length = channel
        .protect(header, data, &mut field)
        .map_err(|broken| format!("{broken:?}"))?;
    send(chip, bytes, field.get(..length).unwrap_or_default())
}

/// One command with an answer of any length; an error when the chip refuses.
fn send(chip: &mut Chip<FileFlash>, header: [u8; 4], data: &[u8]) -> Done<Vec<u8>> {
    let length = u8::try_from(data.len()).map_err(|_| "a command is too long")?;
    let command = [&header[..], &[length], data, &[0]].concat();
    let mut out = [0; 258];
    let length = chip.process(&command, &mut out);
    match out.get(..length).and_then(<[u8]>::split_last_chunk::<2>) {
        Some((data, [0x90, 0x00])) => Ok(data.to_vec()),
        Some((_, word)) => Err(format!(
            "the chip answers {} to {}",
            hex::encode(word),
            hex::encode(header)
        )),
        None => Err("the chip answers nothing".into()),
    }
}
