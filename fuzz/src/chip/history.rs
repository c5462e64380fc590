//! What must hold over all that a chip ever did, whatever it answered: written from APD-3, TAP-4, TAP-5 and the keys.

use std::collections::BTreeMap;

use super::{KMC, SE_ID, host, ops};

/// The memory of one play.
#[derive(Default)]
pub struct History {
    /// The last counter that a cryptogram carried, and how many it carried, by the selected applet.
    counters: BTreeMap<Vec<u8>, (u16, u8)>,
    /// Its AID, as far as an answer told it.
    selected: Option<Vec<u8>>,
    /// Bytes that no answer may hold.
    secrets: Vec<[u8; 16]>,
}

impl History {
    /// Looks at one exchange and at non-volatile memory before and after it.
    pub fn check(
        &mut self,
        command: &[u8],
        data: &[u8],
        status: u16,
        (before, after): (&[u8], &[u8]),
    ) {
        self.keeps_secrets(data);
        refusal_changes_nothing(command, status, before, after);
        match command.get(1) {
            Some(0xA4) if !is_refusal(status) => self.selected = selected(data),
            Some(0xAE) if status == 0x9000 => self.counts(data),
            // An answer in pieces is not followed: what is counted starts again at the next SELECT.
            Some(0xAE) if !is_refusal(status) => self.selected = None,
            _ => {}
        }
    }

    fn keeps_secrets(&mut self, data: &[u8]) {
        if self.secrets.is_empty() {
            self.secrets = (1..=4)
                .map(|which| host::chip_key(&KMC, which, &SE_ID))
                .collect();
            self.secrets.push(KMC);
            self.secrets.extend((0..=u8::MAX).map(ops::token_key));
        }
        for window in data.windows(16) {
            assert!(
                !self.secrets.iter().any(|secret| secret == window),
                "an answer holds a key"
            );
        }
    }

    fn counts(&mut self, data: &[u8]) {
        let Some(at) = data
            .windows(3)
            .position(|window| window == [0x9F, 0x36, 0x02])
        else {
            return;
        };
        let Some(atc) = data.get(at + 3..at + 5) else {
            return;
        };
        let atc = u16::from_be_bytes([atc[0], atc[1]]);
        let Some(selected) = &self.selected else {
            return;
        };
        let (last, given) = self.counters.get(selected).copied().unwrap_or((0, 0));
        assert!(atc >= last && atc > 0, "counter {atc} after {last}");
        let given = if atc == last { given + 1 } else { 1 };
        let first = data
            .get(data.len().saturating_sub(3))
            .is_some_and(|cvr| cvr & 0xC0 == 0x80);
        assert!(
            given <= 2 && (given == 1) == first,
            "cryptogram number {given} under counter {atc}"
        );
        self.counters.insert(selected.clone(), (atc, given));
    }
}

/// The AID in an FCI.
fn selected(data: &[u8]) -> Option<Vec<u8>> {
    let aid = data.get(2..)?.strip_prefix(&[0x84])?;
    aid.get(1..1 + usize::from(*aid.first()?))
        .map(<[u8]>::to_vec)
}

fn is_refusal(status: u16) -> bool {
    !matches!(status >> 8, 0x90 | 0x61 | 0x62 | 0x63 | 0x6C)
}

/// APD-3: an error answer leaves memory as it was, but for counters, which only INITIALIZE UPDATE, EXTERNAL
/// AUTHENTICATE and GET PROCESSING OPTIONS may move.
fn refusal_changes_nothing(command: &[u8], status: u16, before: &[u8], after: &[u8]) {
    let counting = matches!(command.get(1), Some(0x50 | 0x82 | 0xA8));
    assert!(
        !is_refusal(status) || counting || before == after,
        "{status:04X} to {command:02X?} changed memory"
    );
}
