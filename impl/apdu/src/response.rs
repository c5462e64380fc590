//! A response APDU: data, then the status word.

use crate::{Full, Malformed, StatusWord};

/// A response, borrowed from the bytes that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The data field, maybe empty.
    pub data: &'a [u8],
    /// How it went.
    pub status: StatusWord,
}

impl<'a> Response<'a> {
    /// Reads a response.
    ///
    /// # Errors
    /// [`Malformed`] when it is shorter than a status word.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (data, status) = bytes.split_last_chunk::<2>().ok_or(Malformed)?;
        Ok(Self {
            data,
            status: StatusWord(u16::from_be_bytes(*status)),
        })
    }

    /// Writes the response and returns its length.
    ///
    /// # Errors
    /// [`Full`] when `out` is too short.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Full> {
        let (data, rest) = out.split_at_mut_checked(self.data.len()).ok_or(Full)?;
        data.copy_from_slice(self.data);
        rest.first_chunk_mut::<2>()
            .ok_or(Full)?
            .copy_from_slice(&self.status.bytes());
        self.data.len().checked_add(2).ok_or(Full)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_data_and_status() {
        let response = Response::parse(&[1, 2, 0x90, 0]).unwrap();
        assert_eq!(
            response,
            Response {
                data: &[1, 2],
                status: StatusWord::OK
            }
        );
        let mut out = [0; 4];
        assert_eq!(response.encode(&mut out), Ok(4));
        assert_eq!(out, [1, 2, 0x90, 0]);
        assert_eq!(response.encode(&mut [0; 3]), Err(Full));
        assert_eq!(response.encode(&mut [0; 1]), Err(Full));
    }

    #[test]
    fn less_than_a_status_word_is_refused() {
        assert_eq!(Response::parse(&[]), Err(Malformed));
        assert_eq!(Response::parse(&[0x90]), Err(Malformed));
    }
}
