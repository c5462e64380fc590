//! A shop's terminal as a process: chip on one side, issuer on the other, and what must not be forgotten in a store.
//!
//! [`Till::tap`] is one payment. A request's reversal is stored before the request leaves, and removed when the issuer's
//! decision is known; what a process left behind is reversed before the next payment.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kaika_pos::{Effect, Input, Outcome, Pos, Reversal, Sale};
use kaika_spec::Role;
use kaika_wire::core::Write;
use kaika_wire::iso8583::Message;
use serde::{Deserialize, Serialize};

use crate::chip::Remote;
use crate::clock::SharedClock;
use crate::fault::Fault;
use crate::line::Line;
use crate::log::{Diary, Event, Heard, Sent};
use crate::store::{self, Store};
use crate::trail::{self, About};

/// Table of the reversals whose requests are not decided, by terminal, shop and reference.
pub const REVERSALS: &str = "reversals";
/// How long the shop waits for the issuer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Times that a reversal is sent before the shop's staff is told to look.
const SENDS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);

/// A reversal that is due unless its request is decided.
#[derive(Debug, Serialize, Deserialize)]
struct Due {
    /// The message, hex.
    message: String,
    /// Whether it may have been sent.
    sent: bool,
}

/// A terminal.
pub struct Till {
    store: Arc<dyn Store>,
    line: Line,
    issuer: SocketAddr,
    /// Names of the payments under way in this process: their reversals are not due yet.
    under_way: Mutex<BTreeSet<String>>,
    settling: tokio::sync::Mutex<()>,
    diary: Diary,
}

impl Till {
    /// A terminal with its store and the issuer's address.
    pub fn new(
        store: Arc<dyn Store>,
        issuer: SocketAddr,
        patience: Duration,
        clock: SharedClock,
    ) -> Self {
        Self {
            store,
            line: Line::new(issuer, patience, clock),
            issuer,
            under_way: Mutex::default(),
            settling: tokio::sync::Mutex::new(()),
            diary: Diary::default(),
        }
    }

    /// The same terminal, which writes down what it decides.
    #[must_use]
    pub fn logged(self, diary: Diary) -> Self {
        Self { diary, ..self }
    }

    /// Writes a decision about a transaction down: what was judged, what is sent, where it stands then.
    fn decided(
        &self,
        act: &str,
        heard: &Answered,
        sent: Option<(&str, &[u8])>,
        tap: &str,
        state: &str,
    ) {
        let sent = sent.map(|(msg, bytes)| Sent::asks(Role::Issuer, msg, iso(bytes)));
        self.diary.write(Event {
            about: About::default().with("tap", tap),
            heard: heard.heard(),
            out: sent.into_iter().collect(),
            post: [("tap", state.to_owned())].into(),
            ..Event::decided(0, Role::Pos, act, None)
        });
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what earlier payments left undecided, until each is answered. Returns how many there were.
    ///
    /// # Errors
    /// When the store fails, or the issuer does not take one of them.
    pub async fn settle(&self) -> Result<usize, Fault> {
        let _one = self.settling.lock().await;
        let mut settled = 0;
        for (name, _) in self.store.scan(REVERSALS)? {
            if self.under_way().contains(&name) {
                continue;
            }
            // A payment under way forgets its reversal before it is over: what is gone by now was decided meanwhile.
            let Some(row) = self.stored(&name).await? else {
                continue;
            };
            let due = serde_json::from_slice::<Due>(&row).ok();
            let reversal = due.as_ref().and_then(|due| {
                let bytes = hex::decode(&due.message).ok()?;
                Reversal::restored(&bytes)
            });
            let (Some(due), Some(reversal)) = (due, reversal) else {
                return Err(Fault::Peer(format!(
                    "the stored reversal {name} cannot be read; give another directory and ask the bank"
                )));
            };
            self.settle_one(&reversal, due.sent).await?;
            settled += 1;
        }
        Ok(settled)
    }

    async fn settle_one(&self, reversal: &Reversal, mut sent: bool) -> Result<(), Fault> {
        for turn in 0..SENDS_MAX {
            tokio::time::sleep(PAUSE * turn).await;
            self.keep(reversal, true).await?;
            let message = if sent {
                reversal.again()
            } else {
                reversal.first()
            };
            sent = true;
            let (name, nothing) = (reversal.name(), Answered::Nothing);
            self.decided(
                "time-out",
                &nothing,
                Some(("reversal", &message)),
                &name,
                "reversing",
            );
            let answer = self.line.ask(&message).await;
            if let Some(answer) = answer.filter(|answer| reversal.is_settled(answer)) {
                let heard = Answered::Bytes(iso(&message), answer);
                self.decided("answer", &heard, None, &name, "declined");
                return self.forget(&name).await;
            }
        }
        Err(not_taken())
    }

    async fn keep(&self, reversal: &Reversal, sent: bool) -> Result<(), Fault> {
        let due = Due {
            message: hex::encode(reversal.first()),
            sent,
        };
        let write = Write::put(REVERSALS, reversal.name(), &due);
        store::run(&*self.store, move |_| (vec![write], ())).await
    }

    async fn stored(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let name = name.to_owned();
        store::run(&*self.store, move |rows| {
            (vec![], rows.get(REVERSALS, &name))
        })
        .await
    }

    async fn forget(&self, name: &str) -> Result<(), Fault> {
        let write = Write::delete(REVERSALS, name);
        store::run(&*self.store, move |_| (vec![write], ())).await
    }

    /// A payment: its outcome, and the token that the chip showed.
    ///
    /// # Errors
    /// When the store fails, the chip is gone before the issuer is asked, or a reversal is not taken. What the issuer may have
    /// booked is then reversed before the next payment.
    pub async fn tap(
        &self,
        sale: Sale,
        chip: &mut Remote,
    ) -> Result<(Outcome, Option<String>), Fault> {
        //= spec/75-tap.md#tap-21-old-reversals-first
        //# The POS MUST have every reversal that an earlier payment left answered before it asks for another payment.
        self.settle().await?;
        if !self.line.is_up().await {
            return Err(Fault::Peer(format!(
                "the issuer at {} does not answer; nothing was asked of it",
                self.issuer
            )));
        }
        let mut payment = Payment {
            till: self,
            pos: Pos::new(sale),
            reversal: None,
            reversals: 0,
            heard: Answered::Nothing,
        };
        let mut effect = payment.pos.handle(Input::Start);
        loop {
            let input = match effect {
                Effect::Chip(command) => {
                    let answer = chip.transmit(&command).await;
                    payment.spoken(chip);
                    payment.chip(answer)?
                }
                Effect::Ask { request, reversal } => payment.ask(&request, &reversal).await?,
                Effect::Reverse(message) => payment.reverse(&message).await?,
                Effect::Show(outcome) => {
                    payment.shown(&outcome);
                    payment.over().await?;
                    return Ok((outcome, payment.pos.token().map(str::to_owned)));
                }
            };
            effect = payment.pos.handle(input);
        }
    }
}

fn not_taken() -> Fault {
    Fault::Peer("the issuer takes no reversal; it is sent again before the next payment".into())
}

/// What the issuer said last.
#[derive(Debug)]
enum Answered {
    /// Nobody was asked.
    Nothing,
    /// The chip, so far.
    Chip(Option<String>),
    /// The issuer: nothing.
    Silence,
    /// The issuer, to this message: this.
    Bytes(Option<String>, Vec<u8>),
}

impl Answered {
    fn heard(&self) -> Option<Heard> {
        Some(match self {
            Self::Nothing => return None,
            Self::Chip(said) => Heard::answer(Role::Chip, said.clone(), None),
            Self::Silence => Heard::silence(Role::Issuer),
            Self::Bytes(asked, bytes) => Heard::answer(Role::Issuer, iso(bytes), asked.clone()),
        })
    }
}

/// The id of a message on the line.
fn iso(bytes: &[u8]) -> Option<String> {
    Message::parse(bytes)
        .ok()
        .map(|message| trail::iso(&message))
}

/// A payment under way. Dropped before its end, it leaves its reversal due.
struct Payment<'a> {
    till: &'a Till,
    pos: Pos,
    reversal: Option<Reversal>,
    reversals: u32,
    heard: Answered,
}

impl Payment<'_> {
    fn chip(&self, answer: Result<Vec<u8>, Fault>) -> Result<Input, Fault> {
        match answer {
            Ok(answer) => Ok(Input::Chip(answer)),
            Err(_) if self.reversal.is_some() => Ok(Input::CardGone),
            Err(fault) => Err(fault),
        }
    }

    /// Until the issuer was heard, it is the chip that is judged.
    fn spoken(&mut self, chip: &Remote) {
        if matches!(self.heard, Answered::Nothing | Answered::Chip(_)) {
            self.heard = Answered::Chip(chip.said().map(str::to_owned));
        }
    }

    async fn ask(&mut self, request: &[u8], reversal: &[u8]) -> Result<Input, Fault> {
        let reversal = Reversal::restored(reversal).ok_or_else(not_taken)?;
        self.till.under_way().insert(reversal.name());
        //= spec/75-tap.md#tap-20-the-reversal-is-stored-first
        //# The POS MUST store the reversal of a request before the request leaves, and keep it until it knows the issuer's decision or
        //# the reversal is answered.
        let reversal = self.reversal.insert(reversal);
        self.till.keep(reversal, false).await?;
        let name = reversal.name();
        self.till.decided(
            "card",
            &self.heard,
            Some(("request", request)),
            &name,
            "asked",
        );
        Ok(self.asked(request).await)
    }

    async fn reverse(&mut self, message: &[u8]) -> Result<Input, Fault> {
        if self.reversals == SENDS_MAX {
            return Err(not_taken());
        }
        tokio::time::sleep(PAUSE * self.reversals).await;
        self.reversals += 1;
        if let Some(reversal) = &self.reversal {
            self.till.keep(reversal, true).await?;
            let name = reversal.name();
            self.till.decided(
                "time-out",
                &self.heard,
                Some(("reversal", message)),
                &name,
                "reversing",
            );
        }
        Ok(self.asked(message).await)
    }

    async fn asked(&mut self, message: &[u8]) -> Input {
        let answer = self.till.line.ask(message).await;
        let bytes = |answer| Answered::Bytes(iso(message), answer);
        self.heard = answer.clone().map_or(Answered::Silence, bytes);
        answer.map_or(Input::Timeout, Input::Issuer)
    }

    /// Writes down what the shop is shown.
    fn shown(&self, outcome: &Outcome) {
        let (act, state) = match outcome {
            Outcome::Approved { .. } => ("answer", "approved"),
            Outcome::Declined { .. } | Outcome::Reversed => ("answer", "declined"),
            Outcome::CardUnusable => ("card-unusable", "idle"),
        };
        let name = self
            .reversal
            .as_ref()
            .map(Reversal::name)
            .unwrap_or_default();
        self.till.decided(act, &self.heard, None, &name, state);
    }

    async fn over(&self) -> Result<(), Fault> {
        match &self.reversal {
            Some(reversal) => self.till.forget(&reversal.name()).await,
            None => Ok(()),
        }
    }
}

impl Drop for Payment<'_> {
    fn drop(&mut self) {
        if let Some(reversal) = &self.reversal {
            self.till.under_way().remove(&reversal.name());
        }
    }
}
