//! Bounded connections: so many at once, silent ones closed, refused ones drained so that the answer arrives.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// Connections at once; more wait in the backlog.
pub const CONNECTIONS_MAX: usize = 512;
/// A connection that says nothing for so long is closed.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long, with and without silence, and how many bytes, a connection is still read after its last answer: a peer that
/// is slow to say all that it has begun to say must still find the answer.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_SILENCE: Duration = Duration::from_millis(500);
const LINGER_MAX: usize = 4 << 20;

/// A listener whose connections are bounded.
#[derive(Debug)]
pub struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Bounded {
    /// Bounds the connections of `listener`.
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }

    /// The next connection, as soon as there is a place for it.
    pub async fn next(&self) -> Connection {
        loop {
            // The semaphore is never closed: the only way on is with a place.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => return Connection::new(stream, place),
                // Out of descriptors, or a peer that has gone: others may still be served.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl axum::serve::Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let connection = self.next().await;
        let peer = connection.peer;
        (connection, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection, its place and its deadline.
#[derive(Debug)]
pub struct Connection {
    stream: Option<TcpStream>,
    peer: SocketAddr,
    silence: Pin<Box<Sleep>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        // Small messages in both directions: waiting to fill a segment only costs time.
        let _ = stream.set_nodelay(true);
        let peer = stream
            .peer_addr()
            .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        Self {
            stream: Some(stream),
            peer,
            silence: Box::pin(sleep(SILENCE_MAX)),
            place: Some(place),
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.stream()?.poll_read(cx, buf) {
            Poll::Ready(read) => {
                self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
                Poll::Ready(read)
            }
            Poll::Pending => {
                ready!(self.silence.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

impl Drop for Connection {
    /// Closing with unread bytes would reset the connection and may destroy the answer under way.
    fn drop(&mut self) {
        let (Some(stream), place) = (self.stream.take(), self.place.take()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(linger(stream, place));
        }
    }
}

async fn linger(mut stream: TcpStream, place: Option<OwnedSemaphorePermit>) {
    let drained = async {
        let _ = stream.shutdown().await;
        let mut buffer = [0; 4_096];
        let mut left = LINGER_MAX;
        while let Ok(Ok(read @ 1..)) = timeout(LINGER_SILENCE, stream.read(&mut buffer)).await {
            match left.checked_sub(read) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = timeout(LINGER, drained).await;
    drop(place);
}
