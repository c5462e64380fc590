//! What the chip is asked to sign for the person who holds the phone: SIGN EVIDENCE of `spec/85-apdu.md`.

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// That a card is wanted.
    Consent = 1,
    /// That an order is paid.
    Payment = 2,
}

/// SELECT of the issuer's security domain.
const SELECT: [u8; 13] = [
    0x00, 0xa4, 0x04, 0x00, 0x07, 0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x00, 0x00,
];

/// The commands: the domain is selected, then it signs.
pub(crate) fn commands(kind: Kind, digest: &[u8; 32]) -> Vec<Vec<u8>> {
    let number = match kind {
        Kind::Consent => 0x01,
        Kind::Payment => 0x02,
    };
    let header = [0x80, 0x2a, number, 0x00, 0x20];
    vec![SELECT.to_vec(), [&header, &digest[..], &[0x00]].concat()]
}

/// The evidence in the answers, hex; nothing when the chip does not sign.
pub(crate) fn answered(responses: &[Vec<u8>]) -> Option<String> {
    let [_, signed] = responses else { return None };
    match signed.split_at_checked(16) {
        Some((evidence, [0x90, 0x00])) => Some(hex::encode(evidence)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_those_of_the_chapter() {
        let commands = commands(Kind::Payment, &[0x88; 32]);
        let told: Vec<String> = commands.iter().map(hex::encode).collect();
        let sign = format!("802a020020{}00", "88".repeat(32));
        assert_eq!(told, ["00a4040007f04b41494b410000".to_owned(), sign]);
    }

    #[test]
    fn only_sixteen_bytes_and_a_good_status_are_evidence() {
        let selected = || vec![0x90, 0x00];
        let good = [&[7; 16][..], &[0x90, 0x00]].concat();
        let ends = |responses: &[Vec<u8>]| answered(responses);
        assert_eq!(ends(&[selected(), good.clone()]), Some("07".repeat(16)));
        for bad in [
            vec![],
            vec![0x69, 0x85],
            [&[7; 16][..], &[0x61, 0x10]].concat(),
            [&[7; 15][..], &[0x90, 0x00]].concat(),
            [&[7; 17][..], &[0x90, 0x00]].concat(),
        ] {
            assert_eq!(ends(&[selected(), bad]), None);
        }
        assert_eq!(ends(core::slice::from_ref(&good)), None);
        assert_eq!(ends(&[selected(), good.clone(), good]), None);
    }
}
