//! A server of requests in frames: each connection read by one task and written by another, each request between them in a task
//! of its own, so that an answer leaves when it is decided. [`serve`] is the
//! way in; `Line::read` says when a connection ends.

use std::sync::Arc;
use std::time::Duration;

use kaika_spec::limit::{FRAME_MS, IN_FLIGHT_MAX, ISO8583_MAX};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::connection::{Bounded, Connection};
use crate::frame;

const FRAME: Duration = Duration::from_millis(FRAME_MS);

/// What the requests are given to.
pub trait Answering: Send + Sync + 'static {
    /// A request, read.
    type Request: Send + 'static;

    /// Reads a request; after bytes that are none the connection is closed.
    fn read(&self, bytes: &[u8]) -> Option<Self::Request>;

    /// The answer, once what it says is durable; nothing when there can be none, and the connection is to be closed.
    fn answer(&self, request: Self::Request) -> impl Future<Output = Option<Vec<u8>>> + Send;
}

/// Serves until the process ends.
pub async fn serve<A: Answering>(answering: Arc<A>, listener: TcpListener) {
    let listener = Bounded::new(listener);
    loop {
        let (reader, writer) = tokio::io::split(listener.next().await);
        let (answers, decided) = mpsc::channel(IN_FLIGHT_MAX);
        let line = Line {
            answering: Arc::clone(&answering),
            places: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            failed: Arc::new(Notify::new()),
            answers,
        };
        tokio::spawn(write(writer, decided));
        tokio::spawn(line.read(reader));
    }
}

/// One connection.
struct Line<A> {
    answering: Arc<A>,
    places: Arc<Semaphore>,
    failed: Arc<Notify>,
    answers: mpsc::Sender<Vec<u8>>,
}

impl<A: Answering> Line<A> {
    /// Takes requests until the peer leaves, is silent, sends what cannot be read or does not read; then the answers that
    /// are still due leave, and the connection is closed.
    async fn read(self, mut reader: ReadHalf<Connection>) {
        let (failed, answers) = (Arc::clone(&self.failed), self.answers.clone());
        tokio::select! {
            () = self.take_all(&mut reader) => {}
            () = failed.notified() => {}
            () = answers.closed() => {}
        }
    }

    async fn take_all(&self, reader: &mut ReadHalf<Connection>) {
        //= spec/90-wire.md#wir-16-so-many-at-once
        //# The issuer MUST NOT read a further ISO 8583 request from a connection while `IN_FLIGHT_MAX` of its requests are undecided.
        while let Ok(place) = Arc::clone(&self.places).acquire_owned().await {
            //= spec/90-wire.md#wir-15-a-frame-comes-in-one-go
            //# The issuer MUST close a connection when `FRAME_MS` have passed since the first byte of a frame that is not complete.
            let read = frame::read_within(reader, ISO8583_MAX, FRAME).await;
            //= spec/90-wire.md#wir-11-iso-8583-is-bounded
            //# The issuer MUST refuse an ISO 8583 frame that is longer than `ISO8583_MAX` or cannot be read, and close the
            //# connection.
            let Ok(Some(bytes)) = read else { return };
            let Some(request) = self.answering.read(&bytes) else {
                return;
            };
            //= spec/90-wire.md#wir-14-requests-do-not-wait-for-each-other
            //# The issuer MUST answer each ISO 8583 request of a connection when it is decided, whatever was asked before it.
            let (answering, answers) = (Arc::clone(&self.answering), self.answers.clone());
            let failed = Arc::clone(&self.failed);
            tokio::spawn(async move {
                match answering.answer(request).await {
                    Some(answer) => drop(answers.send(answer).await),
                    None => failed.notify_one(),
                }
                drop(place);
            });
        }
    }
}

/// Writes answers as they come, until no more can come or the peer does not read them.
async fn write(mut writer: WriteHalf<Connection>, mut decided: mpsc::Receiver<Vec<u8>>) {
    while let Some(answer) = decided.recv().await {
        let written = tokio::time::timeout(FRAME, frame::write(&mut writer, &answer)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}
