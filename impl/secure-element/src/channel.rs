//! The secure channel: opening it, opening what comes through it, closing it.

use kaika_apdu::{Command, StatusWord};
use kaika_crypto::chip::KeySet;
use kaika_crypto::is_same;
use kaika_crypto::scp03::{Channel, Header, Level, PARAMETER, SessionKeys, card_challenge};
use kaika_spec::Weakness;
use kaika_spec::limit::{CHANNEL_TRIES_MAX, DATA_MAX};
use kaika_weakness::lacks;

use crate::image::Record;
use crate::select::{SECURITY_DOMAIN, Selected};
use crate::{Change, Chip, Data, Flash, Judged, Then, ins};

/// Last value of the three-byte sequence counter.
const SEQUENCE_LAST: u32 = 0x00ff_ffff;

/// How far the channel is.
#[derive(Debug, Default)]
pub(crate) enum Secure {
    /// There is none.
    #[default]
    Closed,
    /// INITIALIZE UPDATE was answered.
    Challenged {
        /// The host's challenge.
        host: [u8; 8],
        /// The chip's.
        card: [u8; 8],
        /// Key version.
        version: u8,
    },
    /// It is open.
    Open {
        /// The card's end.
        channel: Channel,
        /// Key version.
        version: u8,
    },
}

/// Whether it is a command of the issuer's. GET DATA is one in the class of secure messaging; anybody may say it in class 80.
pub(crate) const fn is_management(command: &Command<'_>) -> bool {
    match command.ins {
        ins::STORE_DATA | ins::SET_STATUS | ins::DELETE | ins::GET_STATUS => true,
        ins::GET_DATA => command.cla == 0x84,
        _ => false,
    }
}

impl<F: Flash> Chip<F> {
    pub(crate) fn close(&mut self) {
        self.volatile.secure = Secure::Closed;
        self.volatile.staging = None;
        self.volatile.listing = None;
    }

    /// Opens a secured command into `plain` and gives the length of its data.
    pub(crate) fn open(
        &mut self,
        command: &Command<'_>,
        plain: &mut [u8; DATA_MAX],
    ) -> Result<usize, StatusWord> {
        //= spec/60-provision.md#pro-2-the-chip-checks-who-writes
        //# The chip MUST refuse STORE DATA outside an authenticated secure channel with command MAC and encryption, and every other
        //# personalisation command outside one with command MAC.
        //= spec/85-apdu.md#apd-7-the-level-is-not-lowered
        //# The chip MUST refuse an unsecured management command while a secure channel is open, and end the channel.
        //= spec/60-provision.md#pro-15-old-scripts-are-refused
        //# The chip MUST refuse a script recorded in an earlier secure channel.
        let chained = self.volatile.chain.get();
        let field = chained.unwrap_or(command.data);
        let header = Header {
            bytes: command.header(),
            extended: chained.map_or(command.extended, |data| data.len() > 255),
        };
        let opened = match &mut self.volatile.secure {
            Secure::Open { channel, .. } if command.cla == 0x84 => {
                let encrypted = channel.level().encrypts_commands();
                let opened = channel.open_command(header, field, plain).ok();
                opened.filter(|_| encrypted || command.ins != ins::STORE_DATA)
            }
            Secure::Open { .. } | Secure::Challenged { .. } | Secure::Closed
                if lacks(Weakness::ScriptUnauthenticated) && command.ins == ins::STORE_DATA =>
            {
                let copied = plain.get_mut(..field.len());
                if let Some(plain) = copied {
                    plain.copy_from_slice(field);
                }
                Some(field.len())
            }
            Secure::Open { .. } | Secure::Challenged { .. } | Secure::Closed => None,
        };
        //= spec/85-apdu.md#apd-6-an-aborted-channel-stays-closed
        //# After a wrong MAC or a wrong cryptogram the chip MUST refuse every secured command until a new channel is opened.
        if opened.is_none() {
            self.close();
        }
        opened.ok_or(StatusWord::SECURITY_NOT_SATISFIED)
    }

    /// The keys of the open channel.
    pub(crate) const fn channel_keys(&self) -> Option<KeySet<'_>> {
        match self.volatile.secure {
            Secure::Open { version, .. } => self.keys.set(version),
            Secure::Challenged { .. } | Secure::Closed => None,
        }
    }

    /// The level of the open channel.
    pub(crate) const fn level(&self) -> Option<Level> {
        match &self.volatile.secure {
            Secure::Open { channel, .. } => Some(channel.level()),
            Secure::Challenged { .. } | Secure::Closed => None,
        }
    }

    /// Protects the answer to a secured command.
    pub(crate) fn protect(&self, change: &Change, answer: &mut Data) -> Result<(), StatusWord> {
        let status = change.status.unwrap_or(StatusWord::OK);
        let mut data = Data::default();
        data.length = match &self.volatile.secure {
            Secure::Open { channel, .. } => channel
                .protect_response(answer.get(), status.bytes(), &mut data.bytes)
                .map_err(|_| StatusWord::WRONG_LENGTH)?,
            Secure::Closed | Secure::Challenged { .. } => 0,
        };
        *answer = data;
        Ok(())
    }

    pub(crate) fn initialize_update(&self, command: &Command<'_>, answer: &mut Data) -> Judged {
        if command.p2 != 0 {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let host: [u8; 8] = command
            .data
            .try_into()
            .map_err(|_| StatusWord::WRONG_LENGTH)?;
        if self.volatile.selected != Selected::Domain || self.image.sequence >= SEQUENCE_LAST {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let set = self
            .keys
            .set(command.p1)
            .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        //= spec/60-provision.md#pro-4-failed-openings-are-counted
        //# The chip MUST refuse to open a channel after `CHANNEL_TRIES_MAX` failed EXTERNAL AUTHENTICATEs in a row.
        if self.image.failures >= CHANNEL_TRIES_MAX {
            return Err(StatusWord::BLOCKED);
        }
        //= spec/60-provision.md#pro-3-challenges-never-repeat
        //# The chip MUST store the increased sequence counter before it answers INITIALIZE UPDATE.
        let sequence = self.image.sequence.saturating_add(1);
        let [_, a, b, c] = sequence.to_be_bytes();
        let card = card_challenge(set.enc, &[a, b, c], &SECURITY_DOMAIN);
        let keys = SessionKeys::derive(set.enc, set.mac, &host, &card);
        let cryptogram = keys.card_cryptogram(&host, &card);
        let version = set.version;
        let mut made = [0; 32];
        let parts = [0, 0]
            .into_iter()
            .chain(self.se_id)
            .chain([version, 0x03, PARAMETER]);
        for (byte, from) in made
            .iter_mut()
            .zip(parts.chain(card).chain(cryptogram).chain([a, b, c]))
        {
            *byte = from;
        }
        answer.set(&made);
        Ok(Change {
            record: Some(Record::Channel {
                sequence,
                failures: self.image.failures,
            }),
            then: Then::Secure(Secure::Challenged {
                host,
                card,
                version,
            }),
            status: None,
        })
    }

    pub(crate) fn external_authenticate(&self, command: &Command<'_>) -> Judged {
        let level = Level::from_byte(command.p1)
            .filter(|_| command.p2 == 0)
            .ok_or(StatusWord::WRONG_P1_P2)?;
        let data: &[u8; 16] = command
            .data
            .try_into()
            .map_err(|_| StatusWord::WRONG_LENGTH)?;
        let Secure::Challenged {
            host,
            card,
            version,
        } = &self.volatile.secure
        else {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        };
        let (Some(cryptogram), Some(mac)) = (data.first_chunk::<8>(), data.last_chunk::<8>())
        else {
            return Err(StatusWord::WRONG_LENGTH);
        };
        let set = self
            .keys
            .set(*version)
            .ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        let keys = SessionKeys::derive(set.enc, set.mac, host, card);
        let right = is_same(&keys.host_cryptogram(host, card), cryptogram);
        match Channel::card(keys, level, command.extended, cryptogram, mac) {
            None => Ok(self.failed(StatusWord::SECURITY_NOT_SATISFIED)),
            Some(_) if !right => Ok(self.failed(StatusWord::AUTHENTICATION_FAILED)),
            Some(channel) => Ok(self.opened(channel, *version)),
        }
    }

    const fn counted(&self, failures: u8) -> Record {
        Record::Channel {
            sequence: self.image.sequence,
            failures,
        }
    }

    fn failed(&self, status: StatusWord) -> Change {
        Change {
            record: Some(self.counted(self.image.failures.saturating_add(1))),
            then: Then::Secure(Secure::Closed),
            status: Some(status),
        }
    }

    fn opened(&self, channel: Channel, version: u8) -> Change {
        Change {
            record: (self.image.failures != 0).then(|| self.counted(0)),
            then: Then::Secure(Secure::Open { channel, version }),
            ..Change::default()
        }
    }
}
