//! What the fuzzer found in the chip, as histories.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

extern crate std;
use std::vec;
use std::vec::Vec;

use kaika_apdu::Tag;
use kaika_apdu::tlv::Writer;
use kaika_crypto::chip::wrap_token_key;
use kaika_crypto::scp03::{Channel, Header, Level, SessionKeys};
use kaika_crypto::{ChipMasterKey, TokenKey};

use super::*;
use crate::image::State;
use crate::journal::MemoryFlash;

const SE_ID: [u8; 8] = [7; 8];
const HOST: [u8; 8] = [1; 8];
const KEY: [u8; 16] = [0x5d; 16];
const FIRST: &[u8] = &[0x4f, 0x08, 0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x01, 0x01];

/// A chip and the issuer's end of an open channel.
struct Bench {
    chip: Chip<MemoryFlash>,
    channel: Channel,
}

fn keys() -> ChipKeys {
    ChipKeys::derive(&ChipMasterKey::new([3; 16]), &SE_ID)
}

fn send(chip: &mut Chip<MemoryFlash>, command: &[u8]) -> (Vec<u8>, u16) {
    let mut out = [0; 258];
    let length = chip.process(command, &mut out);
    let (data, status) = out[..length].split_last_chunk::<2>().unwrap();
    (data.to_vec(), u16::from_be_bytes(*status))
}

/// CLA INS P1 P2, data, Le for everything.
fn command(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = [u8::try_from(data.len()).unwrap()];
    [&header[..], &length, data, &[0]].concat()
}

impl Bench {
    fn open() -> Self {
        let mut chip = Chip::new(keys(), SE_ID, MemoryFlash::default()).unwrap();
        let select = command(
            [0x00, 0xa4, 0x04, 0x00],
            &[0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0],
        );
        assert_eq!(send(&mut chip, &select).1, 0x9000);
        let (answer, status) = send(&mut chip, &command([0x80, 0x50, 0x30, 0x00], &HOST));
        assert_eq!(status, 0x9000);
        let card = answer[13..21].try_into().unwrap();
        let session = SessionKeys::derive(&keys().enc, &keys().mac, &HOST, &card);
        let (channel, data) = Channel::host(session, Level::Command, &HOST, &card);
        let authenticate = command([0x84, 0x82, Level::Command.byte(), 0x00], &data);
        assert_eq!(send(&mut chip, &authenticate).1, 0x9000);
        Self { chip, channel }
    }

    fn secured(&mut self, ins: u8, p1: u8, p2: u8, data: &[u8]) -> (Vec<u8>, u16) {
        let bytes = [0x84, ins, p1, p2];
        let header = Header {
            bytes,
            extended: false,
        };
        let mut field = [0; 255];
        let length = self.channel.protect(header, data, &mut field).unwrap();
        send(&mut self.chip, &command(bytes, &field[..length]))
    }

    fn stage(&mut self, token_ref: [u8; 16]) {
        let mut buffer = [0; 255];
        let mut writer = Writer::new(&mut buffer);
        let written = writer.nest(Tag::TOKEN, |out| {
            out.put(Tag::TOKEN_REFERENCE, &token_ref)?;
            out.put(Tag::PAN, &[0x62; 8])?;
            out.put(Tag::EXPIRY, &[0x30, 0x12, 0x31])?;
            out.put(Tag::PSN, &[1])?;
            out.put(
                Tag::TOKEN_KEY,
                &wrap_token_key(&keys().dek, &TokenKey::new(KEY)),
            )?;
            out.put(Tag::TOKEN_VERSION, &[1])?;
            out.put(Tag::REQUEST_CONTEXT, &[6; 32])
        });
        assert_eq!(written, Ok(()));
        let template = writer.written().to_vec();
        assert_eq!(self.secured(0xe2, 0x80, 0x00, &template), (vec![], 0x9000));
    }

    fn state(&self, place: usize) -> State {
        self.chip.image().slots[place].state
    }
}

/// The chip took an empty AID for the staged slot in every management command, so that DELETE without a name wiped it.
#[test]
fn only_commit_takes_no_name_for_the_staged_slot() {
    let mut bench = Bench::open();
    bench.stage([9; 16]);
    let before = *bench.chip.image();
    for (ins, p1, p2) in [(0xe4, 0x00, 0x00), (0xf0, 0x40, 0x80), (0xf0, 0x40, 0x00)] {
        let answer = bench.secured(ins, p1, p2, &[0x4f, 0x00]);
        assert_eq!(answer, (vec![], 0x6a80), "{ins:02x} {p1:02x} {p2:02x}");
        assert_eq!(*bench.chip.image(), before);
    }
    assert_eq!(bench.secured(0xf0, 0x40, 0x0f, &[0x4f, 0x00]).1, 0x9000);
    assert_eq!(bench.state(0), State::Active);
    assert_eq!(bench.secured(0xf0, 0x40, 0x0f, &[0x4f, 0x00]).1, 0x6985);
}

#[test]
fn commit_without_a_name_on_an_empty_chip_finds_nothing() {
    let mut bench = Bench::open();
    assert_eq!(bench.secured(0xf0, 0x40, 0x0f, &[0x4f, 0x00]).1, 0x6a88);
}

fn holds_key(chip: &mut Chip<MemoryFlash>) -> bool {
    let bytes = chip.flash().bytes();
    bytes.windows(KEY.len()).any(|window| window == KEY)
}

/// A deleted token's key stayed in the older copy of the image until something else was written.
//= spec/80-manage.md#mng-8-the-chip-deletes-the-key
//= type=test
//# The chip MUST wipe the token's keys in the same transaction that deletes it.
#[test]
fn a_deleted_key_is_in_neither_copy() {
    let mut bench = Bench::open();
    bench.stage([9; 16]);
    assert!(holds_key(&mut bench.chip));
    assert_eq!(bench.secured(0xe4, 0x00, 0x00, FIRST), (vec![0], 0x9000));
    assert!(!holds_key(&mut bench.chip));
}

/// Wherever power fails in the deletion: the token is there with its key, or deleted and the key is nowhere.
#[test]
fn a_torn_deletion_leaves_no_key_behind() {
    let (mut kept, mut deleted) = (0, 0);
    for words in 0..2 * journal::FLASH_LEN / 4 {
        let mut bench = Bench::open();
        bench.stage([9; 16]);
        bench.chip.flash().words_left = Some(words);
        bench.secured(0xe4, 0x00, 0x00, FIRST);
        let flash = MemoryFlash::with(*bench.chip.flash().bytes());
        let mut chip = Chip::new(keys(), SE_ID, flash).unwrap();
        let state = chip.image().slots[0].state;
        assert_eq!(
            holds_key(&mut chip),
            state == State::Staged,
            "{words} words"
        );
        match state {
            State::Staged => kept += 1,
            _ => deleted += 1,
        }
    }
    assert!(kept > 0 && deleted > 0);
}
