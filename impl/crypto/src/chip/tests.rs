//! Known answers, computed with Python's `cryptography` from the formulas of `spec/85-apdu.md`; token keys with `pyemv`
//! (`kd.derive_icc_mk_a`).

use super::{
    ChipKeys, Evidence, Receipt, evidence, receipt, token_key, unwrap_pin, unwrap_token_key,
    wrap_pin, wrap_token_key,
};
use crate::secret::{ChipMasterKey, IssuerMasterKey};

const SE_ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn counting<const N: usize>() -> [u8; N] {
    core::array::from_fn(|at| u8::try_from(at).unwrap_or_default())
}

fn keys() -> ChipKeys {
    ChipKeys::derive(&ChipMasterKey::new(counting()), &SE_ID)
}

#[test]
fn the_four_keys_of_a_chip() {
    let keys = keys();
    let derived =
        [&keys.enc, &keys.mac, &keys.dek, &keys.receipt].map(|key| hex::encode(key.bytes()));
    let known = [
        "403c2fb9b245d10e628b2f1abca4274c",
        "2ae013325cbd3081fcf1297981760e22",
        "790d790c85d535fe6f85cbeac43ab0f2",
        "dfde4df900d142e40fdb99c3ecbdf978",
    ];
    assert_eq!(derived, known);
}

#[test]
fn the_key_of_a_token_in_the_clear_and_wrapped() {
    let key = token_key(&IssuerMasterKey::new(counting()), "6226000000000019", 1);
    assert_eq!(hex::encode(key.bytes()), "e529024f200daecb1ffdc4083e1f917c");
    let wrapped = wrap_token_key(&keys().dek, &key);
    assert_eq!(hex::encode(wrapped), "418e004fa1dfae87003f3e57a2823357");
    assert!(unwrap_token_key(&keys().dek, &wrapped).is_same(&key));
}

#[test]
fn token_keys_of_longer_and_shorter_numbers() {
    for (number, psn, known) in [
        ("6299000000000000", 0x01, "abab9734238ac101b6458c85fdbf457f"),
        ("6299000000000000", 0x00, "04579d40ce2c0ba18c3ba8d645d6167c"),
        (
            "62990000123456789",
            0x99,
            "074f5e925b645d2a23752631513bc20e",
        ),
        ("629900", 0x01, "4908c1c2b9101a15f2e5bfb57ff8731f"),
    ] {
        let key = token_key(&IssuerMasterKey::new(counting()), number, psn);
        assert_eq!(hex::encode(key.bytes()), known, "{number} {psn:02x}");
    }
}

#[test]
fn a_receipt() {
    let says = Receipt {
        se_id: &SE_ID,
        token_ref: &[0x77; 16],
        request_context: &[0x88; 32],
        version: 1,
        data_digest: &[0x99; 32],
    };
    let made = receipt(&keys().receipt, &says);
    assert_eq!(hex::encode(made), "276c5230e77d7e5a5fc0c06c7b3b2ee0");
}

#[test]
fn evidence_of_both_kinds() {
    let made = |kind| hex::encode(evidence(&keys().receipt, kind, &SE_ID, &[0x88; 32]));
    assert_eq!(made(Evidence::Consent), "f70a48ae5d71fb47ad83cfb2c84828d4");
    assert_eq!(made(Evidence::Payment), "8ba0d08140b7cd5e65db11e239550bac");
}

#[test]
fn the_longer_keys_and_a_pin_under_them() {
    let keys = ChipKeys::derive(&ChipMasterKey::new([0x40; 16]), &[0x11; 8]);
    let known = [
        "e762730daa65cf0d25b554ca16887c3f597712787f3fd762",
        "0bf9670d7a6e2d85ca28d460ade319bba085a105c2f0f774",
        "3d917352f79bd6a6fe136ce0ad2679530330da8a2663a023",
        "30fd54d5aec69ef9d30836db193340386ca5a95dfd36892695ea8a67aa3787bd",
        "6bb9664b6c2d93bccdd30a3d98a579e3b272498637f44dda6c08ba7d2a2bf56d",
        "81ba73ad83b555d59f8fb4c7f873b8605306c612f5e625bf78672ada407db04b",
    ];
    let derived = keys.longer.iter().flat_map(|set| {
        let keys = [&set.enc, &set.mac, &set.dek];
        keys.map(|key| hex::encode(key.bytes()))
    });
    assert!(derived.eq(known));
    let block = [0x24, 0x12, 0x34, 0xff, 0xff, 0xff, 0xff, 0xff];
    for (version, wrapped) in [
        (0x00, "578739c09af952819e7d9193abf5c14e"),
        (0x30, "578739c09af952819e7d9193abf5c14e"),
        (0x32, "6b2ea60eef579556d8185c72d71b63a8"),
    ] {
        let Some(set) = keys.set(version) else {
            panic!("{version:02x}")
        };
        let made = wrap_pin(set.dek, &block);
        assert_eq!(hex::encode(made), wrapped);
        assert_eq!(unwrap_pin(set.dek, &made), Some(block));
        assert_eq!(unwrap_pin(set.dek, &[0; 16]), None);
    }
    for version in (1..=u8::MAX).filter(|version| !(0x30..=0x32).contains(version)) {
        assert!(keys.set(version).is_none());
    }
}
