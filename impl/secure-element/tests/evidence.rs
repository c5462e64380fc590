//! SIGN EVIDENCE: what it answers, and that nothing follows from it.

mod bench;

use bench::*;
use kaika_crypto::mac::aes_cmac;

fn signed(bench: &mut Bench, kind: &str) -> Vec<u8> {
    bench.good(&plain(&format!("802A{kind}00 20 {} 00", "88".repeat(32))))
}

fn known(label: &str) -> Vec<u8> {
    aes_cmac(&keys().receipt, &[label.as_bytes(), &SE_ID, &[0x88; 32]]).to_vec()
}

#[test]
fn a_chip_from_the_factory_signs_and_changes_nothing() {
    //= spec/85-apdu.md#apd-8-evidence-is-over-a-digest
    //= type=test
    //# The chip MUST sign evidence of the two kinds only, over exactly 32 bytes, and only while the issuer's security
    //# domain is selected.
    let mut bench = domain();
    let memory = bench.memory();
    assert_eq!(signed(&mut bench, "01"), known("kaika/consent/1"));
    assert_eq!(signed(&mut bench, "02"), known("kaika/payment/1"));
    assert_eq!(signed(&mut bench, "01"), known("kaika/consent/1"));
    assert!(bench.memory() == memory);
}

#[test]
fn a_channel_stands_and_a_script_goes_on() {
    let mut bench = staged();
    signed(&mut bench, "02");
    bench.commit();
}
