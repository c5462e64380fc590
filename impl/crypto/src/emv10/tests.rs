//! Known answers, computed with pyemv (`ac.generate_ac` with VISA padding, `ac.generate_arpc_1`).

use super::{cryptogram, response_cryptogram, retail_mac_zeros};
use crate::emv::CryptogramInput;
use crate::secret::TokenKey;

const KEY: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,
];

#[test]
fn a_mac_with_zeros_behind_and_one_of_whole_blocks() {
    let key = TokenKey::new(KEY);
    for (length, known) in [
        (37, 0xac26_f9ef_6e2c_525d_u64),
        (40, 0x3c30_378e_3d2b_3498),
        (43, 0xb493_c6a0_f93d_1ea1),
    ] {
        let data = [0xab; 43];
        let (data, _) = data.split_at(length);
        assert_eq!(retail_mac_zeros(&key, &[data]), known.to_be_bytes());
        let (left, right) = data.split_at(length / 3);
        assert_eq!(retail_mac_zeros(&key, &[left, right]), known.to_be_bytes());
    }
}

#[test]
fn the_cryptogram_takes_the_verification_results_and_no_other_issuer_data() {
    let key = TokenKey::new(KEY);
    let input = |issuer_data| CryptogramInput {
        amount: &[0xab; 6],
        amount_other: &[0xab; 6],
        country: &[0xab; 2],
        tvr: &[0xab; 5],
        currency: &[0xab; 2],
        date: &[0xab; 3],
        kind: 0xab,
        unpredictable_number: &[0xab; 4],
        interchange_profile: &[0xab; 2],
        atc: 0xabab,
        issuer_data,
    };
    let known = 0xac26_f9ef_6e2c_525d_u64.to_be_bytes();
    assert_eq!(cryptogram(&key, &input(&[0xab; 4])), known);
    let whole = [6, 1, 0x0a, 0xab, 0xab, 0xab, 0xab];
    assert_eq!(cryptogram(&key, &input(&whole)), known);
}

#[test]
fn the_response_cryptogram_of_method_1() {
    let response = response_cryptogram(&TokenKey::new(KEY), &[1, 2, 3, 4, 5, 6, 7, 8], b"00");
    assert_eq!(response, 0x6d26_3e8b_83ee_9bea_u64.to_be_bytes());
}
