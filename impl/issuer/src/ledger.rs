//! The ledger: every movement of money is one balanced double entry, and a card's balance follows it.

use kaika_spec::Refusal;
use kaika_wire::core::{Write, read};

use crate::Case;
use crate::rows::{CARDS, Card, POSTINGS, Posting};

/// A movement between a card and somebody.
pub(crate) struct Movement<'a> {
    /// What caused it: unique, so that one cause moves money once.
    pub(crate) cause: String,
    pub(crate) card_code: &'a str,
    pub(crate) other: &'a str,
    pub(crate) amount_minor: u64,
    pub(crate) currency: &'a str,
}

impl Case<'_> {
    pub(crate) fn card_row(&self, card_code: &str) -> Option<Card> {
        read(self.rows, CARDS, card_code)
    }

    /// Takes money from a card.
    ///
    /// # Errors
    /// `insufficient`.
    pub(crate) fn take(
        &self,
        mut card: Card,
        movement: &Movement<'_>,
    ) -> Result<Vec<Write>, Refusal> {
        card.available_minor = card
            .available_minor
            .checked_sub(movement.amount_minor)
            .ok_or(Refusal::Insufficient)?;
        Ok(entry(&card, movement, movement.card_code, movement.other))
    }

    /// Gives money back to a card.
    pub(crate) fn give_back(&self, movement: &Movement<'_>) -> Vec<Write> {
        let Some(mut card) = self.card_row(movement.card_code) else {
            return vec![];
        };
        card.available_minor = card.available_minor.saturating_add(movement.amount_minor);
        entry(&card, movement, movement.other, movement.card_code)
    }
}

fn entry(card: &Card, movement: &Movement<'_>, debit: &str, credit: &str) -> Vec<Write> {
    //= spec/70-pay.md#pay-15-money-is-conserved
    //# Every posting MUST be one balanced double entry.
    let posting = Posting {
        debit: debit.into(),
        credit: credit.into(),
        amount_minor: movement.amount_minor,
        currency: movement.currency.into(),
    };
    vec![
        Write::put(POSTINGS, movement.cause.clone(), &posting),
        Write::put(CARDS, movement.card_code, card),
    ]
}
