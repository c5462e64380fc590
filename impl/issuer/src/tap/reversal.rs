//! A reversal: what was taken is given back once; what was not taken never is.

use kaika_spec::Refusal;
use kaika_wire::core::{Write, read};
use kaika_wire::iso8583::Message;

use super::{Frame, answer, frame, name, refused};
use crate::Case;
use crate::ledger::Movement;
use crate::rows::{TAPS, Tap};

impl Case<'_> {
    pub(super) fn reversal(self, message: &Message) -> Frame {
        let complete = [2, 3, 4, 7, 11, 49, 90]
            .iter()
            .all(|field| message.field(*field).is_some());
        let Some(name) = name(message).filter(|_| complete) else {
            return refused(message, Refusal::Malformed);
        };
        let known = read::<Tap>(self.rows, TAPS, &name);
        //= spec/75-tap.md#tap-18-a-reversal-names-its-request
        //# The issuer MUST refuse a reversal whose amount, or whose original type, trace number or time, is not that of the request it
        //# names.
        if known.as_ref().is_some_and(|tap| !is_of(message, tap)) {
            return refused(message, Refusal::ReversalMismatch);
        }
        let writes = match known {
            Some(tap) if tap.state == "approved" => self.undo_tap(&name, tap),
            Some(tap) if tap.state == "declined" => vec![Write::put(TAPS, name, &buried(tap))],
            Some(_) => vec![],
            None => vec![Write::put(TAPS, name, &tombstone())],
        };
        frame(writes, &answer(message, "00"), None)
    }

    fn undo_tap(&self, name: &str, tap: Tap) -> Vec<Write> {
        let movement = Movement {
            cause: format!("tap reversal {name}"),
            card_code: &tap.card_code,
            other: &tap.credited,
            amount_minor: tap.amount_minor,
            currency: &tap.currency,
        };
        let mut writes = self.give_back(&movement);
        let reversed = Tap {
            state: "reversed".into(),
            ..tap.clone()
        };
        writes.push(Write::put(TAPS, name, &reversed));
        writes
    }
}

/// Whether a reversal says of its original what the original said. A tombstone had none.
fn is_of(reversal: &Message, tap: &Tap) -> bool {
    let named = reversal.text(90).and_then(|text| text.strip_suffix(REST));
    let amount = reversal.text(4).and_then(|digits| digits.parse().ok());
    tap.original.is_empty()
        || (named == Some(tap.original.as_str()) && amount == Some(tap.amount_minor))
}

/// The rest of field 90: no acquirer, no forwarder.
const REST: &str = "0000000000000000000000";

/// A tap that was declined and then reversed: a repeat is answered as before, anything else under its name as a tombstone.
fn buried(tap: Tap) -> Tap {
    Tap {
        state: "tombstoned".into(),
        ..tap
    }
}

fn tombstone() -> Tap {
    Tap {
        state: "tombstoned".into(),
        request: String::new(),
        original: String::new(),
        code: String::new(),
        auth_code: None,
        proof: None,
        card_code: String::new(),
        amount_minor: 0,
        currency: String::new(),
        credited: String::new(),
    }
}
