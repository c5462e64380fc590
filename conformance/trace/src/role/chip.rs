//! The chip: by its commands' headers and status words. It has four slots and the machine has one.

use kaika_model::role::chip::{self, Channel, Input, Output, Selected, Slot, State};
use kaika_model::role::{Outcome, Verdict, Weak};

use super::{Act, Part, Said, act};
use crate::event::Event;

/// The chip.
pub(crate) struct Chip;

/// Status words about the form of a command.
const FORM: &[&str] = &[
    "6700", "6881", "6883", "6884", "6a80", "6a86", "6d00", "6e00",
];

impl Part for Chip {
    type State = State;
    type Input = Input;
    type Output = Output;

    const ACTS: &'static [Act] = &[
        act("reset", "reset", "chip"),
        act("select", "select", "chip"),
        act("initialize-update", "initialize-update", "chip"),
        act("external-authenticate", "external-authenticate", "chip"),
        act("store-data", "store-data", "chip"),
        act("commit", "commit", "chip"),
        act("suspend", "suspend", "chip"),
        act("resume", "resume", "chip"),
        act("delete", "delete", "chip"),
        act("get-status", "get-status", "chip"),
        act("get-data", "get-data", "chip"),
        act("sign-evidence", "sign-evidence", "chip"),
        act("get-processing-options", "get-processing-options", "chip"),
        act("read-record", "read-record", "chip"),
        act("generate-ac", "generate-ac", "chip"),
    ];
    const STATELESS: &'static [&'static str] = &[
        // A PIN and the issuer's proof are inside the cryptogram; the machine has neither.
        "verify",
        "authenticate-issuer",
        // What did not fit is fetched; the machine's answers always fit.
        "get-response",
        // The machine's slot is staged and committed, and not rolled back.
        "rollback",
        "unknown",
    ];
    const SCENES: &'static [&'static str] = &[];
    const RIGHT: &'static [&'static str] = &[];
    const GROUPED: &'static [&'static str] = &["chip"];
    const FRONT: &'static str = "malformed";
    const SEEN: bool = false;

    fn init() -> State {
        chip::init()
    }

    fn inputs() -> Vec<Input> {
        chip::inputs()
    }

    fn step(state: &State, input: &Input) -> Outcome<State, Output> {
        chip::step(state, input, &Weak::HARDENED)
    }

    fn said(_: Output, _: &State) -> Said {
        Said::Nothing
    }

    fn is_word(event: &Event, verdict: Verdict) -> bool {
        let said = event.args.get("sw").map(String::as_str);
        let word = |word: u16| format!("{word:04x}");
        match verdict {
            Verdict::Silent => said.is_none(),
            // What does not fit in one answer is announced first.
            Verdict::Sw(0x9000) => {
                said.is_some_and(|said| said == "9000" || said.starts_with("61"))
            }
            Verdict::Sw(sw) => said == Some(word(sw).as_str()),
            Verdict::Accept | Verdict::Repeat | Verdict::Refuse(_) => false,
        }
    }

    fn stays(event: &Event, state: &State) -> Option<Vec<State>> {
        // The machine's commands have their form; what is refused for its form is refused before any state, and may end a channel.
        let sw = event.args.get("sw")?;
        let ended = State {
            channel: Channel::Closed,
            block: false,
            ..*state
        };
        FORM.contains(&sw.as_str()).then(|| vec![*state, ended])
    }

    fn blurred(event: &Event, state: &State, _: &super::Marks) -> Vec<State> {
        let with = |slot| State { slot, ..*state };
        match event.act.as_str() {
            // A new channel may be about another slot than the last one.
            "initialize-update" => vec![with(Slot::Empty), with(Slot::Staged)],
            // So may what is selected, once a template was taken.
            "select" if state.scripted => [Slot::Active, Slot::Suspended, Slot::Deleted]
                .map(with)
                .to_vec(),
            // The second name of a directory; the domain shows receipts of all slots.
            "get-data" if state.scripted && state.selected == Selected::Domain => {
                vec![with(Slot::Active), with(Slot::Empty)]
            }
            _ => vec![],
        }
    }

    fn fits(
        event: &Event,
        letter: &str,
        _: &State,
        outcome: &Outcome<State, Output>,
        _: &super::Marks,
    ) -> bool {
        let arg = |name: &str| event.args.get(name).map(String::as_str);
        match (arg("what"), letter) {
            // Which of the names a SELECT gives, and which object GET DATA asks for, is in the header.
            (Some(what), _) if matches!(event.act.as_str(), "select" | "get-data") => {
                !letter.contains('(') || letter.contains(what) || letter.starts_with("malformed")
            }
            _ => letter != "store-data(last,torn)" || outcome.verdict == Verdict::Silent,
        }
    }
}
