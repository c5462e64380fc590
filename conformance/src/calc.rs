//! The fixed registry of functions behind `$calc`. Nothing here decides anything.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::codec::{find, tlv};
use crate::crypto::channel::{ChipKeys, evidence, longer_keys, receipt};
use crate::crypto::{cbc_encrypt, emv, emv10, labelled, pad_80, password};
use crate::softchip::{Fault, Sale, SoftChip, TapFault};

/// Every function, by the name that a vector calls it.
pub const FUNCTIONS: &[&str] = &[
    "applicant-digest",
    "base64",
    "chip-answers",
    "chip-data",
    "concat",
    "evidence",
    "head",
    "holds",
    "issuer-proof",
    "luhn",
    "mask",
    "object",
    "open-digest",
    "order-digest",
    "other-code",
    "pay-digest",
    "phone-digest",
    "proof",
    "request-context",
    "stored-key",
    "stray-chip-data",
    "tap",
    "token-template",
    "verify-ac",
];

/// What functions remember within one test: the chips that the runner plays.
#[derive(Debug, Default)]
pub struct Bench {
    kmc: [u8; 16],
    chips: BTreeMap<String, SoftChip>,
}

fn text<'a>(args: &'a Value, name: &str) -> Result<&'a str, String> {
    args.get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("argument {name} is no text"))
}

fn bytes(args: &Value, name: &str) -> Result<Vec<u8>, String> {
    hex::decode(text(args, name)?).map_err(|e| format!("{name}: {e}"))
}

fn digest(label: &str, args: &Value, names: &[&str]) -> Result<Value, String> {
    let parts = names
        .iter()
        .map(|name| text(args, name))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(json!(hex::encode(labelled(label, &parts))))
}

impl Bench {
    /// A bench whose chips have keys under the master key `kmc`.
    pub fn new(kmc: [u8; 16]) -> Self {
        Self {
            kmc,
            ..Self::default()
        }
    }

    /// Computes one function.
    ///
    /// # Errors
    /// When arguments are missing or of another kind.
    pub fn call(&mut self, function: &str, args: &Value) -> Result<Value, String> {
        match function {
            "applicant-digest" => digest(
                "kaika/applicant/1",
                args,
                &["name", "id_type", "id_no", "id_valid_to"],
            ),
            "open-digest" => digest(
                "kaika/open/1",
                args,
                &[
                    "account_id",
                    "device_id",
                    "se_id",
                    "product",
                    "tos_version",
                    "terminal_nonce",
                ],
            ),
            "order-digest" => digest(
                "kaika/order/1",
                args,
                &[
                    "order_id",
                    "account_id",
                    "payee",
                    "amount_minor",
                    "currency",
                    "expires_at",
                    "nonce",
                ],
            ),
            "pay-digest" => digest("kaika/pay/1", args, &["order_digest", "card_code"]),
            "phone-digest" => digest("kaika/phone/1", args, &["phone"]),
            "request-context" => digest(
                "kaika/request/1",
                args,
                &[
                    "request_id",
                    "account_id",
                    "device_id",
                    "se_id",
                    "applicant_digest",
                    "product",
                    "tos_version",
                    "terminal_nonce",
                    "verifier_nonce",
                ],
            ),
            "base64" => Ok(json!(
                base64::engine::general_purpose::STANDARD.encode(text(args, "text")?)
            )),
            "concat" => concat(args),
            "mask" => {
                let shown: Vec<char> = text(args, "text")?.chars().collect();
                let hidden = shown.len().saturating_sub(2);
                let tail: String = shown[hidden..].iter().collect();
                Ok(json!("*".repeat(hidden) + &tail))
            }
            "chip-data" => chip_data(args),
            "evidence" => self.evidence(args),
            "head" => {
                let length = args.get("len").and_then(Value::as_u64).unwrap_or(0);
                let length = usize::try_from(length).unwrap_or(0);
                Ok(json!(
                    text(args, "text")?
                        .get(..length)
                        .ok_or("the text is shorter")?
                ))
            }
            "holds" => holds(args),
            "luhn" => luhn(args),
            "object" => {
                let tag = bytes(args, "tag")?;
                let data = bytes(args, "data")?;
                let template = find(&data, &[0x70]).unwrap_or(data);
                let value =
                    find(&template, &tag).ok_or_else(|| format!("no {}", hex::encode(tag)))?;
                Ok(json!(hex::encode(value)))
            }
            "other-code" => other_code(args),
            "stored-key" => Ok(json!(hex::encode(password::stored_key(
                text(args, "password")?,
                &bytes(args, "salt")?
            )?))),
            "proof" => proof(args),
            "chip-answers" => self.chip_answers(args),
            "tap" => self.tap(args),
            "stray-chip-data" => stray(args),
            "issuer-proof" => issuer_proof(args),
            "token-template" => self.template(args),
            "verify-ac" => verify(args),
            _ => Err(format!("no function {function}")),
        }
    }

    fn chip(&mut self, args: &Value) -> Result<&mut SoftChip, String> {
        let id = text(args, "se_id")?.to_owned();
        let se_id = bytes(args, "se_id")?;
        let kmc = self.kmc;
        Ok(self
            .chips
            .entry(id)
            .or_insert_with(|| SoftChip::new(&kmc, &se_id)))
    }

    /// The token template of STORE DATA in two blocks, and the receipt that the chip must answer.
    fn template(&self, args: &Value) -> Result<Value, String> {
        let (se_id, reference) = (bytes(args, "se_id")?, bytes(args, "token_ref")?);
        let (udk, context) = (bytes(args, "udk")?, bytes(args, "request_context")?);
        let keys = ChipKeys::of(&self.kmc, &se_id);
        let version = args.get("key_version").and_then(Value::as_str);
        let dek = match version {
            None | Some("30") => keys.dek.to_vec(),
            Some("31") => longer_keys(&self.kmc, &se_id, 0x31)[2].clone(),
            Some(_) => longer_keys(&self.kmc, &se_id, 0x32)[2].clone(),
        };
        let sealed = |plain: &[u8]| cbc_encrypt(&dek, [0; 16], plain);
        let more = |seal: &dyn Fn(&[u8]) -> Vec<u8>| -> Result<Vec<u8>, String> {
            let mut more = Vec::new();
            if args.get("pin").is_some() {
                let mut block = bytes(args, "pin")?;
                pad_80(&mut block, 16);
                more.extend(tlv(&[0xDF, 0x36], &seal(&block)));
            }
            if args.get("cryptogram_version").is_some() {
                let version = bytes(args, "cryptogram_version")?;
                more.extend(tlv(&[0xDF, 0x37], &version));
            }
            Ok(more)
        };
        let objects = |key: &[u8]| -> Result<Vec<u8>, String> {
            Ok([
                tlv(&[0xDF, 0x22], &reference),
                tlv(&[0x5A], &bytes(args, "number")?),
                tlv(&[0x5F, 0x24], &bytes(args, "expiry")?),
                tlv(&[0x5F, 0x34], &[1]),
                tlv(&[0xDF, 0x31], key),
                tlv(&[0xDF, 0x33], &[1]),
                tlv(&[0xDF, 0x35], &context),
            ]
            .concat())
        };
        let clear = [objects(&udk)?, more(&|plain| plain.to_vec())?].concat();
        let whole = tlv(&[0xE1], &[objects(&sealed(&udk))?, more(&sealed)?].concat());
        let (first, last) = whole.split_at(whole.len() / 2);
        let receipt = receipt(&keys.receipt, &se_id, &reference, &context, 1, &clear);
        Ok(json!({
            "whole": hex::encode(&whole), "first": hex::encode(first), "last": hex::encode(last), "receipt": hex::encode(receipt),
        }))
    }

    /// What a chip with keys under the bench's master signs.
    fn evidence(&self, args: &Value) -> Result<Value, String> {
        let (se_id, digest) = (bytes(args, "se_id")?, bytes(args, "digest")?);
        let label = match text(args, "kind")? {
            "consent" => "kaika/consent/1",
            "payment" => "kaika/payment/1",
            other => return Err(format!("no evidence of kind {other}")),
        };
        let keys = ChipKeys::of(&self.kmc, &se_id);
        let made = evidence(&keys.receipt, label, &se_id, &digest);
        Ok(json!(hex::encode(made)))
    }

    fn chip_answers(&mut self, args: &Value) -> Result<Value, String> {
        let fault = match args.get("fault").and_then(Value::as_str) {
            None => Fault::None,
            Some("cryptogram") => Fault::Cryptogram,
            Some("receipt") => Fault::Receipt,
            Some("no-receipt") => Fault::NoReceipt,
            Some("replayed") => Fault::Replayed,
            Some("named") => Fault::Named,
            Some("long") => Fault::Long,
            Some("status") => Fault::Status,
            Some("short") => Fault::Short,
            Some(other) => return Err(format!("no fault {other}")),
        };
        let commands = args
            .get("commands")
            .and_then(Value::as_array)
            .ok_or("commands are no list")?
            .clone();
        let commands = commands
            .iter()
            .map(|command| hex::decode(command.as_str().unwrap_or_default()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let answers = self.chip(args)?.answer_all(&commands, fault);
        Ok(answers.into_iter().map(hex::encode).collect())
    }

    fn tap(&mut self, args: &Value) -> Result<Value, String> {
        let amount = args
            .get("amount")
            .and_then(Value::as_u64)
            .ok_or("amount is no number")?;
        let moved = |name: &str| {
            let far = args.get(name).and_then(Value::as_u64).unwrap_or(0);
            u16::try_from(far).map_err(|e| e.to_string())
        };
        let fault = match args.get("fault").and_then(Value::as_str) {
            None => TapFault::None,
            Some("cryptogram") => TapFault::Cryptogram,
            Some("kind") => TapFault::Kind,
            Some("verdict") => TapFault::Verdict,
            Some(other) => return Err(format!("no fault {other}")),
        };
        let without = match args.get("without") {
            None => Vec::new(),
            Some(_) => bytes(args, "without")?,
        };
        let (currency, unpredictable) = (text(args, "currency")?, bytes(args, "unpredictable")?);
        let sale = Sale {
            amount,
            currency,
            unpredictable: &unpredictable,
            behind: moved("behind")?,
            ahead: moved("ahead")?,
            fault,
            without: &without,
        };
        let tap = self.chip(args)?.tap(&sale);
        let tap = tap.ok_or("the chip holds no token, or its counter is not so far")?;
        Ok(json!({
            "token": tap.token, "expiry": tap.expiry, "chip_data": hex::encode(tap.chip_data),
            "approval": hex::encode(tap.approval), "decline": hex::encode(tap.decline),
        }))
    }
}

/// A tap of a chip that no issuer has written to.
fn stray(args: &Value) -> Result<Value, String> {
    let amount = args
        .get("amount")
        .and_then(Value::as_u64)
        .ok_or("amount is no number")?;
    let tap = SoftChip::new(&[0; 16], &[0; 8]).stray(amount, text(args, "currency")?);
    Ok(json!(hex::encode(tap.ok_or("no chip data")?.chip_data)))
}

/// Field 55 of a sale, from the chip's answer to GENERATE AC.
fn chip_data(args: &Value) -> Result<Value, String> {
    let (data, sale) = (bytes(args, "data")?, bytes(args, "sale")?);
    let template = find(&data, &[0x77]).ok_or("no 77")?;
    let mut rest = &sale[..];
    let mut made = Vec::new();
    let asked: [(&[u8], usize); 8] = [
        (&[0x9F, 0x02], 6),
        (&[0x9F, 0x03], 6),
        (&[0x9F, 0x1A], 2),
        (&[0x95], 5),
        (&[0x5F, 0x2A], 2),
        (&[0x9A], 3),
        (&[0x9C], 1),
        (&[0x9F, 0x37], 4),
    ];
    for (tag, length) in asked {
        let (value, after) = rest
            .split_at_checked(length)
            .ok_or("the sale is shorter than its list")?;
        made.extend(tlv(tag, value));
        rest = after;
    }
    made.extend(tlv(&[0x82], &[0x1C, 0x00]));
    for tag in [[0x9F, 0x27], [0x9F, 0x36], [0x9F, 0x26], [0x9F, 0x10]] {
        let value = find(&template, &tag).ok_or_else(|| format!("no {}", hex::encode(tag)))?;
        made.extend(tlv(&tag, &value));
    }
    made.extend(tlv(&[0x5F, 0x34], &[1]));
    Ok(json!(hex::encode(made)))
}

/// Whether the object at the end of a path of tags has this value.
fn holds(args: &Value) -> Result<Value, String> {
    let mut value = bytes(args, "data")?;
    let path = args.get("path").and_then(Value::as_array);
    for tag in path.ok_or("path is no list")? {
        let tag = tag.as_str().unwrap_or_default();
        let name = hex::decode(tag).map_err(|e| format!("{tag}: {e}"))?;
        value = find(&value, &name).ok_or_else(|| format!("no {tag}"))?;
    }
    if value != bytes(args, "value")? {
        return Err(format!("the value is {}", hex::encode(value)));
    }
    Ok(json!(true))
}

/// Whether a cryptogram is of this kind and made with this key over this sale, and says this of itself in 9F10.
fn verify(args: &Value) -> Result<Value, String> {
    let udk: [u8; 16] = bytes(args, "udk")?
        .try_into()
        .map_err(|_| "udk is no key")?;
    let (data, sale) = (bytes(args, "data")?, bytes(args, "sale")?);
    let template = find(&data, &[0x77]).ok_or("no 77")?;
    let field = |tag: &[u8]| find(&template, tag).ok_or_else(|| format!("no {}", hex::encode(tag)));
    let (kind, counter) = (field(&[0x9F, 0x27])?, field(&[0x9F, 0x36])?);
    let [high, low] = counter[..] else {
        return Err("9F36 has not two bytes".to_owned());
    };
    let issuer_data = field(&[0x9F, 0x10])?;
    let signed = [&sale[..], &[0x1C, 0x00], &counter, &issuer_data].concat();
    let made = match args.get("cryptogram_version").and_then(Value::as_str) {
        Some("0a") => emv10::cryptogram(&udk, &signed),
        _ => emv::cryptogram(&udk, u16::from_be_bytes([high, low]), &signed),
    };
    if hex::encode(&kind) != text(args, "kind")? {
        return Err(format!("9F27 is {}", hex::encode(kind)));
    }
    if issuer_data != bytes(args, "issuer_data")? {
        return Err(format!("9F10 is {}", hex::encode(issuer_data)));
    }
    if field(&[0x9F, 0x26])? != made {
        return Err("9F26 is no cryptogram over this sale".to_owned());
    }
    Ok(json!(true))
}

/// The value of tag 91 for the request cryptogram in an answer: with a card status update under version 18, with a response code
/// under version 10.
fn issuer_proof(args: &Value) -> Result<Value, String> {
    let udk: [u8; 16] = bytes(args, "udk")?
        .try_into()
        .map_err(|_| "udk is no key")?;
    let template = find(&bytes(args, "data")?, &[0x77]).ok_or("no 77")?;
    let field = |tag: &[u8]| find(&template, tag).ok_or_else(|| format!("no {}", hex::encode(tag)));
    let (request, counter) = (field(&[0x9F, 0x26])?, field(&[0x9F, 0x36])?);
    let [high, low] = counter[..] else {
        return Err("9F36 has not two bytes".to_owned());
    };
    let said = bytes(args, "says")?;
    let proof = match said.len() {
        2 => emv10::proof_10(&udk, &request, &said),
        _ => emv10::proof_18(&udk, u16::from_be_bytes([high, low]), &request, &said),
    };
    Ok(json!(hex::encode(proof)))
}

/// Six digits that are not these: each one higher.
fn other_code(args: &Value) -> Result<Value, String> {
    let higher = |c: char| {
        c.to_digit(10)
            .and_then(|digit| char::from_digit((digit + 1) % 10, 10))
    };
    let other: Option<String> = text(args, "code")?.chars().map(higher).collect();
    Ok(json!(
        other.ok_or("the code has other characters than digits")?
    ))
}

/// The digits with their check digit (ISO/IEC 7812-1, annex B).
fn luhn(args: &Value) -> Result<Value, String> {
    let digits = text(args, "digits")?;
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            let doubled = if at % 2 == 0 { digit * 2 } else { digit };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    Ok(json!(format!("{digits}{}", (10 - sum % 10) % 10)))
}

fn concat(args: &Value) -> Result<Value, String> {
    let parts = args
        .get("parts")
        .and_then(Value::as_array)
        .ok_or("parts are no list")?;
    Ok(json!(
        parts
            .iter()
            .map(|part| part
                .as_str()
                .map_or_else(|| part.to_string(), str::to_owned))
            .collect::<String>()
    ))
}

fn proof(args: &Value) -> Result<Value, String> {
    let challenge = args.get("challenge").ok_or("no challenge")?;
    let made = password::prove(
        text(args, "password")?,
        &bytes(challenge, "salt")?,
        text(args, "purpose")?,
        text(args, "subject")?,
        text(challenge, "nonce")?,
        text(args, "digest")?,
    )?;
    Ok(json!({ "proof": hex::encode(made.proof), "session": hex::encode(made.session) }))
}
