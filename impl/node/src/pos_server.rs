//! The issuer's port for shop terminals: ISO 8583 in frames, each judged inside one job of the issuer's store.

use std::sync::Arc;

use kaika_issuer::{Asking, Issuer};
use kaika_spec::Role;
use tokio::net::TcpListener;

use crate::clock::SharedClock;
use crate::dice;
use crate::framed::{self, Answering};
use crate::log::{Event, Log};
use crate::store::{self, Store};

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
        let (issuer, clock) = (Arc::clone(&self.issuer), Arc::clone(&self.clock));
        // What needs no rows is done beside the store's one writer.
        let (checked, mut dice) = (issuer.check(request), dice::fresh());
        let judged = store::run(&*self.store, move |rows| {
            let frame = issuer.judge(rows, clock.now(), &mut dice, &checked);
            (frame.writes, (frame.answer, frame.refusal))
        });
        let (answer, refusal) = judged.await.ok()?;
        self.log.write(&Event::decided(
            self.clock.now(),
            Role::Issuer,
            "iso8583",
            refusal,
        ));
        Some(answer)
    }
}
