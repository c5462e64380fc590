//! Provision: the host's side of the secure channel, in rounds that verifier and terminal relay.
//!
//! ```text
//! round 1   →  SELECT security domain, GET DATA receipts, INITIALIZE UPDATE
//! round 2   →  EXTERNAL AUTHENTICATE, STORE DATA …, COMMIT      (or done, when the receipt is there already)
//! round 3   the receipt makes the token active
//! ```
//! A round that does not fit drops the session; provisioning starts again from the first.

use kaika_apdu::{Command, Response, StatusWord, Tag, tlv};
use kaika_crypto::chip::{self, ChipKeys, Receipt};
use kaika_crypto::scp03::{Channel, Header, Level, SessionKeys};
use kaika_spec::{Refusal, TokenState, Weakness};
use kaika_tokenization::lifecycle::Event;
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Refused, Write};
use kaika_wire::messages::issuer::{ProvisionRequest, Provisioned};
use kaika_wire::messages::parse;
use kaika_wire::value::{Apdu, Hex};
use serde_json::json;

use crate::rows::{Session, TOKENS, Token};
use crate::{Case, Decision};

/// AID of the issuer security domain.
const SECURITY_DOMAIN: [u8; 7] = [0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x00];
/// PAN sequence number of every token.
const PSN: u8 = 1;
/// Version of the token data.
const VERSION: u8 = 1;
/// Plain bytes of token data in one STORE DATA.
const BLOCK: usize = 64;
const KEY_VERSION: u8 = 0x30;

impl Case<'_> {
    pub(crate) fn provision(self, token_ref: &str, body: &[u8]) -> Decision {
        let asked: ProvisionRequest = parse(body)?;
        let token = self.token_row(token_ref)?;
        //= spec/60-provision.md#pro-10-one-chip
        //# The issuer MUST refuse to personalise a token into another chip than the one its request names.
        let other = token.se_id != asked.se_id.to_string();
        if other && !lacks(Weakness::SecondChip) {
            return Err(Refusal::ContextMismatch.into());
        }
        //= spec/60-provision.md#pro-9-active-only-when-bound
        //# The issuer MUST NOT activate a token before it was told a binding id.
        let binding = asked.binding_id.ok_or(Refusal::NotBound)?;
        match token.life().state() {
            TokenState::Active => Ok(done(vec![])),
            TokenState::Suspended | TokenState::Deleted => Err(Refusal::TokenNotActive.into()),
            TokenState::Inactive => self.personalise(token_ref, token, &asked, binding),
        }
    }

    fn personalise(
        self,
        token_ref: &str,
        token: Token,
        asked: &ProvisionRequest,
        binding: Hex<16>,
    ) -> Decision {
        let Some(given) = asked.session else {
            return Ok(self.open(token_ref, token));
        };
        let round = token
            .session
            .clone()
            .filter(|session| session.id == given.to_string());
        let step = match &round {
            Some(session) if session.scripted => self.receipt(token_ref, &token, &asked.responses),
            Some(session) => self.authenticate(token_ref, &token, session, &asked.responses),
            None => Err(Refusal::PersonalisationFailed),
        };
        Ok(match step {
            Ok(Step::Script(commands)) => scripted(token_ref, token, given, commands),
            Ok(Step::Active) => activated(token_ref, token, binding)?,
            Err(refusal) => dropped(token_ref, token, refusal),
        })
    }

    /// Round 1.
    fn open(self, token_ref: &str, mut token: Token) -> Change {
        let host_challenge: [u8; 8] = self.dice.bytes();
        let session = Hex(self.dice.bytes::<16>());
        token.session = Some(Session {
            id: session.to_string(),
            host_challenge: hex::encode(host_challenge),
            scripted: false,
        });
        let commands = vec![
            command([0x00, 0xa4, 0x04, 0x00], &SECURITY_DOMAIN, 256),
            command([0x80, 0xca, 0xdf, 0x21], &[], 256),
            command([0x80, 0x50, KEY_VERSION, 0x00], &host_challenge, 256),
        ];
        let answer = Provisioned::More { session, commands };
        Change::reply(
            200,
            json!(answer),
            vec![Write::put(TOKENS, token_ref, &token)],
        )
    }

    /// Round 2: the chip proves itself, and is sent its token.
    fn authenticate(
        &self,
        token_ref: &str,
        token: &Token,
        session: &Session,
        responses: &[Apdu],
    ) -> Result<Step, Refusal> {
        let [select, receipts, update] = responses else {
            return Err(Refusal::PersonalisationFailed);
        };
        good(select)?;
        let issue = self.issuance(token_ref, token)?;
        if let Ok(receipts) = good(receipts)
            && issue.is_receipted(receipts)
        {
            //= spec/60-provision.md#pro-12-resumable
            //# A provisioning that was cut off at any point MUST be completed by starting it again.
            return Ok(Step::Active);
        }
        let host_challenge = fixed::<8>(&hex::decode(&session.host_challenge).unwrap_or_default())?;
        let channel = issue.opened(&host_challenge, good(update)?)?;
        issue.script(channel).map(Step::Script)
    }

    /// Round 3: only the chip's receipt makes the token active.
    fn receipt(&self, token_ref: &str, token: &Token, responses: &[Apdu]) -> Result<Step, Refusal> {
        let issue = self.issuance(token_ref, token)?;
        let (last, earlier) = responses
            .split_last()
            .ok_or(Refusal::PersonalisationFailed)?;
        for response in earlier {
            good(response)?;
        }
        let data = good(last)?;
        //= spec/60-provision.md#pro-8-active-on-receipt-only
        //# The issuer MUST NOT activate a token before it verified the chip's receipt for that token, chip and request.
        let given = tlv::find(data, Tag::RECEIPT)
            .ok()
            .flatten()
            .ok_or(Refusal::ReceiptInvalid)?;
        if issue.receipt_holds(given) {
            Ok(Step::Active)
        } else {
            Err(Refusal::ReceiptInvalid)
        }
    }

    fn issuance(&self, token_ref: &str, token: &Token) -> Result<Issuance, Refusal> {
        let broken = || Refusal::PersonalisationFailed;
        let bytes = |text: &str| hex::decode(text).map_err(|_| broken());
        let se_id = fixed(&bytes(&token.se_id)?)?;
        let keys = ChipKeys::derive(&self.issuer.config.kmc, &se_id);
        let token_key = chip::token_key(&self.issuer.config.imk, &token.digits, PSN);
        let token_ref = fixed(&bytes(token_ref)?)?;
        let request_context = fixed(&bytes(&token.request_context)?)?;
        let template = |key: &[u8; 16]| {
            template(
                &token_ref,
                &bytes(&token.digits).ok()?,
                &bytes(&token.expiry).ok()?,
                key,
                &request_context,
            )
        };
        let digest = chip::token_data_digest(&[&template(token_key.bytes()).ok_or_else(broken)?]);
        let wrapped = template(&chip::wrap_token_key(&keys.dek, &token_key)).ok_or_else(broken)?;
        Ok(Issuance {
            se_id,
            keys,
            token_ref,
            request_context,
            digest,
            wrapped,
        })
    }
}

/// What one token is to one chip.
struct Issuance {
    se_id: [u8; 8],
    keys: ChipKeys,
    token_ref: [u8; 16],
    request_context: [u8; 32],
    /// Digest of the template with the key in the clear.
    digest: [u8; 32],
    /// The template's value with the key encrypted.
    wrapped: Vec<u8>,
}

/// What a round leads to.
enum Step {
    Script(Vec<Apdu>),
    Active,
}

impl Issuance {
    fn receipt_holds(&self, given: &[u8]) -> bool {
        let says = Receipt {
            se_id: &self.se_id,
            token_ref: &self.token_ref,
            request_context: &self.request_context,
            version: VERSION,
            data_digest: &self.digest,
        };
        kaika_crypto::is_same(&chip::receipt(&self.keys.receipt, &says), given)
    }

    /// Whether the receipts that the chip shows hold this token's: a receipt names its token.
    fn is_receipted(&self, data: &[u8]) -> bool {
        let Ok(Some(list)) = tlv::find(data, Tag::RECEIPTS) else {
            return false;
        };
        tlv::Reader::new(list)
            .map_while(Result::ok)
            .any(|object| object.tag == Tag::RECEIPT && self.receipt_holds(object.value))
    }

    /// The channel, once the chip proved that it has its keys.
    fn opened(
        &self,
        host_challenge: &[u8; 8],
        update: &[u8],
    ) -> Result<(Channel, [u8; 16]), Refusal> {
        //= spec/60-provision.md#pro-1-end-to-end
        //# The issuer MUST personalise the chip in a secure channel whose keys only it and the chip hold.
        let (head, rest) = update
            .split_at_checked(13)
            .ok_or(Refusal::PersonalisationFailed)?;
        let (challenge, rest) = rest
            .split_at_checked(8)
            .ok_or(Refusal::PersonalisationFailed)?;
        let (cryptogram, sequence) = rest
            .split_at_checked(8)
            .ok_or(Refusal::PersonalisationFailed)?;
        let card_challenge = fixed::<8>(challenge)?;
        let keys = SessionKeys::derive(
            &self.keys.enc,
            &self.keys.mac,
            host_challenge,
            &card_challenge,
        );
        let named = head.get(2..10) == Some(&self.se_id[..]) && sequence.len() == 3;
        let proves = kaika_crypto::is_same(
            &keys.card_cryptogram(host_challenge, &card_challenge),
            cryptogram,
        );
        if named && proves {
            Ok(Channel::host(
                keys,
                Level::Command,
                host_challenge,
                &card_challenge,
            ))
        } else {
            Err(Refusal::PersonalisationFailed)
        }
    }

    fn script(
        &self,
        (mut channel, authenticate): (Channel, [u8; 16]),
    ) -> Result<Vec<Apdu>, Refusal> {
        let mut commands = vec![command(
            [0x84, 0x82, Level::Command.byte(), 0x00],
            &authenticate,
            0,
        )];
        let mut buffer = [0; 255];
        let mut template = tlv::Writer::new(&mut buffer);
        template
            .put(Tag::TOKEN, &self.wrapped)
            .map_err(|_| Refusal::PersonalisationFailed)?;
        let blocks: Vec<&[u8]> = template.written().chunks(BLOCK).collect();
        let last = blocks.len().saturating_sub(1);
        for (number, block) in blocks.iter().enumerate() {
            let p1 = if number == last { 0x80 } else { 0x00 };
            let p2 = u8::try_from(number).map_err(|_| Refusal::PersonalisationFailed)?;
            commands.push(secured(&mut channel, [0x84, 0xe2, p1, p2], block)?);
        }
        commands.push(secured(
            &mut channel,
            [0x84, 0xf0, 0x40, 0x0f],
            &[0x4f, 0x00],
        )?);
        Ok(commands)
    }
}

/// The value of the token template (E1).
fn template(
    token_ref: &[u8; 16],
    digits: &[u8],
    expiry: &[u8],
    key: &[u8; 16],
    context: &[u8; 32],
) -> Option<Vec<u8>> {
    let mut buffer = [0; 255];
    let mut writer = tlv::Writer::new(&mut buffer);
    for (tag, value) in [
        (Tag::TOKEN_REFERENCE, &token_ref[..]),
        (Tag::PAN, digits),
        (Tag::EXPIRY, expiry),
        (Tag::PSN, &[PSN]),
        (Tag::TOKEN_KEY, key),
        (Tag::TOKEN_VERSION, &[VERSION]),
        (Tag::REQUEST_CONTEXT, context),
    ] {
        writer.put(tag, value).ok()?;
    }
    Some(writer.written().to_vec())
}

fn secured(channel: &mut Channel, header: [u8; 4], data: &[u8]) -> Result<Apdu, Refusal> {
    let mut buffer = [0; 255];
    let length = channel.protect(
        Header {
            bytes: header,
            extended: false,
        },
        data,
        &mut buffer,
    );
    let length = length.map_err(|_| Refusal::PersonalisationFailed)?;
    Ok(command(
        header,
        buffer.get(..length).unwrap_or_default(),
        256,
    ))
}

fn command(header: [u8; 4], data: &[u8], expected: u32) -> Apdu {
    let mut buffer = [0; 262];
    let length = Command::short(header, data, expected)
        .encode(&mut buffer)
        .unwrap_or(0);
    Apdu(buffer.get(..length).unwrap_or_default().to_vec())
}

/// The data of an answer that ended well.
fn good(response: &Apdu) -> Result<&[u8], Refusal> {
    match Response::parse(&response.0) {
        Ok(response) if response.status == StatusWord::OK => Ok(response.data),
        _ => Err(Refusal::PersonalisationFailed),
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Refusal> {
    bytes.try_into().map_err(|_| Refusal::PersonalisationFailed)
}

fn scripted(token_ref: &str, mut token: Token, session: Hex<16>, commands: Vec<Apdu>) -> Change {
    if let Some(open) = &mut token.session {
        open.scripted = true;
    }
    let answer = Provisioned::More { session, commands };
    Change::reply(
        200,
        json!(answer),
        vec![Write::put(TOKENS, token_ref, &token)],
    )
}

fn activated(token_ref: &str, mut token: Token, binding: Hex<16>) -> Result<Change, Refused> {
    let life = token
        .life()
        .after(Event::Activate)
        .map_err(|_| Refusal::IllegalTransition)?;
    token.set_life(life);
    token.binding_id = Some(binding.to_string());
    Ok(done(vec![Write::put(TOKENS, token_ref, &token)]))
}

fn done(writes: Vec<Write>) -> Change {
    Change::reply(200, json!(Provisioned::Done), writes)
}

/// The session is over: nothing of it can be used again.
fn dropped(token_ref: &str, mut token: Token, refusal: Refusal) -> Change {
    token.session = None;
    Change::counted(refusal, vec![Write::put(TOKENS, token_ref, &token)])
}
