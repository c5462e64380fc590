//! Manage: suspend, resume, delete; lost and stolen; the end of an agreement.

use kaika_spec::{Refusal, TokenState, Weakness};
use kaika_tokenization::Lifecycle;
use kaika_tokenization::lifecycle::Event;
use kaika_weakness::lacks;
use kaika_wire::core::{Caller, Change, Refused, Rows, Write, read};
use kaika_wire::messages::issuer::{
    AgreementEnded, CardShown, CardStatus, CardStatusRequest, Suspender, SuspenderRequest,
    Terminated, TokenStatus,
};
use kaika_wire::messages::{Empty, issuer, parse};
use kaika_wire::value::{CardCode, Hex};
use serde_json::json;

use crate::rows::{AGREEMENTS, Agreement, CARDS, TOKENS, Token, party};
use crate::{Case, Decision, is_operator};
use kaika_spec::limit::INACTIVE_TOKEN_TTL_MS;

impl Case<'_> {
    /// A token as it is now.
    pub(crate) fn token_row(&self, token_ref: &str) -> Result<Token, Refused> {
        token_at(self.rows, self.now, token_ref).ok_or_else(|| Refusal::UnknownToken.into())
    }

    pub(crate) fn token(self, token_ref: &str) -> Decision {
        let token = self.token_row(token_ref)?;
        Ok(Change::reply(200, status(token_ref, &token), vec![]))
    }

    pub(crate) fn suspend(self, token_ref: &str, body: &[u8], caller: Caller) -> Decision {
        let by = suspender(body, caller)?;
        self.apply(token_ref, Event::Suspend(party(by)))
    }

    pub(crate) fn resume(self, token_ref: &str, body: &[u8], caller: Caller) -> Decision {
        let by = suspender(body, caller)?;
        self.apply(token_ref, Event::Resume(party(by)))
    }

    pub(crate) fn delete(self, token_ref: &str, body: &[u8]) -> Decision {
        let Empty {} = parse(body)?;
        self.apply(token_ref, Event::Delete)
    }

    fn apply(self, token_ref: &str, event: Event) -> Decision {
        let mut token = self.token_row(token_ref)?;
        let is_resume = matches!(event, Event::Resume(_));
        let mut life: Lifecycle = token
            .life()
            .after(event)
            .map_err(|_| Refusal::IllegalTransition)?;
        if is_resume && lacks(Weakness::BooleanSuspend) {
            for by in &token.suspended_by {
                life = life.after(Event::Resume(party(*by))).unwrap_or(life);
            }
        }
        token.set_life(life);
        Ok(Change::reply(
            200,
            status(token_ref, &token),
            vec![Write::put(TOKENS, token_ref, &token)],
        ))
    }

    pub(crate) fn card(self, card_code: &str) -> Decision {
        let card = self.card_row(card_code).ok_or(Refusal::UnknownCard)?;
        let answer = CardShown {
            card_code: code(card_code)?,
            status: card.status,
            available_minor: card.available_minor,
        };
        Ok(Change::reply(200, json!(answer), vec![]))
    }

    pub(crate) fn set_card_status(self, card_code: &str, body: &[u8]) -> Decision {
        let asked: CardStatusRequest = parse(body)?;
        let mut card = self.card_row(card_code).ok_or(Refusal::UnknownCard)?;
        //= spec/80-manage.md#mng-6-lost-is-for-ever
        //# The issuer MUST NOT make a lost, stolen or closed card active again.
        if is_final(card.status) && card.status != asked.status {
            return Err(Refusal::IllegalTransition.into());
        }
        card.status = asked.status;
        let answer = json!({"card_code": card_code, "status": asked.status});
        Ok(Change::reply(
            200,
            answer,
            vec![Write::put(CARDS, card_code, &card)],
        ))
    }

    pub(crate) fn agreement_row(&self, agreement: &str) -> Option<Agreement> {
        read(self.rows, AGREEMENTS, agreement)
    }

    pub(crate) fn terminate(self, agreement: &str, body: &[u8]) -> Decision {
        let Empty {} = parse(body)?;
        let mut row = self
            .agreement_row(agreement)
            .ok_or(Refusal::AgreementMismatch)?;
        row.terminated = true;
        let answer = json!(AgreementEnded {
            agreement: agreement
                .to_owned()
                .try_into()
                .map_err(|_| Refusal::AgreementMismatch)?,
            state: Terminated::Terminated,
        });
        Ok(Change::reply(
            200,
            answer,
            vec![Write::put(AGREEMENTS, agreement, &row)],
        ))
    }
}

/// A token as it is at a moment: one that was inactive too long is deleted.
pub(crate) fn token_at(rows: &dyn Rows, now: i64, token_ref: &str) -> Option<Token> {
    let mut token: Token = read(rows, TOKENS, token_ref)?;
    //= spec/60-provision.md#pro-14-inactive-tokens-die
    //# The issuer MUST treat a token that was inactive for `INACTIVE_TOKEN_TTL_MS` as deleted.
    let life = token.life();
    let old = now.saturating_sub(token.minted_at) >= INACTIVE_TOKEN_TTL_MS;
    if let (TokenState::Inactive, true, Ok(dead)) = (life.state(), old, life.after(Event::Delete)) {
        token.set_life(dead);
    }
    Some(token)
}

/// Whether a card in this status never pays again.
pub(crate) const fn is_final(status: CardStatus) -> bool {
    match status {
        CardStatus::Active | CardStatus::Blocked => false,
        CardStatus::Lost | CardStatus::Stolen | CardStatus::Closed => true,
    }
}

/// Who suspends or resumes: the verifier speaks for cardholder and wallet, the back office for the bank.
fn suspender(body: &[u8], caller: Caller) -> Result<Suspender, Refused> {
    let asked: SuspenderRequest = parse(body)?;
    let of_the_bank = matches!(asked.by, Suspender::Issuer | Suspender::Fraud);
    if of_the_bank == is_operator(caller) {
        Ok(asked.by)
    } else {
        Err(Refusal::BadSignature.into())
    }
}

fn status(token_ref: &str, token: &Token) -> serde_json::Value {
    let token_ref = Hex::<16>::try_from(token_ref.to_owned()).unwrap_or(Hex([0; 16]));
    json!(TokenStatus {
        token_ref,
        state: wire_state(token.life().state()),
        suspended_by: token.suspended_by.clone()
    })
}

pub(crate) fn code(card_code: &str) -> Result<CardCode, Refusal> {
    card_code
        .to_owned()
        .try_into()
        .map_err(|_| Refusal::UnknownCard)
}

/// A token's state as messages name it.
pub(crate) const fn wire_state(state: TokenState) -> issuer::TokenState {
    match state {
        TokenState::Inactive => issuer::TokenState::Inactive,
        TokenState::Active => issuer::TokenState::Active,
        TokenState::Suspended => issuer::TokenState::Suspended,
        TokenState::Deleted => issuer::TokenState::Deleted,
    }
}
