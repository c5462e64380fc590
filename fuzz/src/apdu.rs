//! Command APDUs against a decoder driven by the table of ISO/IEC 7816-3, 12.1.3.
//!
//! Start at [`agree`]: same verdict, same fields, and printing what was read gives the bytes again.

use kaika_apdu::Command;

/// Fuzz body: [`agree`] for our parser and printer.
pub fn apdu_command(data: &[u8]) {
    agree(data, read, print);
}

/// Our parser.
pub fn read(bytes: &[u8]) -> Option<Fields> {
    let command = Command::parse(bytes).ok()?;
    Some(Fields {
        header: [command.cla, command.ins, command.p1, command.p2],
        data: command.data.to_vec(),
        ne: usize::try_from(command.expected)
            .ok()
            .filter(|expected| *expected != 0),
        extended: command.extended,
    })
}

/// Our printer, into a buffer with room and into one with a byte too few, which it must refuse.
pub fn print(fields: &Fields) -> Option<Vec<u8>> {
    let [cla, ins, p1, p2] = fields.header;
    let expected = fields.ne.and_then(|ne| u32::try_from(ne).ok()).unwrap_or(0);
    let command = Command {
        cla,
        ins,
        p1,
        p2,
        data: &fields.data,
        expected,
        extended: fields.extended,
    };
    let mut buffer = vec![0; fields.data.len() + 9];
    let length = command.encode(&mut buffer).ok()?;
    assert!(
        command.encode(&mut vec![0; length - 1]).is_err(),
        "printed into too short a buffer"
    );
    buffer.truncate(length);
    Some(buffer)
}

/// A command as the table reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// CLA INS P1 P2.
    pub header: [u8; 4],
    /// The data field.
    pub data: Vec<u8>,
    /// The largest number of answer bytes asked for, if any.
    pub ne: Option<usize>,
    /// Whether lengths are extended.
    pub extended: bool,
}

/// One row of the table: what a body (everything after the header) of this case looks like.
struct Case {
    extended: bool,
    /// Bytes before the data field, or `None` when there is no data field.
    lc_bytes: Option<usize>,
    /// Bytes of Le after the data field (in an extended case without data, after the leading zero).
    le_bytes: usize,
}

/// The seven cases. A body fits at most one.
const CASES: [Case; 7] = [
    Case {
        extended: false,
        lc_bytes: None,
        le_bytes: 0,
    },
    Case {
        extended: false,
        lc_bytes: None,
        le_bytes: 1,
    },
    Case {
        extended: false,
        lc_bytes: Some(1),
        le_bytes: 0,
    },
    Case {
        extended: false,
        lc_bytes: Some(1),
        le_bytes: 1,
    },
    Case {
        extended: true,
        lc_bytes: None,
        le_bytes: 3,
    },
    Case {
        extended: true,
        lc_bytes: Some(3),
        le_bytes: 0,
    },
    Case {
        extended: true,
        lc_bytes: Some(3),
        le_bytes: 2,
    },
];

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |sum, byte| sum * 256 + usize::from(*byte))
}

impl Case {
    fn read(&self, header: [u8; 4], body: &[u8]) -> Option<Fields> {
        let lc_bytes = self.lc_bytes.unwrap_or(0);
        let lc = self.lc(body)?;
        if body.len() != lc_bytes + lc + self.le_bytes {
            return None;
        }
        let data = body.get(lc_bytes..lc_bytes + lc)?.to_vec();
        let le = body.get(lc_bytes + lc..)?;
        if self.extended && self.lc_bytes.is_none() && le.first() != Some(&0) {
            return None;
        }
        let ne = match (le.is_empty(), number(le), self.extended) {
            (true, ..) => None,
            (false, 0, false) => Some(256),
            (false, 0, true) => Some(65_536),
            (false, n, _) => Some(n),
        };
        Some(Fields {
            header,
            data,
            ne,
            extended: self.extended,
        })
    }

    /// The length of the data field that this case reads off the body: never 0 when there is such a field.
    fn lc(&self, body: &[u8]) -> Option<usize> {
        let Some(lc_bytes) = self.lc_bytes else {
            return Some(0);
        };
        if self.extended && body.first() != Some(&0) {
            return None;
        }
        Some(number(body.get(..lc_bytes)?)).filter(|lc| *lc != 0)
    }
}

/// Reads a command by the table.
pub fn by_table(bytes: &[u8]) -> Option<Fields> {
    let (header, body) = bytes.split_first_chunk::<4>()?;
    let mut fitting = CASES.iter().filter_map(|case| case.read(*header, body));
    let found = fitting.next();
    assert!(fitting.next().is_none(), "two cases fit {bytes:02X?}");
    found
}

/// Panics unless `read` gives the table's verdict and fields, and `print` gives the bytes again.
pub fn agree(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Option<Fields>,
    print: impl Fn(&Fields) -> Option<Vec<u8>>,
) {
    let want = by_table(bytes);
    assert_eq!(read(bytes), want, "of {bytes:02X?}");
    if let Some(fields) = want {
        assert_eq!(
            print(&fields).as_deref(),
            Some(bytes),
            "printing {fields:02X?}"
        );
    }
}
