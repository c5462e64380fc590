//! The vault's oracle can fail: a vault with one flaw is caught by a script that the honest vault passes.

use std::panic::catch_unwind;

use kaika_fuzz::bytes::Stream;
use kaika_fuzz::vault::{By, Change, Dice, Shown, Use, Vault, empty, run};
use kaika_spec::{Refusal, TokenState};
use kaika_tokenization::{Channel, TokenVault};

/// What is wrong with a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    OneSuspender,
    AnyDomain,
    AnyChip,
    OneTickTooLong,
    GivesTaken,
    LastPan,
    ActivatesTwice,
    DeleteForgets,
    RefusalCounts,
    SuspendedPays,
    KeepsOldPan,
    HalfABulk,
    TwoTokens,
    ForgetsAfterReseal,
    RotatesTwice,
    StoresPans,
}

const FLAWS: [Flaw; 16] = [
    Flaw::OneSuspender,
    Flaw::AnyDomain,
    Flaw::AnyChip,
    Flaw::OneTickTooLong,
    Flaw::GivesTaken,
    Flaw::LastPan,
    Flaw::ActivatesTwice,
    Flaw::DeleteForgets,
    Flaw::RefusalCounts,
    Flaw::SuspendedPays,
    Flaw::KeepsOldPan,
    Flaw::HalfABulk,
    Flaw::TwoTokens,
    Flaw::ForgetsAfterReseal,
    Flaw::RotatesTwice,
    Flaw::StoresPans,
];

#[derive(Clone, PartialEq)]
struct Flawed {
    vault: TokenVault,
    flaw: Flaw,
    last: String,
    first: Option<String>,
    refusals: u32,
    resealed: bool,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        Self {
            vault: empty(),
            flaw,
            last: String::new(),
            first: None,
            refusals: 0,
            resealed: false,
        }
    }
}

impl Vault for Flawed {
    fn open(&mut self, dice: &mut Dice) -> Result<String, Refusal> {
        let opened = Vault::open(&mut self.vault, dice);
        if let Ok(par) = &opened {
            self.last = Vault::pan(&self.vault, par)?;
        }
        opened
    }

    fn replace(&mut self, par: &str, dice: &mut Dice) -> Result<(), Refusal> {
        match self.flaw {
            Flaw::KeepsOldPan => self.vault.clone().replace(par, dice),
            _ => self.vault.replace(par, dice),
        }
    }

    fn mint(
        &mut self,
        uses: &[Use],
        expires_at: i64,
        dice: &mut Dice,
    ) -> Result<Vec<String>, Refusal> {
        if self.flaw == Flaw::HalfABulk {
            let one_by_one = uses.chunks(1).map(|one| {
                let minted = Vault::mint(&mut self.vault, one, expires_at, dice)?;
                Ok(minted.concat())
            });
            return one_by_one.collect();
        }
        if self.flaw == Flaw::TwoTokens {
            let known = self.vault.len();
            let minted = Vault::mint(&mut self.vault, uses, expires_at, dice)?;
            let none_new = self.vault.len() == known && !uses.is_empty();
            if none_new && Vault::state(&self.vault, &minted[0]) == Some(TokenState::Inactive) {
                self.vault.change(&minted[0], Change::Delete)?;
                return Vault::mint(&mut self.vault, uses, expires_at, dice);
            }
            return Ok(minted);
        }
        let minted = Vault::mint(&mut self.vault, uses, expires_at, dice)?;
        if self.first.is_none() && self.flaw == Flaw::GivesTaken {
            self.first = minted.first().cloned();
        }
        Ok(match &self.first {
            Some(first) => minted.iter().map(|_| first.clone()).collect(),
            None => minted,
        })
    }

    fn rotate(&mut self, dice: &mut Dice) -> Result<u64, Refusal> {
        match Vault::rotate(&mut self.vault, dice) {
            Err(Refusal::WrongOrder) if self.flaw == Flaw::RotatesTwice => Ok(1),
            said => said,
        }
    }

    fn reseal(&mut self, dice: &mut Dice) -> Result<u64, Refusal> {
        let busy = self.vault.left() > 0;
        let said = Vault::reseal(&mut self.vault, dice);
        self.resealed |= busy && self.flaw == Flaw::ForgetsAfterReseal;
        said
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

    fn resolve(&self, token: &str, now: i64, shown: &Shown) -> Result<String, Refusal> {
        let resolve = |now, shown: &Shown| Vault::resolve(&self.vault, token, now, shown);
        match self.flaw {
            Flaw::AnyDomain => {
                let channel = Channel::Contactless;
                resolve(now, &Shown { channel, ..*shown })
            }
            Flaw::AnyChip => resolve(
                now,
                &Shown {
                    chip: None,
                    ..*shown
                },
            ),
            Flaw::OneTickTooLong => resolve(now - 1, shown),
            Flaw::LastPan => resolve(now, shown).map(|_| self.last.clone()),
            Flaw::SuspendedPays
                if Vault::state(&self.vault, token) == Some(TokenState::Suspended) =>
            {
                Ok(self.last.clone())
            }
            _ => resolve(now, shown),
        }
    }

    fn pan(&self, par: &str) -> Result<String, Refusal> {
        if self.resealed {
            return Err(Refusal::VaultUnavailable);
        }
        Vault::pan(&self.vault, par)
    }

    fn par(&self, token: &str) -> Option<String> {
        Vault::par(&self.vault, token)
    }

    fn state(&self, token: &str) -> Option<TokenState> {
        Vault::state(&self.vault, token)
    }

    fn len(&self) -> usize {
        Vault::len(&self.vault)
    }

    fn stored(&self) -> String {
        match self.flaw {
            Flaw::StoresPans => self.last.clone(),
            _ => Vault::stored(&self.vault),
        }
    }
}

fn caught(flaw: Flaw, script: &[u8]) -> bool {
    catch_unwind(|| run(script, Flawed::new(flaw))).is_err()
}

/// Open an account; draws 1, 2, 3.
const OPEN: [u8; 4] = [6, 1, 2, 3];
/// Mint for account 0 and chip 0 with expiry 10; draws 1, 2, 3.
const MINT: [u8; 6] = [0, 0, 0, 10, 1, 2];
const ACTIVATE: [u8; 2] = [1, 0];

/// Open, mint, activate, then what the flaw needs. Ops: 1 activate, 2 suspend, 3 resume, 4 delete, 5 resolve, 6 open,
/// 7 replace, 8 bulk, 9 rotate, 10 reseal.
fn live(then: &[u8]) -> Vec<u8> {
    [&OPEN[..], &MINT, &[3], &ACTIVATE, then].concat()
}

#[test]
fn the_vault_oracle_catches_each_flaw() {
    let cases: [(Flaw, Vec<u8>); 16] = [
        (Flaw::OneSuspender, live(&[2, 0, 0, 2, 0, 2, 3, 0, 0])),
        (Flaw::AnyDomain, live(&[5, 0, 9, 1, 0, 0])),
        (Flaw::AnyChip, live(&[5, 0, 9, 0, 0, 2])),
        (Flaw::OneTickTooLong, live(&[5, 0, 10, 0, 0, 0])),
        (Flaw::GivesTaken, live(&[0, 0, 1, 10, 4, 5, 6])),
        (Flaw::LastPan, live(&[6, 7, 8, 9, 5, 0, 9, 0, 0, 0])),
        (Flaw::ActivatesTwice, live(&ACTIVATE)),
        (Flaw::DeleteForgets, live(&[4, 0])),
        (
            Flaw::RefusalCounts,
            [&OPEN[..], &MINT, &[3], &[2, 0, 0]].concat(),
        ),
        (Flaw::SuspendedPays, live(&[2, 0, 0, 5, 0, 9, 0, 0, 0])),
        (Flaw::KeepsOldPan, live(&[7, 0, 4, 5, 6])),
        (
            Flaw::HalfABulk,
            // Three numbers to draw and seven to give: the range's other numbers are not drawn.
            live(&[8, 0, 1, 7, 10, 4, 5, 6]),
        ),
        (
            Flaw::TwoTokens,
            [&OPEN[..], &MINT, &[3], &MINT, &[3]].concat(),
        ),
        (Flaw::ForgetsAfterReseal, live(&[9, 10])),
        (Flaw::RotatesTwice, live(&[9, 9])),
        (Flaw::StoresPans, live(&[])),
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
    assert!(!(0..200).any(|seed| caught(Flaw::None, &Stream::new(seed).bytes(400))));
    for flaw in FLAWS {
        let found = (0..3_000).any(|seed| caught(flaw, &Stream::new(seed).bytes(400)));
        assert!(found, "{flaw:?} is not found");
    }
}
