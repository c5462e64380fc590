//! What the chip must hold and answer, in a few variables: tokens in slots, pieces of a template, the channel's counters.

use kaika_conformance::crypto::cbc_encrypt;
use kaika_conformance::crypto::channel::{ChipKeys, DOMAIN, longer_keys, receipt};
use kaika_spec::limit::SLOTS;

use crate::bytes::grow;
use crate::chip::ops::{template, token_key};
use crate::chip::twin::{slot_aid, tlv};
use crate::chip::{KMC, SE_ID};

/// Where a template's encrypted key stands.
const KEY_AT: core::ops::Range<usize> = 44..60;

/// What is asked in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// STORE DATA, a whole template.
    Whole(u8),
    /// Its first piece.
    First(u8),
    /// What is left of the template that was begun.
    Rest,
    Commit,
    Rollback,
    Suspend(usize),
    Resume(usize),
    Delete(usize),
    /// GET STATUS of the slots.
    Slots,
    /// GET STATUS of the domain.
    Domain,
    Data([u8; 2]),
    /// COMMIT that names nothing at all: no data.
    Empty,
    /// SET STATUS with a P2 that there is not.
    Unknown,
}

impl Ask {
    /// Whether a good answer to it may change a slot.
    pub(super) const fn writes(self) -> bool {
        !matches!(
            self,
            Self::First(_) | Self::Slots | Self::Domain | Self::Data(_)
        )
    }
}

const OBJECTS: [[u8; 2]; 4] = [[0xDF, 0x21], [0x9F, 0x7F], [0x00, 0xC1], [0x00, 0x5A]];

pub(super) fn asked(op: u8, arg: u8) -> Ask {
    let slot = usize::from(arg) % SLOTS;
    match op {
        4 | 5 => Ask::Whole(arg % 8),
        6 => Ask::First(arg % 8),
        7 => Ask::Rest,
        8 | 9 => Ask::Commit,
        10 => Ask::Rollback,
        11 => match arg % 2 {
            0 => Ask::Suspend(usize::from(arg / 2) % SLOTS),
            _ => Ask::Resume(usize::from(arg / 2) % SLOTS),
        },
        12 => Ask::Delete(slot),
        13 => match arg % 2 {
            0 => Ask::Slots,
            _ => Ask::Domain,
        },
        14 => Ask::Data(OBJECTS[slot]),
        _ => match arg % 2 {
            0 => Ask::Empty,
            _ => Ask::Unknown,
        },
    }
}

/// Slot states by their bytes in GET STATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Staged = 0x03,
    Active = 0x07,
    Suspended = 0x83,
    Deleted = 0xFF,
}

/// Pieces of a template so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    None,
    First(u8),
    /// After a refused piece: the specification does not say whether those before it are kept.
    Unclear,
}

/// What the chip must hold.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// Token number and state.
    pub(super) slots: [Option<(u8, State)>; SLOTS],
    pub(super) pieces: Pieces,
    pub(super) sequence: u32,
    pub(super) failures: u8,
    /// Whether the security domain is selected.
    pub(super) selected: bool,
    /// Version and level of the channel that is open.
    pub(super) open: Option<(u8, u8)>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            slots: [None; SLOTS],
            pieces: Pieces::None,
            sequence: 0,
            failures: 0,
            selected: false,
            open: None,
        }
    }
}

/// An answer that is allowed, and what the chip holds then.
pub(super) type Outcome = (u16, Vec<u8>, Ledger);

impl Ledger {
    pub(super) fn close(&mut self) {
        self.open = None;
        self.pieces = Pieces::None;
    }

    fn closed(&self) -> Vec<Outcome> {
        let mut next = self.clone();
        next.close();
        vec![(0x6982, Vec::new(), next)]
    }

    fn refused(&self, statuses: &[u16]) -> Vec<Outcome> {
        let outcome = |status: &u16| (*status, Vec::new(), self.clone());
        statuses.iter().map(outcome).collect()
    }

    fn good(self, data: Vec<u8>) -> Vec<Outcome> {
        vec![(0x9000, data, self)]
    }

    pub(super) fn place(&self, state: State) -> Option<usize> {
        let holds = |slot: &Option<(u8, State)>| slot.is_some_and(|(_, held)| held == state);
        self.slots.iter().position(holds)
    }

    /// What may be answered to a command that is as the host sent it.
    pub(super) fn answers(&self, ask: Ask) -> Vec<Outcome> {
        let Some((_, level)) = self.open else {
            return self.closed();
        };
        match ask {
            Ask::Whole(_) | Ask::First(_) | Ask::Rest if level & 0x02 == 0 => self.closed(),
            Ask::Whole(n) if self.pieces == Pieces::None => self.store(n),
            Ask::First(n) if self.pieces == Pieces::None => {
                let pieces = Pieces::First(n);
                Self {
                    pieces,
                    ..self.clone()
                }
                .good(Vec::new())
            }
            Ask::Rest => match self.pieces {
                Pieces::First(n) => self.store(n),
                _ => self.refused(&[0x6985]),
            },
            Ask::Whole(_) | Ask::First(_) => self.unclear(&[0x6985]),
            Ask::Commit | Ask::Rollback => self.staged(ask),
            Ask::Suspend(at) => self.moved(at, State::Active, State::Suspended),
            Ask::Resume(at) => self.moved(at, State::Suspended, State::Active),
            Ask::Delete(at) => self.deleted(at),
            Ask::Slots | Ask::Domain | Ask::Data(_) => match self.shown(ask) {
                data if data.is_empty() => self.refused(&[0x6A88]),
                data => self.clone().good(data),
            },
            Ask::Empty => self.refused(&[0x6A80]),
            Ask::Unknown => self.refused(&[0x6A86]),
        }
    }

    fn unclear(&self, statuses: &[u16]) -> Vec<Outcome> {
        let begun = self.pieces != Pieces::None;
        let mut next = self.clone();
        next.pieces = if begun { Pieces::Unclear } else { Pieces::None };
        next.refused(statuses)
    }

    /// The template of token `n` came to its end.
    fn store(&self, n: u8) -> Vec<Outcome> {
        let held = self.slots.iter().flatten();
        let mut in_use = held.filter(|(token, state)| *token == n && *state != State::Staged);
        if in_use.next().is_some() {
            return self.unclear(&[0x6985, 0x6A84]);
        }
        let empty = self.slots.iter().position(Option::is_none);
        let Some(at) = self.place(State::Staged).or(empty) else {
            return self.unclear(&[0x6A84]);
        };
        let mut next = self.clone();
        next.slots[at] = Some((n, State::Staged));
        next.pieces = Pieces::None;
        next.good(Vec::new())
    }

    /// COMMIT and ROLLBACK of what is staged.
    fn staged(&self, ask: Ask) -> Vec<Outcome> {
        let found = self.place(State::Staged);
        let Some((at, (n, _))) = found.and_then(|at| Some((at, self.slots[at]?))) else {
            return self.refused(&[0x6A88, 0x6985]);
        };
        let mut next = self.clone();
        next.slots[at] = (ask == Ask::Commit).then_some((n, State::Active));
        next.good(match ask {
            Ask::Commit => tlv(&[0xDF, 0x23], &receipt_of(n)),
            _ => Vec::new(),
        })
    }

    fn moved(&self, at: usize, from: State, to: State) -> Vec<Outcome> {
        match self.slots[at] {
            None => self.refused(&[0x6A88]),
            Some((n, state)) if state == from => {
                let mut next = self.clone();
                next.slots[at] = Some((n, to));
                next.good(Vec::new())
            }
            Some(_) => self.refused(&[0x6985, 0x6A88]),
        }
    }

    fn deleted(&self, at: usize) -> Vec<Outcome> {
        match self.slots[at] {
            None | Some((_, State::Deleted)) => self.refused(&[0x6A88]),
            Some((n, _)) => {
                let mut next = self.clone();
                next.slots[at] = Some((n, State::Deleted));
                next.good(vec![0])
            }
        }
    }

    /// What GET STATUS and GET DATA show; nothing when there is none.
    pub(super) fn shown(&self, ask: Ask) -> Vec<u8> {
        match ask {
            Ask::Domain => entry(&DOMAIN, 0x0F, [0x80, 0, 0x80], None),
            Ask::Slots => {
                let slots = self.slots.iter().enumerate();
                let entry = |(at, slot): (usize, &Option<(u8, State)>)| {
                    let Some((n, state)) = slot else {
                        return Vec::new();
                    };
                    entry(&slot_aid(at), *state as u8, [0; 3], Some(*n))
                };
                slots.flat_map(entry).collect()
            }
            Ask::Data([0x9F, 0x7F]) => tlv(&[0x9F, 0x7F], &SE_ID),
            Ask::Data([0x00, 0xC1]) => tlv(&[0xC1], &self.sequence.to_be_bytes()[1..]),
            Ask::Data([0xDF, 0x21]) => self.receipts(),
            _ => Vec::new(),
        }
    }

    fn receipts(&self) -> Vec<u8> {
        let shown = |(_, state): &&(u8, State)| matches!(state, State::Active | State::Suspended);
        let slots = self.slots.iter().flatten().filter(shown);
        let list: Vec<u8> = slots
            .flat_map(|(n, _)| {
                let reference = tlv(&[0xDF, 0x22], &grow::<16>(*n));
                [reference, tlv(&[0xDF, 0x23], &receipt_of(*n))].concat()
            })
            .collect();
        match u8::try_from(list.len()) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(length @ 128..) => [&[0xDF, 0x21, 0x81, length], &list[..]].concat(),
            Ok(_) => tlv(&[0xDF, 0x21], &list),
        }
    }
}

fn entry(aid: &[u8], state: u8, privileges: [u8; 3], token: Option<u8>) -> Vec<u8> {
    let mut inner = tlv(&[0x4F], aid);
    inner.extend(tlv(&[0x9F, 0x70], &[state]));
    inner.extend(tlv(&[0xC5], &privileges));
    if let Some(n) = token {
        inner.extend(tlv(&[0xDF, 0x22], &grow::<16>(n)));
    }
    tlv(&[0xE3], &inner)
}

fn receipt_of(n: u8) -> [u8; 16] {
    let keys = ChipKeys::of(&KMC, &SE_ID);
    let mut clear = template(n);
    clear[KEY_AT].copy_from_slice(&token_key(n));
    let context = grow::<32>(n ^ 0xAA);
    receipt(
        &keys.receipt,
        &SE_ID,
        &grow::<16>(n),
        &context,
        1,
        &clear[2..],
    )
}

/// ENC, MAC and DEK of a key version; 00 stands for 30.
pub(super) fn keys_of(version: u8) -> [Vec<u8>; 3] {
    match version {
        0x31 | 0x32 => longer_keys(&KMC, &SE_ID, version),
        _ => {
            let keys = ChipKeys::of(&KMC, &SE_ID);
            [keys.enc, keys.mac, keys.dek].map(|key| key.to_vec())
        }
    }
}

/// Token number `n`'s template, its key under the DEK of the channel's key version.
pub(super) fn template_under(version: u8, n: u8) -> Vec<u8> {
    let [.., dek] = keys_of(version);
    let mut bytes = template(n);
    bytes[KEY_AT].copy_from_slice(&cbc_encrypt(&dek, [0; 16], &token_key(n)));
    bytes
}
