//! The parsers' oracles can fail: a reader or writer with one flaw is noticed, and ours on the same bytes is not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kaika_fuzz::apdu::{self, Fields};
use kaika_fuzz::{dol, iso, tlv};

fn is_noticed(body: impl Fn()) -> bool {
    catch_unwind(AssertUnwindSafe(body)).is_err()
}

const COMMAND: [u8; 8] = [0x00, 0xA4, 0x04, 0x00, 0x02, 0xF0, 0x4B, 0x00];

#[test]
fn the_command_oracle_notices() {
    let agree = |bytes: &[u8], read: &dyn Fn(&[u8]) -> Option<Fields>| {
        is_noticed(|| apdu::agree(bytes, read, apdu::print))
    };
    assert!(!agree(&COMMAND, &apdu::read));
    // One that takes a byte too many.
    assert!(agree(&[&COMMAND[..], &[0]].concat(), &|bytes| {
        apdu::read(bytes).or_else(|| apdu::read(&bytes[..bytes.len() - 1]))
    }));
    // One that reads Le 00 as nothing expected.
    assert!(agree(&COMMAND, &|bytes| {
        apdu::read(bytes).map(|fields| Fields { ne: None, ..fields })
    }));
    // A printer that leaves Le out.
    let print = |fields: &Fields| {
        apdu::print(&Fields {
            ne: None,
            ..fields.clone()
        })
    };
    assert!(is_noticed(|| apdu::agree(&COMMAND, apdu::read, print)));
}

#[test]
fn the_tlv_oracles_notice() {
    // A child that ends beyond its parent, and nesting at the limit plus one.
    let beyond = [0x6F, 0x03, 0x84, 0x04, 0x01, 0x02];
    let mut deep = vec![0x5A, 0x00];
    for _ in 0..kaika_spec::limit::TLV_DEPTH_MAX {
        deep.insert(0, u8::try_from(deep.len()).unwrap_or(0));
        deep.insert(0, 0xE1);
    }
    for bytes in [&beyond[..], &deep] {
        assert!(!is_noticed(|| tlv::walks_agree(bytes, tlv::ours)));
        assert!(!is_noticed(|| tlv::compacts_agree(
            bytes,
            tlv::compact_objects
        )));
        let shorter = |bytes: &[u8]| (tlv::compact_objects(bytes).0, bytes.is_empty());
        let whole = [0x12, 1, 2];
        assert!(is_noticed(|| tlv::compacts_agree(&whole, shorter)));
        let lenient = |bytes: &[u8]| (tlv::ours(bytes).0, true);
        assert!(is_noticed(|| tlv::walks_agree(bytes, lenient)));
    }
    // A writer that spells a length of 127 in two bytes.
    let leaf = [1, 0, 0, 0, 4];
    assert!(!is_noticed(|| tlv::trees_agree(&leaf, tlv::written)));
    let wasteful = |tree: &tlv::Tree, room: usize| {
        let mut bytes = tlv::written(tree, room)?;
        bytes.insert(1, 0x81);
        Some(bytes)
    };
    assert!(is_noticed(|| tlv::trees_agree(&leaf, wasteful)));
}

#[test]
fn the_list_oracle_notices() {
    let list = [0x9F, 0x02, 0x06, 0x9A, 0x83];
    assert!(!is_noticed(|| dol::entries_agree(&list, dol::ours)));
    let lenient = |_: &[u8]| Some(vec![(0x9F02, 6), (0x9A, 3)]);
    assert!(is_noticed(|| dol::entries_agree(&list, lenient)));
}

#[test]
fn the_frame_oracle_notices() {
    let lower = *b"0800002000000000000a";
    assert!(!is_noticed(|| iso::agree(&lower, iso::ours)));
    let frame = b"08000020000000000000123456";
    assert!(iso::ours(frame).is_some() && !is_noticed(|| iso::agree(frame, iso::ours)));
    let shifted = |bytes: &[u8]| {
        iso::ours(bytes).map(|(mti, fields)| {
            let fields = fields.into_iter().map(|(n, value)| (n + 1, value));
            (mti, fields.collect())
        })
    };
    assert!(is_noticed(|| iso::agree(frame, shifted)));
}
