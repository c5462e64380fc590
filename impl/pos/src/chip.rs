//! What the terminal says to a chip and reads from it: EMV Book 1 and 3.

use kaika_apdu::tlv::{self, Reader};
use kaika_apdu::{Command, Dol, Response, StatusWord, Tag};

use crate::tap::Sale;

const PPSE: &[u8] = b"2PAY.SYS.DDF01";

/// A chip's answer that a payment cannot go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unusable;

/// One record to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    sfi: u8,
    record: u8,
}

/// What a chip's records say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) token: Option<String>,
    pub(crate) expiry: Option<String>,
    pub(crate) psn: Option<Vec<u8>>,
    pub(crate) cdol1: Option<Vec<u8>>,
}

fn command(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    encoded(&Command::short(header, data, 256))
}

fn encoded(command: &Command<'_>) -> Vec<u8> {
    let mut buffer = [0; 262];
    let length = command.encode(&mut buffer).unwrap_or(0);
    buffer.get(..length).unwrap_or_default().to_vec()
}

pub(crate) fn select_directory() -> Vec<u8> {
    command([0x00, 0xa4, 0x04, 0x00], PPSE)
}

pub(crate) fn select(aid: &[u8]) -> Vec<u8> {
    command([0x00, 0xa4, 0x04, 0x00], aid)
}

pub(crate) fn read_record(place: Place) -> Vec<u8> {
    command([0x00, 0xb2, place.record, place.sfi << 3 | 0x04], &[])
}

/// GET PROCESSING OPTIONS with what the chip's list asks for.
pub(crate) fn options(pdol: &[u8], sale: &Sale) -> Result<Vec<u8>, Unusable> {
    let values = filled(pdol, sale)?;
    let mut buffer = [0; 255];
    let mut writer = tlv::Writer::new(&mut buffer);
    writer
        .put(Tag::COMMAND_TEMPLATE, &values)
        .map_err(|_| Unusable)?;
    Ok(command([0x80, 0xa8, 0x00, 0x00], writer.written()))
}

/// GENERATE AC, asking for a request cryptogram: the issuer decides.
pub(crate) fn generate(cdol1: &[u8], sale: &Sale) -> Result<Vec<u8>, Unusable> {
    Ok(command([0x80, 0xae, 0x80, 0x00], &filled(cdol1, sale)?))
}

/// EXTERNAL AUTHENTICATE with the value of tag 91: no data is expected.
pub(crate) fn external_authenticate(proof: &[u8]) -> Vec<u8> {
    encoded(&Command::short([0x00, 0x82, 0x00, 0x00], proof, 0))
}

/// The values that a list asks for; what the terminal does not know is zeros.
fn filled(list: &[u8], sale: &Sale) -> Result<Vec<u8>, Unusable> {
    let list = Dol::parse(list).map_err(|_| Unusable)?;
    let mut out = Vec::new();
    for entry in list.entries() {
        let value = sale.object(entry.tag).unwrap_or_default();
        let fits = if value.len() == entry.length {
            value
        } else {
            vec![0; entry.length]
        };
        out.extend(fits);
    }
    if out.len() <= 252 {
        Ok(out)
    } else {
        Err(Unusable)
    }
}

/// The data of an answer that ended well.
pub(crate) fn good(response: &[u8]) -> Result<&[u8], Unusable> {
    match Response::parse(response) {
        Ok(response) if response.status == StatusWord::OK => Ok(response.data),
        _ => Err(Unusable),
    }
}

fn inside(bytes: &[u8], tag: Tag) -> Result<&[u8], Unusable> {
    tlv::find(bytes, tag).ok().flatten().ok_or(Unusable)
}

/// The AID of highest priority in the directory.
pub(crate) fn best_aid(directory: &[u8]) -> Result<Vec<u8>, Unusable> {
    let fci = inside(
        inside(inside(directory, Tag::FCI)?, Tag::FCI_PROPRIETARY)?,
        Tag::FCI_DISCRETIONARY,
    )?;
    let entries = Reader::new(fci)
        .map_while(Result::ok)
        .filter(|object| object.tag == Tag::APPLICATION);
    let ranked = entries.filter_map(|entry| {
        let aid = inside(entry.value, Tag::AID).ok()?;
        let priority = inside(entry.value, Tag::PRIORITY)
            .ok()
            .and_then(|p| p.first())
            .copied()
            .unwrap_or(u8::MAX);
        Some((priority, aid))
    });
    ranked
        .min_by_key(|(priority, _)| *priority)
        .map(|(_, aid)| aid.to_vec())
        .ok_or(Unusable)
}

/// The chip's list for GET PROCESSING OPTIONS; empty when it has none. The name must be the one that was selected.
pub(crate) fn pdol(fci: &[u8], aid: &[u8]) -> Result<Vec<u8>, Unusable> {
    let template = inside(fci, Tag::FCI)?;
    if inside(template, Tag::DF_NAME)? != aid {
        return Err(Unusable);
    }
    Ok(inside(inside(template, Tag::FCI_PROPRIETARY)?, Tag::PDOL)
        .unwrap_or_default()
        .to_vec())
}

/// Interchange profile and the records to read.
pub(crate) fn profile(options: &[u8]) -> Result<([u8; 2], Vec<Place>), Unusable> {
    let template = inside(options, Tag::RESPONSE)?;
    let aip = inside(template, Tag::AIP)?
        .try_into()
        .map_err(|_| Unusable)?;
    let afl = inside(template, Tag::AFL)?;
    if afl.is_empty() || !afl.len().is_multiple_of(4) {
        return Err(Unusable);
    }
    let places = afl.chunks_exact(4).flat_map(|entry| match *entry {
        [sfi, first, last, _] => (first..=last)
            .map(|record| Place {
                sfi: sfi >> 3,
                record,
            })
            .collect(),
        _ => vec![],
    });
    Ok((aip, places.collect()))
}

impl Records {
    /// Takes up one record. A primitive object that comes twice is an error of the card.
    pub(crate) fn add(&mut self, record: &[u8]) -> Result<(), Unusable> {
        for object in Reader::new(inside(record, Tag::RECORD)?) {
            let object = object.map_err(|_| Unusable)?;
            let once = |known: bool| if known { Err(Unusable) } else { Ok(()) };
            match object.tag {
                Tag::PAN => once(self.token.replace(digits(object.value)).is_some())?,
                Tag::EXPIRY => once(self.expiry.replace(hex::encode(object.value)).is_some())?,
                Tag::PSN => once(self.psn.replace(object.value.to_vec()).is_some())?,
                Tag::CDOL1 => once(self.cdol1.replace(object.value.to_vec()).is_some())?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// BCD without padding.
fn digits(bcd: &[u8]) -> String {
    hex::encode(bcd).trim_end_matches('f').to_owned()
}

/// The objects of a cryptogram: 9F27, 9F36, 9F26, 9F10.
pub(crate) fn cryptogram(answer: &[u8]) -> Result<Vec<(Tag, Vec<u8>)>, Unusable> {
    let template = inside(answer, Tag::RESPONSE)?;
    [
        Tag::CRYPTOGRAM,
        Tag::CRYPTOGRAM_INFORMATION,
        Tag::IAD,
        Tag::ATC,
    ]
    .into_iter()
    .map(|tag| Ok((tag, inside(template, tag)?.to_vec())))
    .collect()
}
