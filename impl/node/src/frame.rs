//! Messages on a stream: a two-byte big-endian length, then so many bytes. ISO 8583 and the chip's transport.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Reads one message; `None` at the end of the stream between messages.
///
/// # Errors
/// `InvalidData` when the length is 0 or above `most`, before any byte of the body is read; else as the stream's.
pub async fn read<R: AsyncRead + Unpin>(
    stream: &mut R,
    most: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    body(stream, length, most).await.map(Some)
}

/// As [`read`], but once its first byte is there, a message must be whole `within` this time.
///
/// # Errors
/// As [`read`]; `TimedOut` when it is not, `UnexpectedEof` when the stream ends after the first byte.
pub async fn read_within<R: AsyncRead + Unpin>(
    stream: &mut R,
    most: usize,
    within: Duration,
) -> io::Result<Option<Vec<u8>>> {
    let mut high = [0; 1];
    if stream.read(&mut high).await? == 0 {
        return Ok(None);
    }
    let rest = async {
        let mut low = [0; 1];
        stream.read_exact(&mut low).await?;
        body(stream, [high[0], low[0]], most).await
    };
    tokio::time::timeout(within, rest).await?.map(Some)
}

async fn body<R: AsyncRead + Unpin>(
    stream: &mut R,
    length: [u8; 2],
    most: usize,
) -> io::Result<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes(length));
    if length == 0 || length > most {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a message of {length} bytes"),
        ));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// Writes one message in one piece.
///
/// # Errors
/// `InvalidInput` when it is longer than two bytes can say; else as the stream's.
pub async fn write<W: AsyncWrite + Unpin>(stream: &mut W, body: &[u8]) -> io::Result<()> {
    let length = u16::try_from(body.len())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut message = Vec::with_capacity(body.len() + 2);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(body);
    stream.write_all(&message).await?;
    stream.flush().await
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let mut wire = Vec::new();
        write(&mut wire, b"one").await.unwrap();
        write(&mut wire, b"2").await.unwrap();
        let mut stream = wire.as_slice();
        assert_eq!(read(&mut stream, 3).await.unwrap().unwrap(), b"one");
        assert_eq!(read(&mut stream, 3).await.unwrap().unwrap(), b"2");
        assert!(read(&mut stream, 3).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_message_does_not_wait_for_ever() {
        let within = Duration::from_secs(10);
        let (mut near, mut far) = tokio::io::duplex(64);
        far.write_all(&[0, 3, b'o', b'n', b'e', 0]).await.unwrap();
        let whole = read_within(&mut near, 3, within).await.unwrap();
        assert_eq!(whole.unwrap(), b"one");
        let late = read_within(&mut near, 3, within).await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        for (bytes, kind) in [
            (&[0, 4, 1][..], io::ErrorKind::InvalidData),
            (&[0, 0], io::ErrorKind::InvalidData),
            (&[0], io::ErrorKind::UnexpectedEof),
            (&[0, 3, 1], io::ErrorKind::UnexpectedEof),
        ] {
            let error = read_within(&mut &bytes[..], 3, within).await.unwrap_err();
            assert_eq!(error.kind(), kind);
        }
        assert!(
            read_within(&mut &[][..], 3, within)
                .await
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn lengths_are_checked_before_the_body() {
        for bytes in [&[0, 0][..], &[0, 4, 1, 2, 3, 4], &[0xFF, 0xFF]] {
            let error = read(&mut &bytes[..], 3).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        assert_eq!(
            read(&mut &[0, 3, 1][..], 3).await.unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }
}
