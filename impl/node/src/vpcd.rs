//! The chip in a virtual reader: it connects to vsmartcard's vpcd, a driver of pcscd, and so every client of PC/SC sees it.
//!
//! Framing as in `spec/85-apdu.md`, section *Transport*. Start at [`serve`].

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use kaika_secure_element::Flash;
use rustix::net::sockopt::set_tcp_quickack;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::chip::Inserted;
use crate::fault::Fault;

/// Where vpcd's first reader listens, if nobody said otherwise.
pub const PORT: u16 = 35_963;
/// How long a reader may be away, at the start and later.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long after a failed try the next one comes.
const PAUSE: Duration = Duration::from_millis(100);

/// Inserts the chip into the reader at `address` and answers it. Power goes off when the reader goes away; the chip is inserted
/// again when it comes back.
///
/// # Errors
/// When no reader listened at `address` for as long as `patience`.
pub async fn serve<F: Flash>(
    address: SocketAddr,
    chip: impl Into<Inserted<F>>,
    patience: Duration,
) -> Result<(), Fault> {
    let mut chip = chip.into();
    loop {
        let stream = insert(address, patience).await?;
        eprintln!("chip: in the reader at {address}");
        let left = chip.session(Quick(stream)).await;
        chip.reset();
        let why = left
            .err()
            .map_or_else(String::new, |error| format!(": {error}"));
        eprintln!("chip: out of the reader{why}");
        // A reader that throws the chip out at once is not asked again at once.
        tokio::time::sleep(PAUSE).await;
    }
}

/// Connects, again and again until a reader listens.
async fn insert(address: SocketAddr, patience: Duration) -> Result<TcpStream, Fault> {
    let began = Instant::now();
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) if began.elapsed() >= patience => return Err(nobody(address, error)),
            Err(_) => tokio::time::sleep(PAUSE.min(patience)).await,
        }
    }
}

fn nobody(address: SocketAddr, error: io::Error) -> Fault {
    let what = format!(
        "no reader listens at {address}; start pcscd with vsmartcard's vpcd (Debian: pcscd, vsmartcard-vpcd)"
    );
    Fault::net(what, error)
}

/// A stream that acknowledges at once.
///
/// vpcd sends a length and a body in two segments and holds the second back until the first is acknowledged, which Linux puts
/// off by 40 ms. The option does not last, so it is set before every read.
struct Quick(TcpStream);

impl AsyncRead for Quick {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &mut self.get_mut().0;
        // Without it everything works, slowly.
        let _ = set_tcp_quickack(&*stream, true);
        Pin::new(stream).poll_read(context, into)
    }
}

impl AsyncWrite for Quick {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use kaika_crypto::ChipMasterKey;
    use kaika_crypto::chip::ChipKeys;
    use kaika_secure_element::journal::MemoryFlash;
    use kaika_secure_element::{ATR, Chip};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::chip::Log;

    const SE_ID: [u8; 8] = [7; 8];
    const GONE: Duration = Duration::from_millis(50);
    /// SELECT of the security domain: state that a reset takes away.
    const SELECT: &[u8] = &[0x00, 0xa4, 0x04, 0x00, 0x00];
    const STATUS_OF_DOMAIN: &[u8] = &[0x80, 0xca, 0x00, 0x66, 0x00];

    fn chip() -> Chip<MemoryFlash> {
        let keys = ChipKeys::derive(&ChipMasterKey::new([3; 16]), &SE_ID);
        Chip::new(keys, SE_ID, MemoryFlash::default()).unwrap()
    }

    async fn reader() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn inserted(address: SocketAddr, log: Option<Log>) -> JoinHandle<Result<(), Fault>> {
        tokio::spawn(serve(address, Inserted::logged(chip(), log), GONE))
    }

    /// As vpcd sends: the length and the body apart.
    async fn say(stream: &mut TcpStream, body: &[u8]) {
        let length = u16::try_from(body.len()).unwrap();
        stream.write_all(&length.to_be_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
    }

    async fn ask(stream: &mut TcpStream, body: &[u8]) -> Vec<u8> {
        say(stream, body).await;
        let length = stream.read_u16().await.unwrap();
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_reader_powers_asks_and_commands_the_chip() {
        let (listener, address) = reader().await;
        let chip = inserted(address, None);
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(ask(&mut stream, &[4]).await, ATR);
        for control in [0, 1, 2] {
            assert!(ask(&mut stream, SELECT).await.ends_with(&[0x90, 0x00]));
            let given = ask(&mut stream, STATUS_OF_DOMAIN).await;
            assert!(given.ends_with(&[0x90, 0x00]));
            say(&mut stream, &[control]).await;
            assert_eq!(ask(&mut stream, STATUS_OF_DOMAIN).await, [0x6a, 0x88]);
        }
        chip.abort();
    }

    #[tokio::test]
    async fn what_is_no_command_is_answered_too() {
        let (listener, address) = reader().await;
        let chip = inserted(address, None);
        let (mut stream, _) = listener.accept().await.unwrap();
        for (said, word) in [
            (&[3][..], [0x67, 0x00]),
            (&[0x00, 0xa4], [0x67, 0x00]),
            (&[0x00, 0xa4, 0x04], [0x67, 0x00]),
            (&[0xff, 0xca, 0x00, 0x00, 0x00], [0x6e, 0x00]),
            (&[0; 65_535], [0x67, 0x00]),
        ] {
            assert_eq!(ask(&mut stream, said).await, word);
        }
        assert!(ask(&mut stream, SELECT).await.ends_with(&[0x90, 0x00]));
        chip.abort();
    }

    #[tokio::test]
    async fn a_reader_that_comes_back_finds_a_chip_that_was_reset() {
        let (listener, address) = reader().await;
        let chip = inserted(address, None);
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(ask(&mut stream, SELECT).await.ends_with(&[0x90, 0x00]));
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(ask(&mut stream, STATUS_OF_DOMAIN).await, [0x6a, 0x88]);
        chip.abort();
    }

    #[tokio::test]
    async fn without_a_reader_it_ends_and_says_what_to_start() {
        let (listener, address) = reader().await;
        drop(listener);
        let ended = inserted(address, None).await.unwrap();
        let said = ended.unwrap_err().to_string();
        assert!(
            said.contains("no reader listens at 127.0.0.1:") && said.contains("pcscd"),
            "{said}"
        );
    }

    /// With the body held back until the length is acknowledged, as vpcd's socket does.
    #[tokio::test]
    async fn a_round_trip_takes_no_delayed_acknowledgement() {
        let (listener, address) = reader().await;
        let chip = inserted(address, None);
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(false).unwrap();
        let began = Instant::now();
        for _ in 0..50 {
            assert!(ask(&mut stream, SELECT).await.ends_with(&[0x90, 0x00]));
        }
        let each = began.elapsed() / 50;
        assert!(each < Duration::from_millis(20), "{each:?} each");
        chip.abort();
    }

    #[tokio::test]
    async fn what_is_said_is_written_down() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("apdu.ndjson");
        let (listener, address) = reader().await;
        let chip = inserted(address, Some(Log::open(&path).unwrap()));
        let (mut stream, _) = listener.accept().await.unwrap();
        ask(&mut stream, &[0xff, 0xca, 0x00, 0x00, 0x00]).await;
        say(&mut stream, &[2]).await;
        assert_eq!(ask(&mut stream, &[4]).await, ATR);
        chip.abort();
        let lines = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let said = serde_json::json!({"command": "ffca000000", "answer": "6e00"});
        assert_eq!(lines, [said, serde_json::json!({"power": "reset"})]);
    }
}
