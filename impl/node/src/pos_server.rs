//! The issuer's port for shop terminals: ISO 8583 in frames, each judged inside one job of the issuer's store.

use std::sync::Arc;

use kaika_issuer::{Asking, Frame, Issuer};
use kaika_spec::Role;
use kaika_wire::core::Rows;
use kaika_wire::iso8583::Message;
use tokio::net::TcpListener;

use crate::clock::SharedClock;
use crate::dice;
use crate::framed::{self, Answering};
use crate::log::{Event, Heard, Log, Sent, Verdict};
use crate::store::{self, Store};
use crate::trail::{self, About};

/// The issuer as shop terminals see it.
pub struct PosServer {
    /// The core.
    pub issuer: Arc<Issuer>,
    /// The issuer's store: the same that its HTTP server uses.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: SharedClock,
    /// The event log.
    pub log: Arc<Log>,
}

impl PosServer {
    /// Serves until the process ends.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        framed::serve(self, listener).await;
    }
}

impl Answering for PosServer {
    type Request = Asking;

    fn read(&self, bytes: &[u8]) -> Option<Asking> {
        Asking::read(bytes).ok()
    }

    async fn answer(&self, request: Asking) -> Option<Vec<u8>> {
        let (issuer, clock, log) = (
            Arc::clone(&self.issuer),
            Arc::clone(&self.clock),
            Arc::clone(&self.log),
        );
        let heard = request.message().clone();
        // What needs no rows is done beside the store's one writer.
        let (checked, mut dice) = (issuer.check(request), dice::fresh());
        let job = move |rows: &dyn Rows| {
            let now = clock.now();
            let mut frame = issuer.judge(rows, now, &mut dice, &checked);
            (std::mem::take(&mut frame.writes), (now, frame))
        };
        let then = move |(now, frame): &(i64, Frame)| log.write(&event(*now, &heard, frame));
        let judged = store::run_then(&*self.store, job, then).await.ok()?;
        Some(judged.1.answer)
    }
}

/// What the log says of a decision.
fn event(now: i64, heard: &Message, frame: &Frame) -> Event {
    let seen = &frame.seen;
    let things = [("tap", &seen.name), ("token", &seen.token_ref)];
    let about = things
        .into_iter()
        .fold(About::default(), |about, (kind, id)| {
            id.iter().fold(about, |about, id| about.with(kind, id))
        });
    let amount = if seen.over_limit {
        "over-limit"
    } else {
        "within-limit"
    };
    let args = seen
        .atc
        .map(|atc| [("atc", atc.to_string()), ("amount", amount.into())]);
    let answer = Message::parse(&frame.answer).ok();
    let asked = Some(trail::iso(heard));
    let said = answer.map(|answer| {
        let code = answer.text(39).unwrap_or_default();
        Sent::answers(Role::Pos, code, Some(trail::iso(&answer)), asked.clone())
    });
    let kind: String = heard.mti.map(char::from).iter().collect();
    let event = Event {
        about,
        heard: Some(Heard::request(Role::Pos, asked.clone())),
        out: said.into_iter().collect(),
        args: args.into_iter().flatten().collect(),
        ..Event::decided(now, Role::Issuer, kind, frame.refusal)
    };
    if frame.repeated {
        event.with(Verdict::Repeated)
    } else {
        event
    }
}
