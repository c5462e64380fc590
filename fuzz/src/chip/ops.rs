//! The byte-code of a play: one op byte, then what the op needs. Every prefix is a play.

use super::{KMC, SE_ID, host, twin};
use crate::bytes::{Reader, grow};

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Op {
    /// Power off and on.
    Reset,
    /// Lose power in the next command after so many writes.
    Tear(u8),
    /// A command as it is.
    Plain(Vec<u8>),
    /// INITIALIZE UPDATE.
    Initialize {
        /// Key version.
        kvn: u8,
        /// Grows into the host challenge.
        seed: u8,
    },
    /// EXTERNAL AUTHENTICATE: good, with a wrong cryptogram under a good MAC (1), or with one bit turned.
    Authenticate {
        /// Security level.
        level: u8,
        /// What is wrong with it.
        spoil: u8,
    },
    /// A command in the secure channel.
    Managed {
        /// CLA INS P1 P2.
        header: [u8; 4],
        /// The data field in the clear.
        data: Vec<u8>,
        /// Whether an answer is asked for.
        le: bool,
        /// 0, or which bit is turned.
        spoil: u8,
    },
    /// A command in the secure channel that comes in a chain.
    Chained {
        /// CLA INS P1 P2.
        header: [u8; 4],
        /// The data field in the clear.
        data: Vec<u8>,
        /// Bytes of a piece.
        size: usize,
        /// 0, or which piece has another P2.
        spoil: u8,
    },
    /// EXTERNAL AUTHENTICATE of the issuer.
    Prove {
        /// What the issuer says.
        approves: bool,
        /// 0, or which bit is turned.
        spoil: u8,
    },
    /// An earlier secured command once more.
    Again(usize),
}

/// Number of the older ops; a byte below [`LATER`] is taken modulo this.
pub const OPS: u8 = 23;
/// From here on a byte is a later op: what was recorded before them keeps its meaning.
pub const LATER: u8 = 230;

/// Reads one op.
pub fn read(reader: &mut Reader<'_>) -> Op {
    let byte = reader.byte();
    if let Some(later) = byte.checked_sub(LATER) {
        return later_op(later, reader);
    }
    let op = what(byte % OPS, reader);
    // A larger op byte asks for an answer in a managed command, as the issuer does; a smaller one sends case 3.
    match op {
        Op::Managed {
            header,
            data,
            spoil,
            ..
        } => Op::Managed {
            header,
            data,
            spoil,
            le: byte / OPS % 2 == 1,
        },
        other => other,
    }
}

fn what(op: u8, reader: &mut Reader<'_>) -> Op {
    match op {
        0 => Op::Reset,
        1 => Op::Tear(reader.byte()),
        2 => select(host::ISD),
        3 => select(&twin::slot_aid(usize::from(reader.byte() % 4))),
        4 => select(if reader.byte().is_multiple_of(2) {
            b"2PAY.SYS.DDF01"
        } else {
            b"1PAY.SYS.DDF01"
        }),
        5 => select(&host::ISD[..usize::from(reader.byte() % 8)]),
        6 => Op::Initialize {
            kvn: 0x30,
            seed: reader.byte(),
        },
        7 => Op::Initialize {
            kvn: reader.byte(),
            seed: reader.byte(),
        },
        8 => Op::Authenticate {
            level: 0x33,
            spoil: 0,
        },
        9 => Op::Authenticate {
            level: reader.byte(),
            spoil: reader.byte(),
        },
        10 => store(0x80, 0, template(reader.byte())),
        11 => part(reader),
        12 => status(0x0F, reader.byte()),
        13 => status(
            if reader.byte().is_multiple_of(2) {
                0x80
            } else {
                0x00
            },
            reader.byte(),
        ),
        14 => managed(0xE4, 0, 0, named(reader.byte())),
        15 => managed(0xF2, 0x40, 0x02, vec![0x4F, 0x00]),
        16 => asked(reader.byte()),
        17 => Op::Plain(options(reader.byte())),
        18 => generate_ac(reader),
        19 => Op::Plain(vec![0x00, 0xB2, 1 + reader.byte() % 3, 0x0C, 0x00]),
        20 => odd(reader),
        21 => free(reader),
        _ => Op::Again(usize::from(reader.byte())),
    }
}

fn later_op(op: u8, reader: &mut Reader<'_>) -> Op {
    match op {
        0 | 1 => verify(reader.byte()),
        2 | 3 => Op::Prove {
            approves: reader.byte().is_multiple_of(2),
            spoil: reader.byte() % 32,
        },
        4 | 5 => store(0x90, 0, longer_template(reader.byte(), reader.byte())),
        6 => status(0x01, reader.byte()),
        7 | 8 => Op::Chained {
            header: [0x84, 0xE2, 0x80, 0],
            data: longer_template(reader.byte(), reader.byte()),
            size: usize::from(reader.byte()),
            spoil: reader.byte() % 4,
        },
        9 => Op::Chained {
            header: [0x84, 0xE2, reader.byte() & 0x90, 0],
            data: vec![0xE1; 4 * usize::from(reader.byte())],
            size: 200,
            spoil: 0,
        },
        10 | 11 => Op::Managed {
            header: [
                0x84,
                0xF2,
                [0x80, 0x40, 0x20, 0x41][usize::from(reader.byte() % 4)],
                2 + reader.byte() % 3,
            ],
            data: searched(reader.byte()),
            le: true,
            spoil: 0,
        },
        12 => Op::Initialize {
            kvn: 0x30 + reader.byte() % 4,
            seed: reader.byte(),
        },
        13 => Op::Authenticate {
            level: [0x01, 0x03, 0x11, 0x13, 0x33][usize::from(reader.byte() % 5)],
            spoil: 0,
        },
        14 => next(reader.byte()),
        15 => Op::Managed {
            header: [
                0x84,
                0xCA,
                0x00,
                [0x66, 0xE0, 0xC1, 0x42][usize::from(reader.byte() % 4)],
            ],
            data: Vec::new(),
            le: true,
            spoil: 0,
        },
        16 => Op::Plain(vec![
            0x80,
            0xCA,
            0x00,
            [0x66, 0xE0, 0xC1, 0x42][usize::from(reader.byte() % 4)],
            0,
        ]),
        17 => Op::Plain(vec![0x80, 0xCA, 0x9F, 0x17, 0]),
        18 => Op::Plain(vec![0x80, 0xA8, 0, 0, 2, 0x83, 0, 0]),
        19 => Op::Plain(vec![0x00, 0xC0, 0, 0, reader.byte()]),
        20 => piece(reader),
        21 => Op::Plain(vec![0x80, 0xCA, 0x9F, 0x7F, reader.byte()]),
        22 => Op::Plain(vec![0x00, 0xA4, 0x04, 0x00, 0x00]),
        _ => Op::Plain(vec![0x80, 0xCA, 0x9F, 0x7F]),
    }
}

/// VERIFY: of the PIN that [`longer_template`] gives, of another, or of no PIN block.
fn verify(which: u8) -> Op {
    let mut block = [0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    match which % 4 {
        0 | 1 => {}
        2 => block[2] = 0x35,
        _ => block[3] = which,
    }
    Op::Plain([&[0x00, 0x20, 0x00, 0x80, 8], &block[..]].concat())
}

/// SELECT of the next occurrence, by a beginning of six bytes or the first slot's whole name.
fn next(which: u8) -> Op {
    let aid = twin::slot_aid(0);
    let name = &aid[..usize::from(which % 9)];
    let length = u8::try_from(name.len()).unwrap_or(0);
    Op::Plain([&[0x00, 0xA4, 0x04, 0x02, length], name, &[0]].concat())
}

/// What GET STATUS looks for.
fn searched(which: u8) -> Vec<u8> {
    let mut data = twin::tlv(
        &[0x4F],
        &twin::slot_aid(usize::from(which % 4))[..usize::from(which / 4 % 9)],
    );
    match which / 64 {
        0 | 1 => {}
        2 => data.extend([0x5C, 0x03, 0x4F, 0x9F, 0x70]),
        _ => data.extend([0x5C, which % 4, 0xDF, 0x22]),
    }
    data
}

/// A piece of a chain that nobody wrapped.
fn piece(reader: &mut Reader<'_>) -> Op {
    let (p1, p2) = (reader.byte() & 0x80, reader.byte() % 2);
    let length = reader.byte();
    let data = vec![0x5A; usize::from(length)];
    let mut command = vec![0x94, 0xE2, p1, p2];
    if length > 0 {
        command.push(length);
    }
    command.extend(data);
    Op::Plain(command)
}

/// The template of token number `n` with a PIN (bit 0 of `with`), cryptogram version 10 (bit 1), or what they may not be.
pub fn longer_template(n: u8, with: u8) -> Vec<u8> {
    let dek = host::chip_key(&KMC, 3, &SE_ID);
    let plain = template(n);
    let mut inner = plain[2..].to_vec();
    if with & 1 != 0 {
        let mut block = [
            0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0,
        ];
        if with & 0x0C == 0x0C {
            block[usize::from(with >> 4)] ^= 1;
        }
        let sealed = host::cbc_encrypt(&dek, [0; 16], &block);
        inner.extend(twin::tlv(&[0xDF, 0x36], &sealed));
    }
    if with & 2 != 0 {
        let version = if with & 0xC0 == 0xC0 { with } else { 0x0A };
        inner.extend(twin::tlv(&[0xDF, 0x37], &[version]));
    }
    twin::tlv(&[0xE1], &inner)
}

fn select(aid: &[u8]) -> Op {
    let mut command = vec![0x00, 0xA4, 0x04, 0x00];
    if !aid.is_empty() {
        command.push(u8::try_from(aid.len()).unwrap_or(0));
        command.extend_from_slice(aid);
    }
    command.push(0x00);
    Op::Plain(command)
}

fn managed(ins: u8, p1: u8, p2: u8, data: Vec<u8>) -> Op {
    Op::Managed {
        header: [0x84, ins, p1, p2],
        data,
        le: false,
        spoil: 0,
    }
}

fn store(p1: u8, p2: u8, data: Vec<u8>) -> Op {
    managed(0xE2, p1, p2, data)
}

fn status(p2: u8, slot: u8) -> Op {
    managed(0xF0, 0x40, p2, named(slot))
}

/// The object that names a slot: one of four, one that there is not, or no name, which is the staged slot's.
fn named(slot: u8) -> Vec<u8> {
    match slot % 6 {
        5 => twin::tlv(&[0x4F], &[]),
        n => twin::tlv(&[0x4F], &twin::slot_aid(usize::from(n))),
    }
}

/// A piece of a template under any block number.
fn part(reader: &mut Reader<'_>) -> Op {
    let whole = template(reader.byte());
    let (p1, p2) = (reader.byte(), reader.byte() % 4);
    let cut = usize::from(reader.byte()) % (whole.len() + 1);
    let data = if p2 == 0 {
        whole[..cut].to_vec()
    } else {
        whole[cut..].to_vec()
    };
    store(if p1 % 2 == 0 { 0x00 } else { 0x80 }, p2, data)
}

/// The personalisation template of token number `n`.
pub fn template(n: u8) -> Vec<u8> {
    let dek = host::chip_key(&KMC, 3, &SE_ID);
    let udk = token_key(n);
    let mut inner = twin::tlv(&[0xDF, 0x22], &grow::<16>(n));
    inner.extend(twin::tlv(&[0x5A], &token(n)));
    inner.extend(twin::tlv(&[0x5F, 0x24], &[0x30, 0x12, 0x31]));
    inner.extend(twin::tlv(&[0x5F, 0x34], &[0x01]));
    inner.extend(twin::tlv(
        &[0xDF, 0x31],
        &host::cbc_encrypt(&dek, [0; 16], &udk),
    ));
    inner.extend(twin::tlv(&[0xDF, 0x33], &[0x01]));
    inner.extend(twin::tlv(&[0xDF, 0x35], &grow::<32>(n ^ 0xAA)));
    twin::tlv(&[0xE1], &inner)
}

/// The key of token number `n`.
pub fn token_key(n: u8) -> [u8; 16] {
    let mut udk: [u8; 16] = grow(n ^ 0x55);
    udk.iter_mut().for_each(odd_parity);
    udk
}

fn odd_parity(byte: &mut u8) {
    if byte.count_ones().is_multiple_of(2) {
        *byte ^= 1;
    }
}

/// Token digits in the token range, with their Luhn digit, as BCD.
fn token(n: u8) -> [u8; 8] {
    let body = format!("{}{:07}", kaika_spec::limit::TOKEN_BIN, u32::from(n) * 7919);
    let sum: u32 = body
        .chars()
        .rev()
        .enumerate()
        .map(|(place, digit)| luhn(place, digit))
        .sum();
    let digits = format!("{body}{}", (10 - sum % 10) % 10);
    let mut bcd = [0; 8];
    for (byte, pair) in bcd.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = (pair[0] - b'0') << 4 | (pair[1] - b'0');
    }
    bcd
}

fn luhn(place: usize, digit: char) -> u32 {
    let value = digit.to_digit(10).unwrap_or(0) * if place.is_multiple_of(2) { 2 } else { 1 };
    value / 10 + value % 10
}

/// GET DATA, or SIGN EVIDENCE: of a kind that there is or not, over as many bytes as it takes or one less.
fn asked(which: u8) -> Op {
    if which < 0xF0 {
        return get_data(which);
    }
    let (kind, length) = (which % 4, if which < 0xFC { 32 } else { 31 });
    let mut command = vec![0x80, 0x2A, kind, 0x00, length];
    command.extend_from_slice(&grow::<32>(which)[..usize::from(length)]);
    command.push(0x00);
    Op::Plain(command)
}

fn get_data(which: u8) -> Op {
    let tags = [
        [0xDF, 0x21],
        [0x9F, 0x7F],
        [0x9F, 0x36],
        [0x9F, 0x13],
        [0x9F, 0x17],
    ];
    let [p1, p2] = tags[usize::from(which) % tags.len()];
    Op::Plain(vec![0x80, 0xCA, p1, p2, 0x00])
}

/// GET PROCESSING OPTIONS; `shape` 255 spoils its template.
fn options(shape: u8) -> Vec<u8> {
    let mut command = vec![
        0x80,
        0xA8,
        0x00,
        0x00,
        35,
        0x83,
        if shape == 255 { 32 } else { 33 },
    ];
    command.extend_from_slice(&grow::<33>(shape));
    command.push(0x00);
    command
}

fn generate_ac(reader: &mut Reader<'_>) -> Op {
    let (kind, shape, seed) = (reader.byte(), reader.byte(), reader.byte());
    let kind = [0x80, 0x00, 0x40, 0xC0][usize::from(kind % 4)];
    let len = [29, 31, 29, 31, 28, 0][usize::from(shape % 6)];
    let mut command = vec![0x80, 0xAE, kind, 0x00];
    if len > 0 {
        command.push(u8::try_from(len).unwrap_or(0));
        command.extend_from_slice(&grow::<31>(seed)[..len]);
    }
    command.push(0x00);
    Op::Plain(command)
}

/// Any data, rightly wrapped: what only a broken issuer sends.
fn free(reader: &mut Reader<'_>) -> Op {
    let ins = [0xE2, 0xF0, 0xE4, 0xF2][usize::from(reader.byte() % 4)];
    let p1 = [0x40, 0x00, 0x80, reader.byte()][usize::from(reader.byte() % 4)];
    let p2 = [0x0F, 0x80, 0x00, 0x02, 0x01][usize::from(reader.byte() % 5)];
    let len = usize::from(reader.byte() % 24);
    managed(ins, p1, p2, reader.slice(len).to_vec())
}

/// Bytes that nobody wraps: as they are, or a spoilt secured command.
fn odd(reader: &mut Reader<'_>) -> Op {
    let shape = reader.byte();
    if shape.is_multiple_of(4) {
        let spoil = reader.byte().max(1);
        return Op::Managed {
            header: [0x84, 0xF2, 0x40, 0x02],
            data: vec![0x4F, 0x00],
            le: false,
            spoil,
        };
    }
    let len = usize::from(reader.byte() % 64);
    Op::Plain(reader.slice(len).to_vec())
}
