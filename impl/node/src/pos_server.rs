//! The issuer's port for shop terminals: ISO 8583 in frames, each judged inside one job of the issuer's store.

use std::sync::Arc;

use kaika_issuer::Issuer;
use kaika_spec::Role;
use kaika_spec::limit::ISO8583_MAX;
use kaika_wire::iso8583::Malformed;
use tokio::net::TcpListener;

use crate::clock::SharedClock;
use crate::connection::Bounded;
use crate::fault::Fault;
use crate::log::{Event, Log};
use crate::store::{self, Store};
use crate::{dice, frame};

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
        let listener = Bounded::new(listener);
        loop {
            let mut connection = listener.next().await;
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                while let Ok(Some(request)) = frame::read(&mut connection, ISO8583_MAX).await {
                    //= spec/90-wire.md#wir-11-iso-8583-is-bounded
                    //# The issuer MUST refuse an ISO 8583 frame that is longer than `ISO8583_MAX` or cannot be read, and close the
                    //# connection.
                    let Ok(Ok(answer)) = server.authorise(request).await else {
                        break;
                    };
                    if frame::write(&mut connection, &answer).await.is_err() {
                        break;
                    }
                }
            });
        }
    }

    async fn authorise(&self, request: Vec<u8>) -> Result<Result<Vec<u8>, Malformed>, Fault> {
        let (issuer, clock) = (Arc::clone(&self.issuer), Arc::clone(&self.clock));
        let judged = store::run(&*self.store, move |rows| {
            match issuer.authorise(rows, clock.now(), &mut dice::fresh(), &request) {
                Ok(frame) => (frame.writes, Ok((frame.answer, frame.refusal))),
                Err(malformed) => (vec![], Err(malformed)),
            }
        });
        let judged = judged.await?;
        if let Ok((_, refusal)) = &judged {
            self.log.write(&Event::decided(
                self.clock.now(),
                Role::Issuer,
                "iso8583",
                *refusal,
            ));
        }
        Ok(judged.map(|(answer, _)| answer))
    }
}
