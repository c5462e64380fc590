//! The vault's oracle can fail: a vault with one flaw is caught by a script that the honest vault passes.

use std::panic::catch_unwind;

use kaika_fuzz::bytes::Stream;
use kaika_fuzz::vault::{By, Change, Draw, Vault, run};
use kaika_spec::{Refusal, TokenState};
use kaika_tokenization::TokenVault;
use kaika_tokenization::resolve::Channel;

/// What is wrong with a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    OneSuspender,
    AnyDomain,
    OneTickTooLong,
    GivesTaken,
    LastPan,
    ActivatesTwice,
    DeleteForgets,
    RefusalCounts,
    SuspendedPays,
}

#[derive(Clone, PartialEq)]
struct Flawed {
    vault: TokenVault,
    flaw: Flaw,
    last: String,
    refusals: u32,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        Self {
            vault: TokenVault::default(),
            flaw,
            last: String::new(),
            refusals: 0,
        }
    }
}

impl Vault for Flawed {
    fn mint(&mut self, pan: &str, expires_at: i64, draw: Draw<'_>) -> Result<String, Refusal> {
        self.last = pan.to_owned();
        if self.flaw == Flaw::GivesTaken {
            return Vault::mint(&mut TokenVault::default(), pan, expires_at, draw);
        }
        Vault::mint(&mut self.vault, pan, expires_at, draw)
    }

    fn change(&mut self, token: &str, change: Change) -> Result<(), Refusal> {
        let done = match (self.flaw, change) {
            (Flaw::OneSuspender, Change::Resume(_)) => {
                [By::User, By::Wallet, By::Issuer, By::Fraud]
                    .into_iter()
                    .try_for_each(|by| self.vault.change(token, Change::Resume(by)))
            }
            (Flaw::DeleteForgets, Change::Delete) => Ok(()),
            (Flaw::ActivatesTwice, Change::Activate) => {
                self.vault.change(token, change).or_else(|refusal| {
                    match Vault::state(&self.vault, token) == Some(TokenState::Active) {
                        true => Ok(()),
                        false => Err(refusal),
                    }
                })
            }
            _ => self.vault.change(token, change),
        };
        if done.is_err() && self.flaw == Flaw::RefusalCounts {
            self.refusals += 1;
        }
        done
    }

    fn resolve(&self, token: &str, now: i64, channel: Channel) -> Result<String, Refusal> {
        let resolve = |now, channel| Vault::resolve(&self.vault, token, now, channel);
        match self.flaw {
            Flaw::AnyDomain => resolve(now, Channel::Contactless),
            Flaw::OneTickTooLong => resolve(now - 1, channel),
            Flaw::LastPan => resolve(now, channel).map(|_| self.last.clone()),
            Flaw::SuspendedPays
                if Vault::state(&self.vault, token) == Some(TokenState::Suspended) =>
            {
                Ok(self.last.clone())
            }
            _ => resolve(now, channel),
        }
    }

    fn state(&self, token: &str) -> Option<TokenState> {
        Vault::state(&self.vault, token)
    }

    fn len(&self) -> usize {
        Vault::len(&self.vault)
    }
}

fn caught(flaw: Flaw, script: &[u8]) -> bool {
    catch_unwind(|| run(script, Flawed::new(flaw))).is_err()
}

/// Mint for PAN 1 with expiry 10; draws 1, 2, 3.
const MINT: [u8; 6] = [0, 1, 10, 1, 2, 3];
const ACTIVATE: [u8; 2] = [1, 0];

/// Mint, activate, then what the flaw needs. Ops: 1 activate, 2 suspend, 3 resume, 4 delete, 5 resolve.
fn live(then: &[u8]) -> Vec<u8> {
    [&MINT[..], &ACTIVATE, then].concat()
}

#[test]
fn the_vault_oracle_catches_each_flaw() {
    let cases: [(Flaw, Vec<u8>); 9] = [
        (Flaw::OneSuspender, live(&[2, 0, 0, 2, 0, 2, 3, 0, 0])),
        (Flaw::AnyDomain, live(&[5, 0, 9, 1])),
        (Flaw::OneTickTooLong, live(&[5, 0, 10, 0])),
        (Flaw::GivesTaken, [MINT, MINT].concat()),
        (Flaw::LastPan, live(&[0, 2, 10, 4, 5, 6, 5, 0, 9, 0])),
        (Flaw::ActivatesTwice, live(&ACTIVATE)),
        (Flaw::DeleteForgets, live(&[4, 0])),
        (Flaw::RefusalCounts, [&MINT[..], &[2, 0, 0]].concat()),
        (Flaw::SuspendedPays, live(&[2, 0, 0, 5, 0, 9, 0])),
    ];
    for (flaw, script) in cases {
        assert!(
            !caught(Flaw::None, &script),
            "the honest vault fails the script for {flaw:?}"
        );
        assert!(caught(flaw, &script), "{flaw:?} is not caught");
    }
}

/// Random scripts find each flaw too: the operations are dense enough.
#[test]
fn random_scripts_find_each_flaw() {
    for flaw in [
        Flaw::OneSuspender,
        Flaw::AnyDomain,
        Flaw::OneTickTooLong,
        Flaw::GivesTaken,
        Flaw::LastPan,
        Flaw::ActivatesTwice,
        Flaw::DeleteForgets,
        Flaw::RefusalCounts,
        Flaw::SuspendedPays,
    ] {
        let found = (0..3_000).any(|seed| caught(flaw, &Stream::new(seed).bytes(400)));
        assert!(found, "{flaw:?} is not found");
    }
}
