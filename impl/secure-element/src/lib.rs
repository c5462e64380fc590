//! The chip: an applet that is personalised over SCP03 and pays by EMV. `spec/85-apdu.md` is its contract.
//!
//! Read [`Chip::process`] first. A command is read, put together if it comes in a `chain`, opened if it is secured, judged by one
//! function of its file (`select`, `data`, `channel`, `evidence`, `provision`, `manage`, `tap`, `verify`) into a `Change`, and only
//! then is anything changed: first one record of the non-volatile [`image`], in one atomic write of the [`journal`], then what
//! is volatile, then the answer. What must be stored before it is known what to answer is stored there: a try of a PIN, a cryptogram.
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

use kaika_apdu::{Command, StatusWord};
use kaika_crypto::chip::ChipKeys;
use kaika_spec::limit::{APDU_MAX, DATA_MAX};

mod chain;
mod channel;
mod cryptogram;
mod data;
mod evidence;
pub mod image;
pub mod journal;
mod manage;
mod provision;
mod select;
mod tap;
mod verify;

use chain::{Chain, Link};
use channel::{Secure, is_management};
use image::{Image, Record};
use journal::Journal;
pub use journal::{Damaged, Fault, Flash};
use provision::Staging;
use select::Selected;
use tap::Payment;

/// Answer to reset: T=0, and historical bytes in COMPACT-TLV (category 80): card capabilities (selection by full and partial
/// name; data in bytes; command chaining, extended lengths, one logical channel), issuer's data `KAIKA`.
pub const ATR: [u8; 15] = [
    0x3b, 0x6b, 0x00, 0x00, 0x80, 0x73, 0xc0, 0x01, 0xc0, 0x55, 0x4b, 0x41, 0x49, 0x4b, 0x41,
];

/// Longest answer without its status word.
const ANSWER_MAX: usize = 256;

/// A chip over its non-volatile memory.
#[derive(Debug)]
pub struct Chip<F: Flash> {
    keys: ChipKeys,
    se_id: [u8; 8],
    journal: Journal<F>,
    image: Image,
    volatile: Volatile,
}

/// What does not survive a reset.
#[derive(Debug, Default)]
struct Volatile {
    selected: Selected,
    secure: Secure,
    staging: Option<Staging>,
    payment: Payment,
    pending: Pending,
    chain: Chain,
    /// Where GET STATUS goes on, by the place in the registry.
    listing: Option<usize>,
}

impl Volatile {
    /// Everything goes.
    fn forget(&mut self) {
        self.selected = Selected::Nothing;
        self.secure = Secure::Closed;
        self.staging = None;
        self.payment = Payment::default();
        self.pending.data.length = 0;
        self.chain.drop();
        self.listing = None;
    }
}

/// What waits for GET RESPONSE.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    data: Data,
    /// The word of the whole answer.
    status: Option<StatusWord>,
}

/// Bytes of an answer.
#[derive(Clone, Copy, Debug)]
struct Data {
    bytes: [u8; ANSWER_MAX],
    length: usize,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            bytes: [0; ANSWER_MAX],
            length: 0,
        }
    }
}

impl Data {
    fn of(bytes: &[u8]) -> Self {
        let mut data = Self::default();
        if let Some(target) = data.bytes.get_mut(..bytes.len()) {
            target.copy_from_slice(bytes);
            data.length = bytes.len();
        }
        data
    }

    /// What `fill` writes as objects.
    fn write(
        &mut self,
        fill: impl FnOnce(&mut kaika_apdu::tlv::Writer<'_>) -> Result<(), kaika_apdu::Full>,
    ) -> Result<(), StatusWord> {
        let mut writer = kaika_apdu::tlv::Writer::new(&mut self.bytes);
        fill(&mut writer).map_err(|_| StatusWord::WRONG_LENGTH)?;
        self.length = writer.len();
        Ok(())
    }

    /// These bytes; nothing when they are too many.
    fn set(&mut self, bytes: &[u8]) {
        *self = Self::of(bytes);
    }

    /// This and more; what does not fit is left out.
    fn append(&mut self, more: &[u8]) {
        let end = self.length.saturating_add(more.len());
        if let Some(target) = self.bytes.get_mut(self.length..end) {
            target.copy_from_slice(more);
            self.length = end;
        }
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// All that follows from one good command.
#[derive(Debug, Default)]
struct Change {
    /// What is written, when something is.
    record: Option<Record>,
    /// What becomes of the volatile part.
    then: Then,
    /// The answer's status word, when it is not 9000.
    status: Option<StatusWord>,
}

/// What becomes of the volatile part.
#[derive(Debug, Default)]
enum Then {
    /// Nothing.
    #[default]
    Stay,
    /// Everything volatile goes; this is selected.
    Select(Selected),
    /// This is the secure channel now; what was staged goes.
    Secure(Secure),
    /// The blocks so far have become a staged token.
    Staged,
    /// This is where the payment stands now.
    Pay(Payment),
    /// The listing goes on here.
    List(Option<usize>),
}

type Judged = Result<Change, StatusWord>;

/// Instruction bytes.
mod ins {
    pub(super) const SELECT: u8 = 0xa4;
    pub(super) const READ_RECORD: u8 = 0xb2;
    pub(super) const GET_RESPONSE: u8 = 0xc0;
    pub(super) const INITIALIZE_UPDATE: u8 = 0x50;
    pub(super) const EXTERNAL_AUTHENTICATE: u8 = 0x82;
    pub(super) const STORE_DATA: u8 = 0xe2;
    pub(super) const SET_STATUS: u8 = 0xf0;
    pub(super) const DELETE: u8 = 0xe4;
    pub(super) const GET_STATUS: u8 = 0xf2;
    pub(super) const GET_DATA: u8 = 0xca;
    pub(super) const GET_PROCESSING_OPTIONS: u8 = 0xa8;
    pub(super) const GENERATE_AC: u8 = 0xae;
    pub(super) const VERIFY: u8 = 0x20;
    pub(super) const SIGN_EVIDENCE: u8 = 0x2a;
}

impl<F: Flash> Chip<F> {
    /// A chip with its keys, over memory that may hold an image already.
    ///
    /// # Errors
    /// [`Damaged`] when the memory was written and holds no whole image.
    pub fn new(keys: ChipKeys, se_id: [u8; 8], flash: F) -> Result<Self, Damaged> {
        let (journal, image) = Journal::open(flash)?;
        Ok(Self {
            keys,
            se_id,
            journal,
            image,
            volatile: Volatile::default(),
        })
    }

    /// Power off and on again: everything volatile goes.
    pub fn reset(&mut self) {
        //= spec/85-apdu.md#apd-4-nothing-volatile-survives
        //# Session keys, pending answers and the payment in progress MUST NOT survive SELECT or reset.
        self.volatile.forget();
    }

    /// The memory, for what stands around the chip.
    pub const fn flash(&mut self) -> &mut F {
        self.journal.flash()
    }

    /// What is stored now.
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// Takes one command APDU and writes the response APDU; returns its length. `out` holds at least 258 bytes.
    pub fn process(&mut self, apdu: &[u8], out: &mut [u8]) -> usize {
        let mut answer = Data::default();
        let judged = self.judge(apdu, &mut answer);
        let status = judged.and_then(|(change, expected)| {
            let status = self.commit(change)?;
            Ok(self.shorten(&mut answer, status, expected))
        });
        //= spec/85-apdu.md#apd-3-refusals-change-nothing
        //# An error answer MUST leave non-volatile memory unchanged except the sequence counter, the failed-channel counter,
        //# the PIN try counter and the transaction counter.
        let status = status.unwrap_or_else(|status| {
            self.volatile.chain.drop();
            answer.length = 0;
            status
        });
        let response = kaika_apdu::Response {
            data: answer.get(),
            status,
        };
        response.encode(out).unwrap_or(0)
    }

    /// Everything that is checked, in the order of the specification.
    fn judge(&mut self, apdu: &[u8], answer: &mut Data) -> Result<(Change, u32), StatusWord> {
        //= spec/85-apdu.md#apd-1-every-length-is-checked
        //# The chip MUST answer 6700 to a command that is not one of the seven cases of ISO 7816-3 or is longer than `APDU_MAX`.
        if apdu.len() > APDU_MAX {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let command = Command::parse(apdu).map_err(|_| StatusWord::WRONG_LENGTH)?;
        //= spec/85-apdu.md#apd-2-a-fixed-order-of-checks
        //# The chip MUST check length, class, logical channel, instruction, secure messaging, P1-P2, data length and state in this
        //# order, and answer for the first that fails.
        class(command.cla, command.ins)?;
        instruction(&command)?;
        if self.linked(&command)? == Link::More {
            return Ok((Change::default(), 0));
        }
        let change = if is_management(&command) {
            self.secured(&command, answer)
        } else {
            let change = self.dispatch(&command, command.data, answer);
            change.inspect_err(|_| self.after_error(&command))
        };
        change.map(|change| (change, command.expected))
    }

    /// Opens, judges, protects. Apart, since no other command needs room for its data in the clear.
    #[inline(never)]
    fn secured(&mut self, command: &Command<'_>, answer: &mut Data) -> Judged {
        let mut plain = [0; DATA_MAX];
        let length = self.open(command, &mut plain)?;
        self.volatile.chain.drop();
        let data = plain.get(..length).unwrap_or_default();
        let change = self.dispatch(command, data, answer);
        let change = change.inspect_err(|_| self.after_error(command))?;
        self.protect(&change, answer)?;
        Ok(change)
    }

    fn dispatch(&mut self, command: &Command<'_>, data: &[u8], answer: &mut Data) -> Judged {
        if command.ins == ins::GET_RESPONSE {
            return self.get_response(command, answer);
        }
        self.volatile.pending.data.length = 0;
        match command.ins {
            ins::SELECT => self.select(command, answer),
            ins::READ_RECORD => self.read_record(command, answer),
            ins::INITIALIZE_UPDATE => self.initialize_update(command, answer),
            ins::EXTERNAL_AUTHENTICATE if command.cla == 0x00 => self.authenticate_issuer(command),
            ins::EXTERNAL_AUTHENTICATE => self.external_authenticate(command),
            ins::STORE_DATA => self.store_data(command, data),
            ins::SET_STATUS => self.set_status(command, data, answer),
            ins::DELETE => self.delete(command, data, answer),
            ins::GET_STATUS => self.get_status(command, data, answer),
            ins::GET_DATA => self.get_data(command, answer),
            ins::GET_PROCESSING_OPTIONS => self.get_processing_options(command, answer),
            ins::VERIFY => self.verify(command),
            ins::GENERATE_AC => self.generate_ac(command, answer),
            ins::SIGN_EVIDENCE => self.sign_evidence(command, answer),
            _ => Err(StatusWord::UNKNOWN_INSTRUCTION),
        }
    }

    /// A script that stumbles loses what it staged so far; an opening that stumbles, its challenge.
    fn after_error(&mut self, command: &Command<'_>) {
        match (command.ins, command.cla) {
            (ins::STORE_DATA, _) => self.volatile.staging = None,
            (ins::EXTERNAL_AUTHENTICATE, 0x84) => self.close(),
            _ => {}
        }
    }

    /// All the change and none of the judgement.
    fn commit(&mut self, change: Change) -> Result<StatusWord, StatusWord> {
        //= spec/60-provision.md#pro-6-written-before-answered
        //# The chip MUST commit every non-volatile change before the answer that reveals it leaves.
        if let Some(record) = change.record {
            self.store(&record)?;
        }
        match change.then {
            Then::Stay => {}
            Then::Select(selected) => {
                self.volatile.forget();
                self.volatile.selected = selected;
            }
            Then::Secure(secure) => {
                self.volatile.secure = secure;
                self.volatile.staging = None;
                self.volatile.listing = None;
            }
            Then::Staged => self.volatile.staging = None,
            Then::Pay(payment) => self.volatile.payment = payment,
            Then::List(next) => self.volatile.listing = next,
        }
        Ok(change.status.unwrap_or(StatusWord::OK))
    }

    /// Stores a record. Afterwards the image has it too.
    fn store(&mut self, record: &Record) -> Result<(), StatusWord> {
        self.journal
            .commit(record, &self.image)
            .map_err(|_| MEMORY_FAILURE)?;
        self.image.apply(record);
        Ok(())
    }

    /// What does not fit the expected length waits for GET RESPONSE.
    fn shorten(&mut self, answer: &mut Data, status: StatusWord, expected: u32) -> StatusWord {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        let later = answer.get().get(expected..).unwrap_or_default();
        if later.is_empty() {
            return status;
        }
        let rest = Data::of(later);
        answer.length = expected;
        self.volatile.pending = Pending {
            data: rest,
            status: Some(status),
        };
        waiting(&rest)
    }

    /// The rest of an answer. More than there is may not be asked for: the rest then waits on.
    fn get_response(&mut self, command: &Command<'_>, answer: &mut Data) -> Judged {
        if (command.p1, command.p2) != (0, 0) {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let Pending { data, status } = self.volatile.pending;
        if data.length == 0 {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let expected = usize::try_from(command.expected).unwrap_or(usize::MAX);
        if expected > data.length && !matches!(command.expected, 256 | 65_536) {
            let available = u8::try_from(data.length).unwrap_or(0);
            return Err(StatusWord::wrong_le(available));
        }
        self.volatile.pending.data.length = 0;
        *answer = data;
        Ok(Change {
            status,
            ..Change::default()
        })
    }
}

/// 61xx: so much waits, 00 for 256.
fn waiting(rest: &Data) -> StatusWord {
    let length = u8::try_from(rest.length).unwrap_or(0);
    StatusWord(u16::from_be_bytes([0x61, length]))
}

/// Writing the memory failed (6581): nothing was changed.
const MEMORY_FAILURE: StatusWord = StatusWord(0x6581);

/// Class, logical channel and whether the instruction may be chained.
const fn class(cla: u8, ins: u8) -> Result<(), StatusWord> {
    match cla & !0x13 {
        0x00 | 0x80 | 0x84 => {}
        _ => return Err(StatusWord::UNKNOWN_CLASS),
    }
    if cla & 0x03 != 0 {
        return Err(StatusWord::CHANNEL_NOT_SUPPORTED);
    }
    if cla & chain::MORE != 0 && ins != ins::STORE_DATA {
        Err(StatusWord::CHAINING_NOT_SUPPORTED)
    } else {
        Ok(())
    }
}

/// Whether there is such an instruction, and in this class. Management commands exist in 80 only to be refused.
const fn instruction(command: &Command<'_>) -> Result<(), StatusWord> {
    let cla = command.cla & !chain::MORE;
    let fits = match command.ins {
        ins::SELECT | ins::READ_RECORD | ins::GET_RESPONSE | ins::VERIFY => cla == 0x00,
        ins::INITIALIZE_UPDATE
        | ins::GET_PROCESSING_OPTIONS
        | ins::GENERATE_AC
        | ins::SIGN_EVIDENCE => cla == 0x80,
        ins::EXTERNAL_AUTHENTICATE => cla != 0x80,
        ins::GET_DATA | ins::STORE_DATA | ins::SET_STATUS | ins::DELETE | ins::GET_STATUS => {
            cla != 0x00
        }
        _ => return Err(StatusWord::UNKNOWN_INSTRUCTION),
    };
    if fits {
        Ok(())
    } else {
        Err(StatusWord::UNKNOWN_CLASS)
    }
}

#[cfg(test)]
mod tests;
