//! What the event log says of a command to the chip: its header in words, and the status word. Start at [`event`].
//!
//! Of the data field only the name that a SELECT gives is looked at: PINs and keys are in others.

use kaika_spec::Role;

use crate::log::{Event, Sent, Verdict};
use crate::trail::{self, About};

/// The first bytes of the names that a chip has.
const SLOTS: &[u8] = &[0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x01];
const DOMAIN: &[u8] = &[0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x00];
const DIRECTORIES: [&[u8]; 2] = [b"2PAY.SYS.DDF01", b"1PAY.SYS.DDF01"];

/// The event of a command and its answer, which has this id.
pub fn event(se_id: &str, command: &[u8], answer: &[u8], mid: &str) -> Event {
    let (act, what) = header(command);
    let word = trail::word_of(answer);
    let said = hex::encode(command.get(..4).unwrap_or(command));
    let is_good = word == "9000" || word.starts_with("61") || word == "6283";
    let what = what.map(|what| ("what", what.to_owned()));
    let event = Event {
        about: About::default().with("chip", se_id),
        out: vec![Sent::asks(
            Role::Terminal,
            word.clone(),
            Some(mid.to_owned()),
        )],
        args: [("sw", word), ("header", said)]
            .into_iter()
            .chain(what)
            .collect(),
        ..Event::decided(0, Role::Chip, act, None)
    };
    if is_good {
        event
    } else {
        event.with(Verdict::Refused)
    }
}

/// Power went off, or the chip was reset.
pub fn reset(se_id: &str) -> Event {
    Event {
        about: About::default().with("chip", se_id),
        ..Event::decided(0, Role::Chip, "reset", None)
    }
}

/// The act of a command, and the object of one that has several.
fn header(command: &[u8]) -> (&'static str, Option<&'static str>) {
    let Some([cla, ins, p1, p2]) = command.first_chunk() else {
        return ("unknown", None);
    };
    let act = match (ins, cla) {
        (0xa4, _) => return ("select", name(command, *p2)),
        (0xca, _) => {
            return match (p1, p2) {
                (0xdf, 0x21) => ("get-data", Some("receipt")),
                (0x9f, 0x7f) => ("get-data", Some("chip-id")),
                _ => ("unknown", None),
            };
        }
        (0xf0, _) => match p2 {
            0x0f => "commit",
            0x01 => "rollback",
            0x80 => "suspend",
            0x00 => "resume",
            _ => "unknown",
        },
        (0x82, 0x00) => "authenticate-issuer",
        (0x82, _) => "external-authenticate",
        (0x50, _) => "initialize-update",
        (0xe2, _) => "store-data",
        (0xe4, _) => "delete",
        (0xf2, _) => "get-status",
        (0x2a, _) => "sign-evidence",
        (0xa8, _) => "get-processing-options",
        (0xb2, _) => "read-record",
        (0x20, _) => "verify",
        (0xae, _) => "generate-ac",
        (0xc0, _) => "get-response",
        _ => "unknown",
    };
    (act, None)
}

/// Whom a SELECT names, when it says so in full.
fn name(command: &[u8], p2: u8) -> Option<&'static str> {
    let length = command.get(4).copied().map_or(0, usize::from);
    let name = command
        .get(5..5_usize.saturating_add(length))
        .unwrap_or_default();
    match name {
        _ if p2 & 0x02 != 0 => None,
        [] if command.len() <= 5 => Some("isd"),
        name if name == DOMAIN => Some("isd"),
        name if name.len() == 8 && name.starts_with(SLOTS) => Some("slot"),
        name if DIRECTORIES.contains(&name) => Some("ppse"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_not_in_the_event_of_its_command() {
        let command = [
            0x00, 0x20, 0x00, 0x80, 0x08, 0x24, 0x12, 0x34, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        let event = event("4b", &command, &[0x63, 0xc2], "00");
        assert_eq!(
            (event.act.as_str(), event.verdict),
            ("verify", Verdict::Refused)
        );
        assert_eq!(
            event.args,
            [("sw", "63c2".to_owned()), ("header", "00200080".to_owned())].into()
        );
    }

    #[test]
    fn a_select_says_whom() {
        let select = |name: &[u8]| [&[0, 0xa4, 4, 0, name.len() as u8], name].concat();
        assert_eq!(header(&[0, 0xa4, 4, 0, 0]), ("select", Some("isd")));
        assert_eq!(header(&select(DOMAIN)), ("select", Some("isd")));
        assert_eq!(
            header(&select(&[SLOTS, &[2]].concat())),
            ("select", Some("slot"))
        );
        assert_eq!(header(&select(b"2PAY.SYS.DDF01")), ("select", Some("ppse")));
        assert_eq!(header(&select(b"3PAY")), ("select", None));
    }
}
