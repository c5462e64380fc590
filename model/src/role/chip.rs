//! The chip: the issuer's security domain and one payment slot. Read [`step`] first.

use kaika_spec::{Weakness, limit};

use super::{Machine, Outcome, Verdict, Weak, alphabet};

/// What is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selected {
    /// Nothing, as after reset.
    Nothing,
    /// The issuer's security domain.
    Domain,
    /// The payment slot.
    Slot,
    /// The directory of payment applications.
    Directory,
}

/// The secure channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// None.
    Closed,
    /// A challenge was given.
    Challenged,
    /// Open.
    Open,
}

/// What the slot holds in non-volatile memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Nothing.
    Empty,
    /// Written in part: only a weak chip gets here.
    Half,
    /// Complete and not yet committed.
    Staged,
    /// Pays.
    Active,
    /// Does not pay.
    Suspended,
    /// Wiped.
    Deleted,
}

/// The payment in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payment {
    /// None.
    Idle,
    /// Processing options were given.
    Options,
    /// A request cryptogram was given.
    Asked,
    /// The last cryptogram was given.
    Done,
}

/// All that the chip keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// Volatile: what is selected.
    pub selected: Selected,
    /// Volatile: the secure channel.
    pub channel: Channel,
    /// Volatile: the first block of a script was taken.
    pub block: bool,
    /// Volatile: the payment.
    pub payment: Payment,
    /// Durable: failed openings in a row.
    pub tries: u8,
    /// Durable: the slot.
    pub slot: Slot,
    /// Durable: some script was taken in an earlier channel.
    pub scripted: bool,
}

alphabet! {
    /// What may come to the chip.
    Input {
        Reset = "reset",
        SelectDomain = "select(isd)",
        SelectSlot = "select(slot)",
        SelectDirectory = "select(ppse)",
        SelectUnknown = "select(unknown)",
        InitUpdate = "initialize-update",
        InitUpdateOtherKey = "initialize-update(other-key-version)",
        ExtAuth = "external-authenticate(ok)",
        ExtAuthBadCryptogram = "external-authenticate(bad-cryptogram)",
        ExtAuthBadMac = "external-authenticate(bad-mac)",
        ExtAuthReplayed = "external-authenticate(replayed)",
        StoreMore = "store-data(more)",
        StoreLast = "store-data(last)",
        StoreWrongBlock = "store-data(wrong-block)",
        StoreBadTlv = "store-data(bad-tlv)",
        StoreBadMac = "store-data(bad-mac)",
        StoreReplayed = "store-data(replayed-script)",
        StoreUnsecured = "store-data(unsecured)",
        StoreLastTorn = "store-data(last,torn)",
        Commit = "commit",
        CommitNamed = "commit(named-slot)",
        CommitTorn = "commit(torn)",
        Suspend = "suspend",
        Resume = "resume",
        Delete = "delete",
        GetStatus = "get-status",
        GetReceipt = "get-data(receipt)",
        GetChipId = "get-data(chip-id)",
        SignConsent = "sign-evidence(consent)",
        SignPayment = "sign-evidence(payment)",
        SignOtherKind = "sign-evidence(other-kind)",
        SignShort = "sign-evidence(short)",
        SignLong = "sign-evidence(long)",
        Gpo = "get-processing-options",
        ReadRecord = "read-record",
        ReadRecordUnknown = "read-record(unknown)",
        GenerateArqc = "generate-ac(arqc)",
        GenerateAac = "generate-ac(aac)",
        GenerateTc = "generate-ac(tc)",
        GetResponse = "get-response",
        Short = "malformed(short)",
        BadLength = "malformed(bad-lc)",
        UnknownClass = "malformed(class)",
        LogicalChannel = "malformed(logical-channel)",
        Chained = "malformed(chained)",
        UnknownInstruction = "malformed(instruction)",
    }
}

alphabet! {
    /// What the chip answers beside a status word.
    Output {
        Fci = "fci",
        Challenge = "challenge",
        Receipt = "receipt",
        Status = "status",
        ChipId = "chip-id",
        Evidence = "evidence",
        Options = "options",
        Record = "record",
        Arqc = "arqc",
        Aac = "aac",
        Tc = "tc",
    }
}

/// The chip as a standalone machine.
#[derive(Clone, Copy, Debug)]
pub struct Chip;

type Step = Outcome<State, Output>;

/// A chip from the factory, just powered.
pub const fn init() -> State {
    State {
        selected: Selected::Nothing,
        channel: Channel::Closed,
        block: false,
        payment: Payment::Idle,
        tries: 0,
        slot: Slot::Empty,
        scripted: false,
    }
}

/// Every input.
pub fn inputs() -> Vec<Input> {
    Input::ALL.to_vec()
}

/// What is left when power fails or SELECT comes: the durable part.
pub const fn powered_off(s: State) -> State {
    State {
        tries: s.tries,
        slot: s.slot,
        scripted: s.scripted,
        ..init()
    }
}

/// Takes one command.
pub fn step(state: &State, input: &Input, weak: &Weak) -> Step {
    let s = *state;
    match *input {
        Input::Reset => Outcome {
            verdict: Verdict::Silent,
            ..Outcome::sw(powered_off(s), 0, &["APD-4"])
        },
        Input::SelectDomain | Input::SelectSlot | Input::SelectDirectory | Input::SelectUnknown => {
            select(s, *input)
        }
        Input::InitUpdate | Input::InitUpdateOtherKey => init_update(s, *input),
        Input::ExtAuth
        | Input::ExtAuthBadCryptogram
        | Input::ExtAuthBadMac
        | Input::ExtAuthReplayed => ext_auth(s, *input),
        Input::StoreMore
        | Input::StoreLast
        | Input::StoreWrongBlock
        | Input::StoreBadTlv
        | Input::StoreBadMac
        | Input::StoreReplayed
        | Input::StoreUnsecured
        | Input::StoreLastTorn => store(s, *input, *weak),
        Input::Commit | Input::CommitNamed | Input::CommitTorn => commit(s, *input, *weak),
        Input::Suspend | Input::Resume | Input::Delete => manage(s, *input),
        Input::GetStatus => get_status(s),
        Input::GetReceipt => match s.slot {
            Slot::Active | Slot::Suspended => good(s, Output::Receipt, &["PRO-13"]),
            _ => Outcome::sw(s, 0x6A88, &["PRO-13"]),
        },
        Input::GetChipId => good(s, Output::ChipId, &[]),
        Input::SignConsent
        | Input::SignPayment
        | Input::SignOtherKind
        | Input::SignShort
        | Input::SignLong => sign(s, *input),
        Input::Gpo => gpo(s, *weak),
        Input::ReadRecord | Input::ReadRecordUnknown => read_record(s, *input),
        Input::GenerateArqc | Input::GenerateAac | Input::GenerateTc => generate(s, *input),
        Input::GetResponse => Outcome::sw(s, 0x6985, &["APD-2"]),
        Input::Short | Input::BadLength => Outcome::sw(s, 0x6700, &["APD-1", "APD-3"]),
        Input::UnknownClass => Outcome::sw(s, 0x6E00, &["APD-2", "APD-3"]),
        Input::LogicalChannel => Outcome::sw(s, 0x6881, &["APD-2", "APD-3"]),
        Input::Chained => Outcome::sw(s, 0x6884, &["APD-2", "APD-3"]),
        Input::UnknownInstruction => Outcome::sw(s, 0x6D00, &["APD-2", "APD-3"]),
    }
}

fn good(next: State, out: Output, reqs: &'static [&'static str]) -> Step {
    Outcome {
        out: [out].into_iter().collect(),
        ..Outcome::sw(next, 0x9000, reqs)
    }
}

/// What was staged and not committed is gone when its channel ends.
const fn channel_ended(s: State) -> State {
    State {
        channel: Channel::Closed,
        block: false,
        ..s
    }
}

fn select(s: State, input: Input) -> Step {
    let fresh = powered_off(s);
    let (selected, sw) = match (input, s.slot) {
        (Input::SelectDomain, _) => (Selected::Domain, 0x9000),
        (Input::SelectDirectory, _) => (Selected::Directory, 0x9000),
        (Input::SelectSlot, Slot::Active | Slot::Half) => (Selected::Slot, 0x9000),
        (Input::SelectSlot, Slot::Suspended) => (Selected::Slot, 0x6283),
        _ => return Outcome::sw(s, 0x6A82, &["APD-2"]),
    };
    Outcome {
        out: [Output::Fci].into_iter().collect(),
        ..Outcome::sw(State { selected, ..fresh }, sw, &["APD-4"])
    }
}

fn init_update(s: State, input: Input) -> Step {
    if s.selected != Selected::Domain {
        return Outcome::sw(s, 0x6985, &["PRO-2"]);
    }
    if input == Input::InitUpdateOtherKey {
        return Outcome::sw(s, 0x6A88, &["PRO-2"]);
    }
    if s.tries >= limit::CHANNEL_TRIES_MAX {
        return Outcome::sw(s, 0x6983, &["PRO-4"]);
    }
    let next = State {
        channel: Channel::Challenged,
        block: false,
        ..s
    };
    good(next, Output::Challenge, &["PRO-3"])
}

fn ext_auth(s: State, input: Input) -> Step {
    if s.channel != Channel::Challenged {
        return Outcome::sw(channel_ended(s), 0x6985, &["PRO-2"]);
    }
    let failed = State {
        tries: s.tries + 1,
        ..channel_ended(s)
    };
    match input {
        Input::ExtAuth => Outcome::sw(
            State {
                channel: Channel::Open,
                tries: 0,
                ..s
            },
            0x9000,
            &["PRO-2"],
        ),
        Input::ExtAuthBadCryptogram => Outcome::sw(failed, 0x6300, &["PRO-4", "APD-6"]),
        _ => Outcome::sw(failed, 0x6982, &["PRO-4", "APD-6"]),
    }
}

fn store(s: State, input: Input, weak: Weak) -> Step {
    let open = s.channel == Channel::Open;
    if input == Input::StoreUnsecured && open {
        return Outcome::sw(channel_ended(s), 0x6982, &["APD-7", "PRO-2"]);
    }
    let outside = matches!(
        input,
        Input::StoreUnsecured | Input::StoreReplayed | Input::StoreBadMac
    ) || !open;
    if outside && weak.has(Weakness::ScriptUnauthenticated) && input != Input::StoreBadMac {
        return Outcome::sw(
            State {
                slot: Slot::Active,
                scripted: true,
                ..s
            },
            0x9000,
            &["PRO-15"],
        );
    }
    if outside {
        return Outcome::sw(channel_ended(s), 0x6982, &["PRO-2", "PRO-15", "APD-6"]);
    }
    match input {
        Input::StoreWrongBlock => Outcome::sw(State { block: false, ..s }, 0x6985, &["APD-3"]),
        Input::StoreBadTlv => Outcome::sw(State { block: false, ..s }, 0x6A80, &["APD-5", "APD-3"]),
        Input::StoreMore if s.block => Outcome::sw(State { block: false, ..s }, 0x6985, &["APD-3"]),
        Input::StoreMore => Outcome::sw(State { block: true, ..s }, 0x9000, &["PRO-5"]),
        _ if !s.block => Outcome::sw(s, 0x6985, &["APD-3"]),
        Input::StoreLastTorn => torn(s, Slot::Staged, weak),
        _ => stage(s),
    }
}

fn stage(s: State) -> Step {
    let next = State {
        block: false,
        scripted: true,
        ..s
    };
    match s.slot {
        Slot::Active | Slot::Suspended | Slot::Deleted => {
            Outcome::sw(State { block: false, ..s }, 0x6985, &["PRO-11"])
        }
        Slot::Empty | Slot::Half | Slot::Staged => Outcome::sw(
            State {
                slot: Slot::Staged,
                ..next
            },
            0x9000,
            &["PRO-5", "PRO-6"],
        ),
    }
}

/// Power fails inside a write: the old or the new, unless the chip writes in place.
fn torn(s: State, new: Slot, weak: Weak) -> Step {
    let slot = if weak.has(Weakness::WriteInPlace) && s.slot < new {
        Slot::Half
    } else {
        s.slot
    };
    let next = powered_off(State { slot, ..s });
    Outcome {
        verdict: Verdict::Silent,
        ..Outcome::sw(next, 0, &["PRO-5", "APD-4"])
    }
}

fn secured(s: State) -> Option<Step> {
    (s.channel != Channel::Open).then(|| Outcome::sw(channel_ended(s), 0x6982, &["PRO-2", "APD-6"]))
}

fn commit(s: State, input: Input, weak: Weak) -> Step {
    if let Some(refused) = secured(s) {
        return refused;
    }
    match s.slot {
        Slot::Empty => Outcome::sw(s, 0x6A88, &["PRO-5"]),
        Slot::Staged if input == Input::CommitTorn => torn(s, Slot::Active, weak),
        Slot::Staged => good(
            State {
                slot: Slot::Active,
                ..s
            },
            Output::Receipt,
            &["PRO-5", "PRO-6", "PRO-7"],
        ),
        Slot::Half | Slot::Active | Slot::Suspended | Slot::Deleted => {
            Outcome::sw(s, 0x6985, &["PRO-11"])
        }
    }
}

fn manage(s: State, input: Input) -> Step {
    if let Some(refused) = secured(s) {
        return refused;
    }
    let (slot, reqs): (_, &'static [&'static str]) = match (input, s.slot) {
        (_, Slot::Empty) => return Outcome::sw(s, 0x6A88, &["MNG-1"]),
        (Input::Delete, Slot::Deleted) => return Outcome::sw(s, 0x6A88, &["MNG-2"]),
        (Input::Delete, _) => (Slot::Deleted, &["MNG-8"]),
        (Input::Suspend, Slot::Active) => (Slot::Suspended, &["MNG-9"]),
        (Input::Resume, Slot::Suspended) => (Slot::Active, &["MNG-1"]),
        _ => return Outcome::sw(s, 0x6985, &["MNG-1"]),
    };
    Outcome::sw(State { slot, ..s }, 0x9000, reqs)
}

fn get_status(s: State) -> Step {
    if let Some(refused) = secured(s) {
        return refused;
    }
    if s.slot == Slot::Empty {
        Outcome::sw(s, 0x6A88, &[])
    } else {
        good(s, Output::Status, &[])
    }
}

fn sign(s: State, input: Input) -> Step {
    let sw = match input {
        Input::SignOtherKind => 0x6A86,
        Input::SignShort | Input::SignLong => 0x6700,
        _ if s.selected != Selected::Domain => 0x6985,
        _ => return good(s, Output::Evidence, &["APD-8"]),
    };
    Outcome::sw(s, sw, &["APD-8"])
}

fn gpo(s: State, weak: Weak) -> Step {
    let pays =
        s.slot == Slot::Active || s.slot == Slot::Suspended && weak.has(Weakness::SuspendedPays);
    if s.selected != Selected::Slot || !pays {
        return Outcome::sw(s, 0x6985, &["TAP-6", "MNG-9"]);
    }
    good(
        State {
            payment: Payment::Options,
            ..s
        },
        Output::Options,
        &["TAP-4"],
    )
}

fn read_record(s: State, input: Input) -> Step {
    if s.selected != Selected::Slot {
        return Outcome::sw(s, 0x6985, &["APD-2"]);
    }
    if input == Input::ReadRecordUnknown {
        return Outcome::sw(s, 0x6A83, &["APD-2"]);
    }
    good(s, Output::Record, &[])
}

fn generate(s: State, input: Input) -> Step {
    match (s.payment, input) {
        (Payment::Options, Input::GenerateAac) => good(
            State {
                payment: Payment::Done,
                ..s
            },
            Output::Aac,
            &["TAP-2", "TAP-5"],
        ),
        (Payment::Options, _) => good(
            State {
                payment: Payment::Asked,
                ..s
            },
            Output::Arqc,
            &["TAP-1", "TAP-2", "TAP-5"],
        ),
        (Payment::Asked, Input::GenerateTc) => good(
            State {
                payment: Payment::Done,
                ..s
            },
            Output::Tc,
            &["TAP-2", "TAP-5"],
        ),
        (Payment::Asked, Input::GenerateAac) => good(
            State {
                payment: Payment::Done,
                ..s
            },
            Output::Aac,
            &["TAP-2", "TAP-5"],
        ),
        _ => Outcome::sw(s, 0x6985, &["TAP-5"]),
    }
}

impl Machine for Chip {
    type State = State;
    type Input = Input;
    type Output = Output;

    fn init() -> State {
        init()
    }

    fn inputs() -> Vec<Input> {
        inputs()
    }

    fn sayable(s: &State, input: &Input) -> bool {
        match input {
            Input::ExtAuthReplayed => s.scripted,
            Input::StoreReplayed => s.scripted && s.channel == Channel::Open,
            // A power cut inside a write cannot be placed from outside; it is the simulator's.
            Input::StoreLastTorn | Input::CommitTorn => false,
            Input::StoreBadMac => s.channel == Channel::Open,
            _ => true,
        }
    }

    fn step(state: &State, input: &Input, weak: &Weak) -> Step {
        step(state, input, weak)
    }

    fn chapters() -> Vec<(&'static str, Vec<Input>)> {
        let all = |from: Input, to: Input| {
            Input::ALL
                .iter()
                .copied()
                .filter(move |input| (from..=to).contains(input))
        };
        let good = [
            Input::SelectDomain,
            Input::InitUpdate,
            Input::ExtAuth,
            Input::StoreMore,
            Input::StoreLast,
            Input::Commit,
        ];
        vec![
            (
                "channel",
                all(Input::Reset, Input::ExtAuthReplayed)
                    .chain([Input::GetStatus])
                    .chain(all(Input::GetChipId, Input::SignLong))
                    .collect(),
            ),
            (
                "script",
                [
                    Input::Reset,
                    Input::SelectDomain,
                    Input::SelectSlot,
                    Input::InitUpdate,
                    Input::ExtAuth,
                ]
                .into_iter()
                .chain(all(Input::StoreMore, Input::GetReceipt))
                .collect(),
            ),
            (
                "payment",
                good.into_iter()
                    .chain([
                        Input::Reset,
                        Input::Suspend,
                        Input::SelectSlot,
                        Input::SelectDirectory,
                        Input::SignPayment,
                    ])
                    .chain(all(Input::Gpo, Input::UnknownInstruction))
                    .collect(),
            ),
        ]
    }
}
