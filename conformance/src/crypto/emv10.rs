//! EMV: cryptogram version 10 and what the issuer proves itself with (85-apdu, Payment data).

use super::emv::{retail_mac, session_key};

type Half = [u8; 8];

/// ISO 9797-1 MAC algorithm 3, padding method 1: zeros up to a whole block.
pub fn retail_mac_zeros(key: &[u8; 16], message: &[u8]) -> Half {
    let mut padded = message.to_vec();
    padded.resize(message.len().next_multiple_of(8).max(8), 0);
    super::emv::retail_mac_of_blocks(key, &padded)
}

/// The application cryptogram of version 10 over `message`, whose last seven bytes are the issuer application data.
pub fn cryptogram(udk: &[u8; 16], message: &[u8]) -> Half {
    let (front, issuer_data) = message.split_at(message.len().saturating_sub(7));
    let results = issuer_data.get(3..).unwrap_or_default();
    retail_mac_zeros(udk, &[front, results].concat())
}

/// The value of tag 91 under version 18: response cryptogram by method 2, card status update.
pub fn proof_18(udk: &[u8; 16], counter: u16, request: &[u8], update: &[u8]) -> Vec<u8> {
    let mac = retail_mac(&session_key(udk, counter), &[request, update].concat());
    [&mac[..4], update].concat()
}

/// The value of tag 91 under version 10: response cryptogram by method 1, response code.
pub fn proof_10(udk: &[u8; 16], request: &[u8], code: &[u8]) -> Vec<u8> {
    let mut block: Half = [0; 8];
    block
        .iter_mut()
        .zip(request)
        .for_each(|(to, from)| *to = *from);
    block
        .iter_mut()
        .zip(code)
        .for_each(|(to, from)| *to ^= from);
    [&super::emv::triple(udk, block)[..], code].concat()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Computed with `pyemv` (`ac.generate_ac` with VISA padding, `ac.generate_arpc_1`, `ac.generate_arpc_2`).
    #[test]
    fn another_library_computes_the_same() {
        let udk = hex::decode("0123456789abcdeffedcba9876543210")
            .unwrap()
            .try_into()
            .unwrap();
        for (length, known) in [
            (37, "ac26f9ef6e2c525d"),
            (40, "3c30378e3d2b3498"),
            (43, "b493c6a0f93d1ea1"),
        ] {
            let message = vec![0xAB; length];
            assert_eq!(hex::encode(retail_mac_zeros(&udk, &message)), known);
        }
        assert_eq!(
            hex::encode(cryptogram(&udk, &[0xAB; 40])),
            "ac26f9ef6e2c525d"
        );
        let request = [1, 2, 3, 4, 5, 6, 7, 8];
        let proof = hex::encode(proof_10(&udk, &request, b"00"));
        assert_eq!(proof, "6d263e8b83ee9bea3030");
        let request = 0x1234_5678_90ab_cdef_u64.to_be_bytes();
        let proof = hex::encode(proof_18(&udk, 42, &request, &[0, 0x82, 0, 0]));
        assert_eq!(proof, "3d18ced300820000");
    }
}
