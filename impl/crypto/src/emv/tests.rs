//! Known answers, computed with pyemv (`kd.derive_common_sk`, `ac.generate_ac` with EMV padding, `ac.generate_arpc_2`).

use super::{response_cryptogram, retail_mac, session_key};
use crate::secret::TokenKey;

const KEY: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,
];

#[test]
fn the_session_key_of_counter_7_and_a_cryptogram_under_it() {
    let session = session_key(&TokenKey::new(KEY), 7);
    assert_eq!(
        *session.bytes(),
        hex::decode("fb7638e9a42c6db0d5c115dafbc10886").unwrap_or_default()[..]
    );
    let data: [u8; 40] = core::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
    let cryptogram = retail_mac(&session, &[data.as_slice()]);
    assert_eq!(
        cryptogram,
        hex::decode("6849ca4a4df475ec").unwrap_or_default()[..]
    );
}

#[test]
fn the_response_cryptogram_of_method_2() {
    let request = 0x1234_5678_90ab_cdef_u64.to_be_bytes();
    let response = response_cryptogram(&TokenKey::new(KEY), 42, &request, &[0, 0x82, 0, 0]);
    assert_eq!(response, [0x3d, 0x18, 0xce, 0xd3]);
}
