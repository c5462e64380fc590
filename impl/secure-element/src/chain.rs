//! Command chaining (ISO 7816-4): a command whose data field comes in several APDUs, all but the last with a bit in CLA.

use kaika_apdu::{Command, StatusWord};
use kaika_spec::limit::DATA_MAX;

use crate::channel::{Secure, is_management};
use crate::{Chip, Flash, ins};

/// The bit in CLA that says that the chain goes on.
pub(crate) const MORE: u8 = 0x10;

/// The data fields so far.
#[derive(Debug)]
pub(crate) struct Chain {
    /// CLA without the bit, INS, P1, P2; `None` when there is no chain.
    header: Option<[u8; 4]>,
    bytes: [u8; DATA_MAX],
    length: usize,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            header: None,
            bytes: [0; DATA_MAX],
            length: 0,
        }
    }
}

/// What a command is to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing, or the last of it: the command is whole.
    Whole,
    /// A piece, and more will come.
    More,
}

impl Chain {
    pub(crate) const fn drop(&mut self) {
        self.header = None;
        self.length = 0;
    }

    /// All the data, when there is a chain.
    pub(crate) fn get(&self) -> Option<&[u8]> {
        self.header.and(self.bytes.get(..self.length))
    }

    fn add(&mut self, header: [u8; 4], data: &[u8]) -> Result<(), StatusWord> {
        let end = self.length.saturating_add(data.len());
        self.bytes
            .get_mut(self.length..end)
            .ok_or(StatusWord::WRONG_LENGTH)?
            .copy_from_slice(data);
        self.length = end;
        self.header = Some(header);
        Ok(())
    }
}

impl<F: Flash> Chip<F> {
    /// Takes a command up into the chain, if it belongs to one.
    pub(crate) fn linked(&mut self, command: &Command<'_>) -> Result<Link, StatusWord> {
        let more = command.cla & MORE != 0;
        let header = [command.cla & !MORE, command.ins, command.p1, command.p2];
        match self.volatile.chain.header {
            // SELECT ends everything, a chain too.
            Some(_) if command.ins == ins::SELECT => return Ok(Link::Whole),
            None if !more => return Ok(Link::Whole),
            //= spec/85-apdu.md#apd-9-a-chain-is-one-command
            //# The chip MUST answer 6883 to a command that does not go on with the chain in progress, and drop the chain.
            Some(begun) if begun != header => {
                if is_management(command) && header[0] != 0x84 {
                    self.close();
                }
                return Err(StatusWord::CHAIN_BROKEN);
            }
            Some(_) => {}
            None => self.may_chain(header)?,
        }
        //= spec/85-apdu.md#apd-10-a-chain-is-bounded
        //# The chip MUST answer 6700 to a chain whose data is longer than `DATA_MAX`, and drop the chain.
        self.volatile.chain.add(header, command.data)?;
        if more {
            self.volatile.pending.data.length = 0;
        }
        Ok(if more { Link::More } else { Link::Whole })
    }

    /// Only a channel that may store data collects it.
    fn may_chain(&mut self, header: [u8; 4]) -> Result<(), StatusWord> {
        match &self.volatile.secure {
            Secure::Open { channel, .. }
                if header[0] == 0x84 && channel.level().encrypts_commands() =>
            {
                Ok(())
            }
            Secure::Open { .. } | Secure::Challenged { .. } | Secure::Closed => {
                self.close();
                Err(StatusWord::SECURITY_NOT_SATISFIED)
            }
        }
    }
}
