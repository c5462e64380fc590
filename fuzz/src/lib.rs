//! Fuzz bodies: each takes any bytes, runs our code on them and asks an oracle that shares nothing with it.
//!
//! Start at [`TARGETS`]. A body panics when code and oracle disagree, and for nothing else. The oracles are naive
//! twins written from `spec/` ([`apdu`], [`tlv`], [`dol`], [`chip`], [`vault`], [`iso`]) or laws ([`json`]).
//! `tests/replay.rs` runs every body over the corpus and over seeded random bytes on plain stable;
//! `run.sh` fuzzes with libFuzzer. `tests/canary*.rs` show that each oracle can fail.

pub mod apdu;
pub mod bytes;
pub mod chip;
pub mod dol;
pub mod iso;
pub mod json;
pub mod peers;
pub mod scp03;
pub mod taps;
pub mod tlv;
pub mod vault;

pub use apdu::apdu_command;
pub use chip::{chip_commands, chip_sequence};
pub use dol::dol;
pub use iso::iso8583;
pub use json::wire_json;
pub use peers::peers;
pub use scp03::scp03;
pub use taps::taps;
pub use tlv::ber_tlv;
pub use vault::vault;

/// A fuzz body under its name, with the longest input that makes sense.
pub struct Target {
    /// As in `targets.txt`, `targets/` and `corpus/`.
    pub name: &'static str,
    /// The body.
    pub run: fn(&[u8]),
    /// Longest useful input.
    pub max_len: usize,
    /// Random inputs in the replay.
    pub inputs: u64,
}

/// Random inputs for a body that is over in microseconds, and for one that plays whole lives.
const MANY: u64 = 10_000;
const FEW: u64 = 500;

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "empty",
        run: empty,
        max_len: 64,
        inputs: MANY,
    },
    Target {
        name: "apdu_command",
        run: apdu_command,
        max_len: 1100,
        inputs: MANY,
    },
    Target {
        name: "ber_tlv",
        run: ber_tlv,
        max_len: 1100,
        inputs: MANY,
    },
    Target {
        name: "dol",
        run: dol,
        max_len: 256,
        inputs: MANY,
    },
    Target {
        name: "iso8583",
        run: iso8583,
        max_len: 2100,
        inputs: MANY,
    },
    Target {
        name: "chip_sequence",
        run: chip_sequence,
        max_len: 160,
        inputs: FEW,
    },
    Target {
        name: "chip_commands",
        run: chip_commands,
        max_len: 1200,
        inputs: FEW,
    },
    Target {
        name: "taps",
        run: taps,
        max_len: 600,
        inputs: FEW,
    },
    Target {
        name: "vault",
        run: vault,
        max_len: 800,
        inputs: FEW,
    },
    Target {
        name: "peers",
        run: peers,
        max_len: 600,
        inputs: MANY,
    },
    Target {
        name: "scp03",
        run: scp03,
        max_len: 160,
        inputs: FEW,
    },
    Target {
        name: "wire_json",
        run: wire_json,
        max_len: 2048,
        inputs: MANY,
    },
];

/// Does nothing: the physical limit that other targets are measured against.
pub fn empty(_data: &[u8]) {}
