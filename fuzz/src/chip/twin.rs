//! A naive chip, written from `spec/85-apdu.md` alone: slow, allocating, and obvious.
//!
//! [`Twin::step`] says everything that a chip may answer to one command: usually one [`Outcome`], several where the
//! specification leaves a choice. Each outcome lists the states of non-volatile memory that a loss of power during
//! the command may leave behind.

use kaika_spec::limit;

use super::host;
use crate::apdu::{self, Fields};

/// What survives a loss of power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    /// The sequence counter.
    pub seq: u32,
    /// Failed EXTERNAL AUTHENTICATEs in a row.
    pub failed: u8,
    /// The token slots.
    pub slots: [Option<Slot>; limit::SLOTS],
}

/// State of a filled slot, as in 9F70.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Written, not yet committed.
    Staged = 0x03,
    /// Pays.
    Active = 0x07,
    /// Does not pay until resumed.
    Suspended = 0x83,
    /// Gone; its reference is remembered.
    Deleted = 0xFF,
}

impl State {
    fn byte(self) -> u8 {
        match self {
            Self::Staged => 0x03,
            Self::Active => 0x07,
            Self::Suspended => 0x83,
            Self::Deleted => 0xFF,
        }
    }
}

/// A token in the chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its state.
    pub state: State,
    /// The token reference.
    pub token_ref: [u8; 16],
    /// The token number, BCD.
    pub token: [u8; 8],
    /// The token key.
    pub udk: [u8; 16],
    /// The transaction counter.
    pub atc: u16,
    /// The last that ended online.
    last_online: u16,
    /// The PIN block, when there is a PIN.
    pin: Option<[u8; 8]>,
    /// Wrong PINs in a row.
    pub pin_failures: u8,
    /// Cryptogram version.
    version: u8,
    receipt: [u8; 16],
}

/// What SELECT chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selected {
    Nothing,
    Security,
    Ppse,
    Pse,
    Slot(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Channel {
    Closed,
    Challenged {
        host: [u8; 8],
        card: [u8; 8],
        version: u8,
    },
    Open(Box<Keys>),
    Aborted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Keys {
    enc: Vec<u8>,
    mac: Vec<u8>,
    rmac: Vec<u8>,
    dek: Vec<u8>,
    chain: [u8; 16],
    counter: u32,
    level: u8,
}

/// What was verified in a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Checks {
    /// 04 a PIN was verified, 02 and was wrong.
    cardholder: u8,
    /// The issuer's proof was wrong.
    issuer_wrong: bool,
    /// No approval may follow.
    refused: bool,
    /// A proof was given.
    proven: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Payment {
    None,
    Started,
    First,
    Done,
}

/// The naive chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// What survives.
    pub durable: Durable,
    se_id: [u8; 8],
    kmc: [u8; 16],
    keys: [[u8; 16]; 4],
    selected: Selected,
    /// The chain in progress: its header and its data so far.
    link: Option<([u8; 4], Vec<u8>)>,
    /// Where GET STATUS goes on.
    listing: Option<usize>,
    checks: Checks,
    /// The request cryptogram.
    request: [u8; 8],
    channel: Channel,
    blocks: Vec<u8>,
    next_block: u8,
    payment: Payment,
    /// What waits for GET RESPONSE, and the word of the whole answer.
    pending: Option<Body>,
    pending_status: u16,
}

/// What the data of an answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// These bytes.
    Exactly(Vec<u8>),
    /// Any bytes with these inside.
    Holding(Vec<u8>),
    /// The rest of an answer of which only a part is known beforehand.
    Rest,
    /// A cryptogram of one of these kinds by this key, for this counter, over this data.
    Cryptogram {
        /// Pairs of 9F27 and the second and third byte of the verification results.
        kinds: Vec<(u8, [u8; 2])>,
        /// Cryptogram version.
        version: u8,
        /// The token key.
        udk: [u8; 16],
        /// The transaction counter.
        atc: u16,
        /// What the shop's terminal sent.
        data: Vec<u8>,
    },
}

/// One thing that a chip may do.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The chip afterwards.
    pub next: Twin,
    /// Status word.
    pub status: u16,
    /// Data of the answer.
    pub body: Body,
    /// What a loss of power may leave, in the order of writing: never a mixture.
    pub torn: Vec<Durable>,
}

/// AID of slot `n` (0-based).
pub fn slot_aid(n: usize) -> Vec<u8> {
    let mut aid = host::ISD[..6].to_vec();
    aid.push(0x01);
    aid.push(u8::try_from(n + 1).unwrap_or(0));
    aid
}

/// Tag, one length byte, value.
pub fn tlv(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = tag.to_vec();
    out.push(u8::try_from(value.len()).unwrap_or(0));
    out.extend_from_slice(value);
    out
}

impl Twin {
    /// A chip as manufactured.
    pub fn new(kmc: &[u8; 16], se_id: [u8; 8]) -> Self {
        Self {
            durable: Durable {
                seq: 0,
                failed: 0,
                slots: [None, None, None, None],
            },
            se_id,
            kmc: *kmc,
            link: None,
            listing: None,
            checks: Checks::default(),
            request: [0; 8],
            keys: [1, 2, 3, 4].map(|which| host::chip_key(kmc, which, &se_id)),
            selected: Selected::Nothing,
            channel: Channel::Closed,
            blocks: Vec::new(),
            next_block: 0,
            payment: Payment::None,
            pending: None,
            pending_status: 0x9000,
        }
    }

    /// The chip after power was lost with `durable` in memory.
    pub fn rebooted(&self, durable: Durable) -> Self {
        let mut next = self.clone();
        next.durable = durable;
        next.forget();
        next.selected = Selected::Nothing;
        next
    }

    fn forget(&mut self) {
        self.channel = Channel::Closed;
        self.blocks.clear();
        self.next_block = 0;
        self.payment = Payment::None;
        self.checks = Checks::default();
        self.request = [0; 8];
        self.pending = None;
        self.link = None;
        self.listing = None;
    }

    /// A refusal that changes nothing. Bytes that wait for GET RESPONSE may be gone after it: nothing is said of them.
    fn refuse(&self, status: u16) -> Vec<Outcome> {
        let nothing = || Body::Exactly(Vec::new());
        let mut outcomes = self.clone().done(self, status, nothing());
        if self.pending.is_some() {
            let mut next = self.clone();
            next.pending = None;
            outcomes.extend(next.done(self, status, nothing()));
        }
        outcomes
    }

    /// The same, and whatever was open or half open of a channel may be gone too.
    fn refuse_closing(&self, statuses: &[u16]) -> Vec<Outcome> {
        let mut closed = self.clone();
        closed.channel = Channel::Aborted;
        closed.blocks.clear();
        closed.next_block = 0;
        let mut outcomes = self.refuse_any(statuses);
        outcomes.extend(closed.refuse_any(statuses));
        outcomes
    }

    fn done(mut self, before: &Self, status: u16, body: Body) -> Vec<Outcome> {
        if !matches!(status >> 8, 0x90 | 0x62 | 0x63) {
            // Any refusal drops a chain.
            self.link = None;
        }
        let mut torn = vec![before.durable.clone()];
        if self.durable != before.durable {
            torn.push(self.durable.clone());
        }
        vec![Outcome {
            next: self,
            status,
            body,
            torn,
        }]
    }

    fn good(self, before: &Self, data: Vec<u8>) -> Vec<Outcome> {
        self.done(before, 0x9000, Body::Exactly(data))
    }

    /// Everything a chip may answer to `command`.
    pub fn step(&self, command: &[u8]) -> Vec<Outcome> {
        let fields = apdu::by_table(command).filter(|_| command.len() <= limit::APDU_MAX);
        let Some(fields) = fields else {
            return self.refuse(0x6700);
        };
        let [cla, ins, ..] = fields.header;
        let refusals = class_refusals(cla, ins);
        if !refusals.is_empty() {
            return self.refuse_any(&refusals);
        }
        if !is_known(cla & !0x10, ins) {
            return if INSTRUCTIONS.contains(&ins) {
                // A known instruction under a class that it does not have.
                self.refuse_closing(&[0x6E00, 0x6D00, 0x6882, 0x6982])
            } else {
                self.refuse(0x6D00)
            };
        }
        self.linked(command, fields)
    }

    /// Takes the command up into a chain, or goes on with the whole.
    fn linked(&self, command: &[u8], fields: Fields) -> Vec<Outcome> {
        let [cla, ins, p1, p2] = fields.header;
        let (header, more) = ([cla & !0x10, ins, p1, p2], cla & 0x10 != 0);
        let mut next = self.clone();
        let so_far = match next.link.take() {
            Some(_) if ins == 0xA4 => return self.perform(command, &fields),
            Some((begun, _)) if begun != header => {
                if header[0] == 0x80 && MANAGEMENT.contains(&ins) {
                    next.channel = Channel::Aborted;
                    next.blocks.clear();
                    next.next_block = 0;
                }
                return next.refuse(0x6883);
            }
            None if !more => return self.perform(command, &fields),
            Some((_, data)) => data,
            None => {
                let open = matches!(&self.channel, Channel::Open(keys) if keys.level & 0x02 != 0);
                if header[0] != 0x84 || !open {
                    return self.aborted().refuse(0x6982);
                }
                Vec::new()
            }
        };
        let data = [so_far, fields.data.clone()].concat();
        if data.len() > limit::DATA_MAX {
            return next.refuse(0x6700);
        }
        if more {
            next.link = Some((header, data));
            next.pending = None;
            return next.good(self, Vec::new());
        }
        let length = host::length_field(data.len());
        let whole = [&header[..], &length, &data].concat();
        let fields = Fields {
            header,
            extended: length.len() > 1,
            data,
            ..fields
        };
        next.perform(&whole, &fields)
    }

    fn aborted(&self) -> Self {
        let mut aborted = self.clone();
        aborted.channel = Channel::Aborted;
        aborted.blocks.clear();
        aborted.next_block = 0;
        aborted
    }

    fn perform(&self, command: &[u8], fields: &Fields) -> Vec<Outcome> {
        let [cla, ins, ..] = fields.header;
        match (ins, cla) {
            (0xA4, _) => self.select(fields),
            (0xB2, _) => self.read_record(fields),
            (0xC0, _) => self.get_response(fields),
            (0x50, _) => self.initialize_update(fields),
            (0xA8, _) => self.get_processing_options(fields),
            (0xAE, _) => self.generate_ac(fields),
            (0x20, _) => self.verify(fields),
            (0xCA, 0x80) => self.get_data(fields),
            (0x2A, _) => self.sign_evidence(fields),
            (0x82, 0x00) => self.authenticate_issuer(fields),
            (0x82, _) => self.external_authenticate(command, fields),
            (_, 0x84) => self.managed(command, fields),
            _ => self.unsecured_management(),
        }
    }

    fn refuse_any(&self, statuses: &[u16]) -> Vec<Outcome> {
        statuses
            .iter()
            .flat_map(|status| self.refuse(*status))
            .collect()
    }

    /// APD-7: refused, and whatever channel was open is not open any more.
    fn unsecured_management(&self) -> Vec<Outcome> {
        if !matches!(self.channel, Channel::Open(_)) {
            return self.refuse_closing(&[0x6982]);
        }
        let mut aborted = self.clone();
        aborted.channel = Channel::Aborted;
        aborted.blocks.clear();
        aborted.next_block = 0;
        aborted.refuse(0x6982)
    }

    fn visible(&self) -> Vec<(Vec<u8>, Selected, u16)> {
        let mut found = vec![
            (host::ISD.to_vec(), Selected::Security, 0x9000),
            (b"2PAY.SYS.DDF01".to_vec(), Selected::Ppse, 0x9000),
            (b"1PAY.SYS.DDF01".to_vec(), Selected::Pse, 0x9000),
        ];
        for (n, slot) in self.durable.slots.iter().enumerate() {
            match slot.as_ref().map(|slot| slot.state) {
                Some(State::Active) => found.push((slot_aid(n), Selected::Slot(n), 0x9000)),
                Some(State::Suspended) => found.push((slot_aid(n), Selected::Slot(n), 0x6283)),
                _ => {}
            }
        }
        found
    }

    fn select(&self, fields: &Fields) -> Vec<Outcome> {
        match fields.header[2..] {
            [0x04, 0x00 | 0x04] => {}
            [0x04, 0x02] => return self.select_next(&fields.data),
            _ => return self.refuse(0x6A86),
        }
        if fields.data.is_empty() {
            return self.chosen(host::ISD, Selected::Security, 0x9000);
        }
        let mut outcomes = Vec::new();
        for (aid, selected, status) in self.visible() {
            if aid.starts_with(&fields.data) {
                outcomes.extend(self.chosen(&aid, selected, status));
            }
        }
        // A directory has a name, not an AID: a chip need not know it by a part.
        let whole = |(aid, ..): &(Vec<u8>, Selected, u16)| *aid == fields.data;
        let part_of_aid = host::ISD[..5].iter().eq(fields.data.iter().take(5));
        if outcomes.is_empty() || !(part_of_aid || self.visible().iter().any(whole)) {
            outcomes.extend(self.refused_select(&[0x6A82, 0x6700]));
        }
        outcomes
    }

    fn chosen(&self, aid: &[u8], selected: Selected, status: u16) -> Vec<Outcome> {
        let mut next = self.clone();
        next.forget();
        next.selected = selected;
        next.done(self, status, Body::Holding(tlv(&[0x84], aid)))
    }

    /// The next after what is selected, by a beginning of five bytes or more.
    fn select_next(&self, name: &[u8]) -> Vec<Outcome> {
        let all = self.visible();
        let named = all.iter().filter(|(aid, selected, _)| {
            let directory = matches!(selected, Selected::Ppse | Selected::Pse);
            !directory && name.len() >= 5 && aid.starts_with(name)
        });
        let place = |selected: Selected| match selected {
            Selected::Security => 1,
            Selected::Slot(n) => n + 2,
            Selected::Nothing | Selected::Ppse | Selected::Pse => 0,
        };
        let mut later = named.filter(|(_, selected, _)| place(*selected) > place(self.selected));
        match later.next() {
            Some((aid, selected, status)) => self.chosen(aid, *selected, *status),
            None => self.refused_select(&[0x6A82]),
        }
    }

    /// A SELECT that finds nothing: all stays as it was (ISO 7816-4), or the chip forgets, with or without its choice.
    fn refused_select(&self, statuses: &[u16]) -> Vec<Outcome> {
        let mut outcomes = self.refuse_any(statuses);
        for selected in [Selected::Nothing, self.selected] {
            let mut next = self.clone();
            next.forget();
            next.selected = selected;
            outcomes.extend(next.refuse_any(statuses));
        }
        outcomes
    }

    fn get_response(&self, fields: &Fields) -> Vec<Outcome> {
        if fields.header[2..] != [0, 0] {
            return self.refuse(0x6A86);
        }
        let mut next = self.clone();
        if fields.ne.is_some_and(|ne| ne != 256 && ne != 65_536)
            && let Some(Body::Exactly(rest)) = &self.pending
            && fields.ne.is_some_and(|ne| ne > rest.len())
        {
            let mut outcomes = self.refuse(0x6C00 | u16::try_from(rest.len()).unwrap_or(0));
            outcomes.truncate(1);
            return outcomes;
        }
        let mut outcomes = match next.pending.take() {
            Some(body) => {
                let status = core::mem::replace(&mut next.pending_status, 0x9000);
                next.done(self, status, body)
            }
            None => self.refuse(0x6985),
        };
        if !fields.data.is_empty() {
            // The table names no refusal for data that nobody asked for.
            outcomes.extend(self.refuse(0x6700));
        }
        outcomes
    }

    fn initialize_update(&self, fields: &Fields) -> Vec<Outcome> {
        let [.., kvn, p2] = fields.header;
        if p2 != 0 {
            return self.refuse(0x6A86);
        }
        let Ok(host) = <[u8; 8]>::try_from(fields.data.as_slice()) else {
            return self.refuse(0x6700);
        };
        if self.selected != Selected::Security || self.durable.seq == 0xFF_FFFF {
            return self.refuse(0x6985);
        }
        let Some([enc, mac, _]) = host::channel_keys(&self.kmc, kvn, &self.se_id) else {
            return self.refuse(0x6A88);
        };
        if self.durable.failed >= limit::CHANNEL_TRIES_MAX {
            return self.refuse(0x6983);
        }
        let mut next = self.clone();
        next.forget();
        next.durable.seq += 1;
        let [_, seq @ ..] = next.durable.seq.to_be_bytes();
        let card = host::card_challenge(&enc, seq);
        let session = host::Host::new(&enc, &mac, host, card);
        let version = if kvn == 0 { 0x30 } else { kvn };
        let mut data = vec![0, 0];
        data.extend_from_slice(&self.se_id);
        data.extend_from_slice(&[version, 0x03, 0x70]);
        data.extend_from_slice(&card);
        data.extend_from_slice(&session.card_cryptogram);
        data.extend_from_slice(&seq);
        next.channel = Channel::Challenged {
            host,
            card,
            version,
        };
        next.good(self, data)
    }

    fn external_authenticate(&self, command: &[u8], fields: &Fields) -> Vec<Outcome> {
        let [_, _, level, p2] = fields.header;
        if p2 != 0 || !matches!(level, 0x01 | 0x03 | 0x11 | 0x13 | 0x33) {
            return self.refuse_closing(&[0x6A86]);
        }
        if fields.data.len() != 16 {
            return self.refuse_closing(&[0x6700]);
        }
        let Channel::Challenged {
            host,
            card,
            version,
        } = self.channel
        else {
            return self.refuse_closing(&[0x6985]);
        };
        let Some([enc, mac, dek]) = host::channel_keys(&self.kmc, version, &self.se_id) else {
            return self.refuse_closing(&[0x6985]);
        };
        let mut honest = host::Host::new(&enc, &mac, host, card);
        let wanted = honest.authenticate(level);
        let shown = &command[..command.len().min(wanted.len())];
        let mut next = self.clone();
        next.pending = None;
        if shown == wanted {
            next.durable.failed = 0;
            let ([enc, mac, rmac], chain) = honest.session();
            next.channel = Channel::Open(Box::new(Keys {
                enc,
                mac,
                rmac,
                dek,
                chain,
                counter: 0,
                level,
            }));
            return next.good(self, Vec::new());
        }
        next.channel = Channel::Aborted;
        next.durable.failed += 1;
        let mac_holds = honest.mac_holds(shown);
        next.done(
            self,
            if mac_holds { 0x6300 } else { 0x6982 },
            Body::Exactly(Vec::new()),
        )
    }

    /// A command in the channel: MAC, then decryption, then the command.
    fn managed(&self, command: &[u8], fields: &Fields) -> Vec<Outcome> {
        let Some((inner, data)) = self.opened(command, fields) else {
            return self.unsecured_management();
        };
        let [_, ins, p1, p2] = fields.header;
        let level = match &inner.channel {
            Channel::Open(keys) => keys.level,
            Channel::Closed | Channel::Challenged { .. } | Channel::Aborted => 0,
        };
        let mut outcomes = match ins {
            0xE2 if level & 0x02 == 0 => return self.unsecured_management(),
            0xCA => inner.get_data(fields),
            0xE2 => inner.store_data(p1, p2, &data),
            0xF0 => inner.set_status(p1, p2, &data),
            0xE4 => inner.delete(p1, p2, &data),
            _ => inner.get_status(p1, p2, &data, (level, fields.ne)),
        };
        for outcome in &mut outcomes {
            outcome.torn[0] = self.durable.clone();
            inner.protect(outcome);
        }
        outcomes
    }

    /// Good answers at level 33 are protected, by the keys of the command that they answer.
    fn protect(&self, outcome: &mut Outcome) {
        let (Channel::Open(keys), Body::Exactly(data)) = (&self.channel, &outcome.body) else {
            return;
        };
        if keys.level & 0x10 != 0 && matches!(outcome.status >> 8, 0x90 | 0x63) {
            let Keys {
                enc,
                rmac,
                chain,
                counter,
                level,
                ..
            } = &**keys;
            let status = outcome.status.to_be_bytes();
            let sealed = host::protected(*level, enc, rmac, chain, *counter, data, status);
            outcome.body = Body::Exactly(sealed);
        }
    }

    fn opened(&self, command: &[u8], fields: &Fields) -> Option<(Self, Vec<u8>)> {
        let Channel::Open(keys) = &self.channel else {
            return None;
        };
        let (sealed, tag) = fields.data.split_last_chunk::<8>()?;
        let lc = if fields.extended { 3 } else { 1 };
        let signed = command.get(..4 + lc + sealed.len())?;
        let chain = host::cmac(&keys.mac, &[&keys.chain, signed]);
        let counter = keys.counter + 1;
        let encrypted = keys.level & 0x02 != 0;
        if host::half(chain) != *tag || encrypted && sealed.len() % 16 != 0 {
            return None;
        }
        let data = if sealed.is_empty() || !encrypted {
            sealed.to_vec()
        } else {
            host::unseal(&keys.enc, counter, sealed)?
        };
        let mut inner = self.clone();
        inner.pending = None;
        inner.channel = Channel::Open(Box::new(Keys {
            chain,
            counter,
            ..(**keys).clone()
        }));
        Some((inner, data))
    }

    fn store_data(&self, p1: u8, p2: u8, data: &[u8]) -> Vec<Outcome> {
        if !matches!(p1 & !0x10, 0x00 | 0x80) {
            return self.refuse_blocks(&[0x6A86]);
        }
        if p2 != self.next_block {
            return self.refuse_blocks(&[0x6985]);
        }
        let mut next = self.clone();
        next.blocks.extend_from_slice(data);
        if p1 & 0x80 == 0 {
            next.next_block = self.next_block.wrapping_add(1);
            let mut outcomes = next.good(self, Vec::new());
            // A chip may give up on a personalisation that cannot end well.
            outcomes.extend(self.refuse_blocks(&[0x6A80, 0x6A84, 0x6985, 0x6700]));
            return outcomes;
        }
        let whole = core::mem::take(&mut next.blocks);
        next.next_block = 0;
        let Some(slot) = self.template(&whole) else {
            return self.refuse_blocks(&[0x6A80]);
        };
        let same = self.holder(&slot.token_ref);
        if same.is_some_and(|(_, state)| state != State::Staged) {
            return self.refuse_blocks(&[0x6985, 0x6A84]);
        }
        next.stage(self, slot)
    }

    /// At most one slot is staged: a template goes there, else to a free slot.
    fn stage(mut self, before: &Self, slot: Slot) -> Vec<Outcome> {
        let free = self.durable.slots.iter().position(Option::is_none);
        let Some(n) = self.staged().or(free) else {
            return before.refuse_blocks(&[0x6A84]);
        };
        self.durable.slots[n] = Some(slot);
        self.good(before, Vec::new())
    }

    /// After a refused block the blocks so far are gone, or not: the specification does not say.
    fn refuse_blocks(&self, statuses: &[u16]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for status in statuses {
            outcomes.extend(self.refuse(*status));
            let mut next = self.clone();
            next.blocks.clear();
            next.next_block = 0;
            outcomes.extend(next.done(self, *status, Body::Exactly(Vec::new())));
        }
        outcomes
    }

    fn holder(&self, token_ref: &[u8; 16]) -> Option<(usize, State)> {
        self.durable.slots.iter().enumerate().find_map(|(n, slot)| {
            slot.as_ref()
                .filter(|slot| slot.token_ref == *token_ref)
                .map(|slot| (n, slot.state))
        })
    }

    /// Reads the template in the one form that the specification shows.
    fn template(&self, bytes: &[u8]) -> Option<Slot> {
        let (_, inner) = bytes.split_at_checked(2)?;
        let length = u8::try_from(inner.len())
            .ok()
            .filter(|length| *length < 0x80)?;
        if bytes[..2] != [0xE1, length] {
            return None;
        }
        let Channel::Open(keys) = &self.channel else {
            return None;
        };
        let mut at = inner;
        let mut take = |head: &[u8]| -> Option<&[u8]> {
            let rest = at.strip_prefix(head)?;
            let (value, rest) = rest.split_at_checked(usize::from(*head.last()?))?;
            at = rest;
            Some(value)
        };
        let token_ref: [u8; 16] = take(&[0xDF, 0x22, 16])?.try_into().ok()?;
        let token: [u8; 8] = take(&[0x5A, 8])?.try_into().ok()?;
        take(&[0x5F, 0x24, 3])?;
        take(&[0x5F, 0x34, 1])?;
        let sealed = take(&[0xDF, 0x31, 16])?;
        let version = *take(&[0xDF, 0x33, 1])?.first()?;
        let context: [u8; 32] = take(&[0xDF, 0x35, 32])?.try_into().ok()?;
        // The objects so far have 97 bytes; a PIN has 19.
        let starts = |from: usize, tag: [u8; 2]| inner.get(from..from + 2) == Some(&tag);
        let pin_sealed = if starts(97, [0xDF, 0x36]) {
            Some(take(&[0xDF, 0x36, 16])?)
        } else {
            None
        };
        let behind = if pin_sealed.is_some() { 116 } else { 97 };
        let cryptograms = if starts(behind, [0xDF, 0x37]) {
            *take(&[0xDF, 0x37, 1])?.first()?
        } else {
            0x12
        };
        if !at.is_empty() || !matches!(cryptograms, 0x12 | 0x0A) {
            return None;
        }
        let udk: [u8; 16] = host::cbc_decrypt(&keys.dek, [0; 16], sealed)
            .try_into()
            .ok()?;
        let mut clear = inner.to_vec();
        let mut pin = None;
        if let Some(sealed) = pin_sealed {
            let plain = host::cbc_decrypt(&keys.dek, [0; 16], sealed);
            let block: [u8; 8] = plain.get(..8)?.try_into().ok()?;
            if plain[8..] != [0x80, 0, 0, 0, 0, 0, 0, 0] || !is_pin_block(&block) {
                return None;
            }
            clear[97 + 3..97 + 19].copy_from_slice(&plain);
            pin = Some(block);
        }
        let from = 19 + 10 + 6 + 4 + 3;
        clear[from..from + 16].copy_from_slice(&udk);
        let receipt = host::receipt(
            &self.keys[3],
            &self.se_id,
            &token_ref,
            &context,
            version,
            &clear,
        );
        Some(Slot {
            state: State::Staged,
            token_ref,
            token,
            udk,
            atc: 0,
            last_online: 0,
            pin,
            pin_failures: 0,
            version: cryptograms,
            receipt,
        })
    }

    fn staged(&self) -> Option<usize> {
        let slots = &self.durable.slots;
        let staged = |slot: &Slot| slot.state == State::Staged;
        slots
            .iter()
            .position(|slot| slot.as_ref().is_some_and(staged))
    }

    /// The slot that a `4F` object names: `Err` is the refusal.
    fn named(&self, data: &[u8]) -> Result<usize, u16> {
        let aid = data
            .strip_prefix(&[0x4F])
            .and_then(|rest| rest.split_first())
            .ok_or(0x6A80_u16)?;
        if usize::from(*aid.0) != aid.1.len() || aid.1.is_empty() {
            return Err(0x6A80);
        }
        let found = (0..limit::SLOTS)
            .find(|n| slot_aid(*n) == aid.1)
            .ok_or(0x6A88_u16)?;
        if self.durable.slots[found].is_some() {
            Ok(found)
        } else {
            Err(0x6A88)
        }
    }

    fn set_status(&self, p1: u8, p2: u8, data: &[u8]) -> Vec<Outcome> {
        let (from, to): (State, State) = match (p1, p2) {
            (0x40, 0x0F | 0x01) => (State::Staged, State::Active),
            (0x40, 0x80) => (State::Active, State::Suspended),
            (0x40, 0x00) => (State::Suspended, State::Active),
            _ => return self.refuse(0x6A86),
        };
        let n = match self.named(data) {
            Ok(n) => n,
            // Only COMMIT and ROLLBACK take no name for the staged slot's.
            Err(_) if matches!(p2, 0x0F | 0x01) && data == [0x4F, 0] => match self.staged() {
                Some(n) => n,
                None => return self.refuse_any(&[0x6A88, 0x6985]),
            },
            Err(status) => return self.refuse(status),
        };
        let mut next = self.clone();
        let Some(slot) = next.durable.slots[n]
            .as_mut()
            .filter(|slot| slot.state == from)
        else {
            return self.refuse_any(&[0x6985, 0x6A88]);
        };
        slot.state = to;
        if p2 == 0x01 {
            next.durable.slots[n] = None;
            return next.good(self, Vec::new());
        }
        let answer = if p2 == 0x0F {
            tlv(&[0xDF, 0x23], &slot.receipt)
        } else {
            Vec::new()
        };
        next.good(self, answer)
    }

    fn delete(&self, p1: u8, p2: u8, data: &[u8]) -> Vec<Outcome> {
        if (p1, p2) != (0, 0) {
            return self.refuse(0x6A86);
        }
        let n = match self.named(data) {
            Ok(n) => n,
            Err(status) => return self.refuse(status),
        };
        let mut outcomes = Vec::new();
        let state = self.durable.slots[n].as_ref().map(|slot| slot.state);
        if state == Some(State::Deleted) {
            return self.refuse(0x6A88);
        }
        let mut next = self.clone();
        if let Some(slot) = next.durable.slots[n].as_mut() {
            slot.state = State::Deleted;
            slot.udk = [0; 16];
            slot.pin = None;
        }
        outcomes.extend(next.clone().good(self, vec![0]));
        if state == Some(State::Staged) {
            next.durable.slots[n] = None;
            outcomes.extend(next.good(self, vec![0]));
        }
        outcomes
    }

    /// The registry, in pages that fit what the answer may hold.
    fn get_status(&self, p1: u8, p2: u8, data: &[u8], room: (u8, Option<usize>)) -> Vec<Outcome> {
        if !matches!(p1, 0x80 | 0x40 | 0x20 | 0x10) || !matches!(p2, 0x02 | 0x03) {
            return self.refuse(0x6A86);
        }
        let Some((beginning, tags)) = search(data) else {
            return self.refuse(0x6A80);
        };
        let Some(from) = (if p2 == 0x02 { Some(0) } else { self.listing }) else {
            return self.refuse(0x6985);
        };
        let (level, ne) = room;
        let most = ne.filter(|ne| (1..256).contains(ne)).unwrap_or(256);
        let mut next = self.clone();
        next.pending = None;
        next.listing = None;
        let mut answer: Vec<u8> = Vec::new();
        for (place, entry) in self.registry(p1, &beginning, tags.as_deref()) {
            if place < from {
                continue;
            }
            let length = answer.len() + entry.len();
            let padded = if level & 0x20 != 0 {
                (length / 16 + 1) * 16
            } else {
                length
            };
            let sealed = padded + if level & 0x10 != 0 { 8 } else { 0 };
            if !answer.is_empty() && sealed > most {
                next.listing = Some(place);
                break;
            }
            answer.extend(entry);
        }
        match (answer.is_empty(), next.listing) {
            (true, _) => self.refuse(0x6A88),
            (false, None) => next.good(self, answer),
            (false, Some(_)) => next.done(self, 0x6310, Body::Exactly(answer)),
        }
    }

    /// Entries that begin so, with their places: the domain's, then the slots'.
    fn registry(&self, p1: u8, beginning: &[u8], tags: Option<&[u32]>) -> Vec<(usize, Vec<u8>)> {
        let mut all: Vec<Line> = Vec::new();
        if p1 == 0x80 {
            all.push((0, host::ISD.to_vec(), 0x0F, [0x80, 0, 0x80], Vec::new()));
        }
        for (n, slot) in self.durable.slots.iter().enumerate().filter(|_| p1 == 0x40) {
            if let Some(slot) = slot {
                let token_ref = tlv(&[0xDF, 0x22], &slot.token_ref);
                all.push((n + 1, slot_aid(n), slot.state.byte(), [0; 3], token_ref));
            }
        }
        let wants = |tag: u32| tags.is_none_or(|tags| tags.contains(&tag));
        let entry = |(place, aid, life, privileges, token_ref): Line| {
            let mut inner = tlv(&[0x4F], &aid);
            if wants(0x9F70) {
                inner.extend(tlv(&[0x9F, 0x70], &[life]));
            }
            if wants(0xC5) {
                inner.extend(tlv(&[0xC5], &privileges));
            }
            if wants(0xDF22) {
                inner.extend(token_ref);
            }
            (place, tlv(&[0xE3], &inner))
        };
        let named = all
            .into_iter()
            .filter(|(_, aid, ..)| aid.starts_with(beginning));
        named.map(entry).collect()
    }

    fn sign_evidence(&self, fields: &Fields) -> Vec<Outcome> {
        let [.., kind, p2] = fields.header;
        if p2 != 0 || !matches!(kind, 1 | 2) {
            return self.refuse(0x6A86);
        }
        let Ok(digest) = <[u8; 32]>::try_from(fields.data.as_slice()) else {
            return self.refuse(0x6700);
        };
        if self.selected != Selected::Security {
            return self.refuse(0x6985);
        }
        let mut next = self.clone();
        next.pending = None;
        let [.., receipt_key] = &self.keys;
        let made = host::evidence(receipt_key, kind, &self.se_id, &digest);
        next.good(self, made.to_vec())
    }

    fn get_data(&self, fields: &Fields) -> Vec<Outcome> {
        let mut next = self.clone();
        next.pending = None;
        let [.., p1, p2] = fields.header;
        match [p1, p2] {
            [0xDF, 0x21] => {
                let mut list = Vec::new();
                for slot in self.durable.slots.iter().flatten() {
                    if matches!(slot.state, State::Active | State::Suspended) {
                        list.extend(tlv(&[0xDF, 0x22], &slot.token_ref));
                        list.extend(tlv(&[0xDF, 0x23], &slot.receipt));
                    }
                }
                if list.is_empty() {
                    return self.refuse(0x6A88);
                }
                let mut data = vec![0xDF, 0x21];
                if list.len() > 127 {
                    data.push(0x81);
                }
                data.push(u8::try_from(list.len()).unwrap_or(0));
                data.extend(list);
                next.good(self, data)
            }
            [0x9F, 0x7F] => next.good(self, tlv(&[0x9F, 0x7F], &self.se_id)),
            [0x00, 0xC1] if self.selected == Selected::Security => {
                let [_, seq @ ..] = self.durable.seq.to_be_bytes();
                next.good(self, tlv(&[0xC1], &seq))
            }
            [0x00, 0xE0] if self.selected == Selected::Security => {
                let mut keys = Vec::new();
                for (version, length) in [(0x30, 16), (0x31, 24), (0x32, 32)] {
                    for n in 1..=3 {
                        keys.extend(tlv(&[0xC0], &[n, version, 0x88, length]));
                    }
                }
                next.good(self, tlv(&[0xE0], &keys))
            }
            [0x00, 0x66] if self.selected == Selected::Security => {
                let id = |tail: &[u8]| {
                    tlv(
                        &[0x06],
                        &[&[0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B][..], tail].concat(),
                    )
                };
                let mut inner = id(&[1]);
                inner.extend(tlv(&[0x60], &id(&[2, 2, 3, 1])));
                inner.extend(tlv(&[0x63], &id(&[3])));
                inner.extend(tlv(&[0x64], &id(&[4, 3, 0x70])));
                next.good(self, tlv(&[0x66], &tlv(&[0x73], &inner)))
            }
            [0x9F, 0x17] => match self.paying().and_then(|(_, slot)| slot.pin.map(|_| slot)) {
                Some(slot) => {
                    let left = limit::PIN_TRIES_MAX - slot.pin_failures;
                    next.good(self, tlv(&[0x9F, 0x17], &[left]))
                }
                None => self.refuse(0x6A88),
            },
            [0x9F, 0x36] => match self.paying() {
                Some((_, slot)) => {
                    let atc = slot.atc.to_be_bytes();
                    next.good(self, tlv(&[0x9F, 0x36], &atc))
                }
                None => self.refuse(0x6A88),
            },
            [0x9F, 0x13] => match self.paying() {
                Some((_, slot)) => {
                    let last = slot.last_online.to_be_bytes();
                    next.good(self, tlv(&[0x9F, 0x13], &last))
                }
                None => self.refuse(0x6A88),
            },
            _ => self.refuse(0x6A88),
        }
    }

    /// The selected slot.
    fn paying(&self) -> Option<(usize, &Slot)> {
        let Selected::Slot(n) = self.selected else {
            return None;
        };
        self.durable.slots[n].as_ref().map(|slot| (n, slot))
    }

    fn get_processing_options(&self, fields: &Fields) -> Vec<Outcome> {
        if fields.header[2..] != [0, 0] {
            return self.refuse(0x6A86);
        }
        let well_formed = fields.data == [0x83, 0]
            || fields.data.len() == 35 && fields.data.starts_with(&[0x83, 33]);
        let ready = self
            .paying()
            .filter(|(_, slot)| slot.state == State::Active && slot.atc != u16::MAX);
        let Some((n, _)) = ready else {
            let mut outcomes = self.refuse(0x6985);
            if !well_formed {
                outcomes = self.refuse(0x6A80);
            }
            return outcomes;
        };
        if !well_formed {
            return self.refuse(0x6A80);
        }
        let mut next = self.clone();
        next.pending = None;
        if let Some(slot) = next.durable.slots[n].as_mut() {
            slot.atc += 1;
        }
        next.payment = Payment::Started;
        next.checks = Checks::default();
        let mut outcomes = next.good(
            self,
            vec![0x77, 0x0A, 0x82, 2, 0x1C, 0, 0x94, 4, 0x08, 1, 2, 0],
        );
        if self.payment != Payment::None {
            outcomes.extend(self.refuse(0x6985));
        }
        outcomes
    }

    fn read_record(&self, fields: &Fields) -> Vec<Outcome> {
        let [.., record, p2] = fields.header;
        let known_file = p2 == (1 << 3 | 4);
        let known_record = (1..=2).contains(&record);
        if record == 0 || p2 & 7 != 4 {
            return self.refuse(0x6A86);
        }
        let mut next = self.clone();
        next.pending = None;
        match self.paying() {
            Some((_, slot)) if known_file && known_record => {
                let inside = if record == 1 {
                    tlv(&[0x5A], &slot.token)
                } else {
                    vec![0x8C]
                };
                let mut outcomes = next.done(self, 0x9000, Body::Holding(inside));
                if slot.state != State::Active {
                    outcomes.extend(self.refuse(0x6985));
                }
                outcomes
            }
            Some(_) if known_file => self.refuse(0x6A83),
            Some(_) => self.refuse_any(&[0x6A82, 0x6A86]),
            None if self.selected == Selected::Pse && known_file => self.directory(record),
            None => self.refuse_any(&[0x6985, 0x6A82, 0x6A83, 0x6A86]),
        }
    }

    /// Records of the contact directory (EMV Book 1, 12.2): one for each slot that pays.
    fn directory(&self, record: u8) -> Vec<Outcome> {
        let slots = self.durable.slots.iter().enumerate();
        let mut paying = slots.filter(|(_, slot)| {
            slot.as_ref()
                .is_some_and(|slot| slot.state == State::Active)
        });
        let named = usize::from(record).checked_sub(1);
        match named.and_then(|index| paying.nth(index)) {
            Some((n, _)) => {
                let mut next = self.clone();
                next.pending = None;
                next.done(self, 0x9000, Body::Holding(tlv(&[0x4F], &slot_aid(n))))
            }
            None => self.refuse_any(&[0x6A83, 0x6A86]),
        }
    }

    fn generate_ac(&self, fields: &Fields) -> Vec<Outcome> {
        let [.., kind, p2] = fields.header;
        if p2 != 0 || !matches!(kind, 0x80 | 0x40 | 0x00) {
            return self.refuse(0x6A86);
        }
        let (Some((_, slot)), first) = (self.paying(), self.payment == Payment::Started) else {
            return self.refuse_ac(&[0x6985]);
        };
        if !first && self.payment != Payment::First {
            // Out of order; a wrong length may be noticed first (APD-2).
            return self.refuse_ac(&[0x6985, 0x6700]);
        }
        let (length, skipped) = if first { (29, 0) } else { (31, 2) };
        if !first && kind == 0x80 {
            return self.refuse_ac(&[0x6985, 0x6A86, 0x6700]);
        }
        if fields.data.len() != length {
            return self.refuse_ac(&[0x6700]);
        }
        let blocked = slot.pin.is_some() && slot.pin_failures == limit::PIN_TRIES_MAX;
        let third = if blocked { 0x40 } else { 0 };
        let wrong = if self.checks.issuer_wrong { 0x08 } else { 0 };
        let results = |kinds: u8| [kinds | self.checks.cardholder | wrong, third];
        let kinds = match (first, kind) {
            (true, 0x00) => vec![(0x00, results(0x80))],
            (true, _) => vec![(0x80, results(0xA0))],
            (false, 0x40) if !self.checks.refused => {
                vec![(0x40, results(0x60)), (0x00, results(0x20))]
            }
            (false, _) => vec![(0x00, results(0x20))],
        };
        let covered = fields.data[skipped..].to_vec();
        let (udk, atc, version) = (slot.udk, slot.atc, slot.version);
        let mut next = self.clone();
        next.pending = None;
        if let [(0x80, results)] = kinds[..] {
            let made = super::cryptogram_of(results, version, &udk, atc.to_be_bytes(), &covered);
            next.request = made;
        }
        next.payment = if first && kind != 0x00 {
            Payment::First
        } else {
            Payment::Done
        };
        if !first && let Some((n, _)) = self.paying() {
            next.durable.slots[n]
                .iter_mut()
                .for_each(|slot| slot.last_online = atc);
        }
        let body = Body::Cryptogram {
            kinds,
            version,
            udk,
            atc,
            data: covered,
        };
        next.done(self, 0x9000, body)
    }

    /// VERIFY: a try is used up before the PIN is compared, and given back when it is right.
    fn verify(&self, fields: &Fields) -> Vec<Outcome> {
        if fields.header[2..] != [0x00, 0x80] {
            return self.refuse(0x6A86);
        }
        let Ok(block) = <[u8; 8]>::try_from(fields.data.as_slice()) else {
            return self.refuse(0x6700);
        };
        let Some((n, slot)) = self
            .paying()
            .filter(|(_, slot)| slot.state == State::Active && self.payment == Payment::Started)
        else {
            return self.refuse(0x6985);
        };
        let Some(pin) = slot.pin else {
            return self.refuse(0x6984);
        };
        if slot.pin_failures >= limit::PIN_TRIES_MAX {
            return self.refuse(0x6983);
        }
        if !is_pin_block(&block) {
            return self.refuse(0x6A80);
        }
        let failures = slot.pin_failures + 1;
        let with = |failures: u8, cardholder: u8| {
            let mut next = self.clone();
            next.pending = None;
            next.checks.cardholder = cardholder;
            next.durable.slots[n]
                .iter_mut()
                .for_each(|slot| slot.pin_failures = failures);
            next
        };
        let tried = with(failures, 0x06);
        if block != pin {
            let left = limit::PIN_TRIES_MAX - failures;
            return tried.done(self, 0x63C0 | u16::from(left), Body::Exactly(Vec::new()));
        }
        let mut outcomes = with(0, 0x04).good(self, Vec::new());
        for outcome in &mut outcomes {
            outcome.torn = vec![
                self.durable.clone(),
                tried.durable.clone(),
                outcome.next.durable.clone(),
            ];
        }
        outcomes
    }

    /// What an issuer says to the request cryptogram of the payment in progress.
    pub fn issuer_proof(&self, approves: bool) -> Vec<u8> {
        let Some((_, slot)) = self.paying() else {
            return vec![0; 8];
        };
        let says: &[u8] = match (slot.version, approves) {
            (0x0A, true) => b"00",
            (0x0A, false) => b"05",
            (_, true) => &[0, 0x80, 0, 0],
            (_, false) => &[0; 4],
        };
        let atc = slot.atc.to_be_bytes();
        host::issuer_proof(slot.version, &slot.udk, atc, &self.request, says)
    }

    fn authenticate_issuer(&self, fields: &Fields) -> Vec<Outcome> {
        if fields.header[2..] != [0, 0] {
            return self.refuse(0x6A86);
        }
        if !matches!(fields.data.len(), 8 | 10) {
            return self.refuse(0x6700);
        }
        let ready = self.payment == Payment::First && !self.checks.proven;
        let Some((_, slot)) = self
            .paying()
            .filter(|(_, slot)| ready && slot.state == State::Active)
        else {
            return self.refuse(0x6985);
        };
        let length = if slot.version == 0x0A { 10 } else { 8 };
        if fields.data.len() != length {
            return self.refuse(0x6700);
        }
        let (proof, says) = fields.data.split_at(if length == 10 { 8 } else { 4 });
        let atc = slot.atc.to_be_bytes();
        let right = host::issuer_proof(slot.version, &slot.udk, atc, &self.request, says);
        let right = right.starts_with(proof);
        let approves = if length == 10 {
            says == b"00"
        } else {
            says[1] & 0x80 != 0
        };
        let mut next = self.clone();
        next.pending = None;
        next.checks.proven = true;
        next.checks.issuer_wrong = !right;
        next.checks.refused = !right || !approves;
        let status = if right { 0x9000 } else { 0x6300 };
        next.done(self, status, Body::Exactly(Vec::new()))
    }

    /// A refused GENERATE AC may end the payment.
    fn refuse_ac(&self, statuses: &[u16]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for status in statuses {
            outcomes.extend(self.refuse(*status));
            let mut next = self.clone();
            next.pending = None;
            next.payment = Payment::Done;
            outcomes.extend(next.done(self, *status, Body::Exactly(Vec::new())));
        }
        outcomes
    }

    /// Keeps this for GET RESPONSE.
    pub fn holding_back(mut self, body: Body, status: u16) -> Self {
        self.pending = Some(body);
        self.pending_status = status;
        self
    }
}

/// What may be said about a class byte other than 00, 80 and 84: one status for each bit that does not fit.
fn class_refusals(cla: u8, ins: u8) -> Vec<u16> {
    if matches!(cla & !0x10, 0x00 | 0x80 | 0x84) {
        let unchained = cla & 0x10 != 0 && ins != 0xE2;
        return if unchained { vec![0x6884] } else { Vec::new() };
    }
    if !matches!(cla, 0x00..=0x1F | 0x80..=0x9F) {
        return vec![0x6E00];
    }
    let mut statuses = Vec::new();
    if cla & 0x03 != 0 {
        statuses.push(0x6881);
    }
    if cla & 0x10 != 0 {
        statuses.push(0x6884);
    }
    if cla & 0x0C != 0 {
        statuses.extend([0x6882, 0x6E00]);
    }
    statuses
}

/// Whether the table has this instruction in this class.
fn is_known(cla: u8, ins: u8) -> bool {
    match ins {
        0xA4 | 0xB2 | 0xC0 | 0x20 => cla == 0x00,
        0x50 | 0xA8 | 0xAE | 0x2A => cla == 0x80,
        0x82 => cla != 0x80,
        0xCA | 0xE2 | 0xF0 | 0xE4 | 0xF2 => cla != 0x00,
        _ => false,
    }
}

const MANAGEMENT: [u8; 4] = [0xE2, 0xF0, 0xE4, 0xF2];

const INSTRUCTIONS: [u8; 14] = [
    0x2A, 0xA4, 0x50, 0x82, 0xE2, 0xF0, 0xE4, 0xF2, 0xCA, 0xA8, 0xB2, 0xAE, 0xC0, 0x20,
];

/// Format 2: 2, the number of digits, 4 to 12 digits, F up to the end.
pub fn is_pin_block(block: &[u8; 8]) -> bool {
    let text: String = block.iter().map(|byte| format!("{byte:02X}")).collect();
    let digits = usize::from(block[0] & 0x0F);
    if block[0] >> 4 != 2 || !(4..=12).contains(&digits) {
        return false;
    }
    let (pin, filler) = text[2..].split_at(digits);
    pin.chars().all(|c| c.is_ascii_digit()) && filler.chars().all(|c| c == 'F')
}

/// Place, AID, life, privileges and token reference object of an entry of the registry.
type Line = (usize, Vec<u8>, u8, [u8; 3], Vec<u8>);

/// The criteria of GET STATUS: 4F with the beginning of an AID, and maybe 5C with tags.
fn search(data: &[u8]) -> Option<(Vec<u8>, Option<Vec<u32>>)> {
    let mut take = {
        let mut rest = data;
        move |tag: u8| -> Option<Vec<u8>> {
            let (head, after) = rest.split_first()?;
            if *head != tag {
                return None;
            }
            let (length, after) = match after {
                [length @ 0..=0x7F, after @ ..] => (usize::from(*length), after),
                [0x81, length, after @ ..] => (usize::from(*length), after),
                [0x82, high, low, after @ ..] => {
                    (usize::from(*high) * 256 + usize::from(*low), after)
                }
                _ => return None,
            };
            let (value, after) = after.split_at_checked(length)?;
            rest = after;
            Some([value.to_vec(), vec![u8::from(after.is_empty())]].concat())
        }
    };
    let mut beginning = take(0x4F)?;
    if beginning.pop() == Some(1) {
        return Some((beginning, None));
    }
    let mut list = take(0x5C)?;
    if list.pop() != Some(1) {
        return None;
    }
    Some((beginning, Some(tags_in(&list))))
}

/// The tags of a list, up to what is none.
fn tags_in(list: &[u8]) -> Vec<u32> {
    let (mut tags, mut rest) = (Vec::new(), list);
    while let [first, after @ ..] = rest {
        let mut tag = u32::from(*first);
        rest = after;
        if *first == 0 {
            break;
        }
        if first & 0x1F == 0x1F {
            let more = rest
                .iter()
                .take(2)
                .take_while(|byte| **byte & 0x80 != 0)
                .count()
                + 1;
            if more > 2 || rest.len() < more {
                break;
            }
            for byte in &rest[..more] {
                tag = tag << 8 | u32::from(*byte);
            }
            rest = &rest[more..];
        }
        tags.push(tag);
    }
    tags
}
