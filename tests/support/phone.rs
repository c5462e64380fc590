//! A phone and an operator, step by step, written from `spec/90-wire.md`: for tests that stop the world between steps.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::{Answer, Request};

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// A fresh idempotency key: distinct within and between test processes.
pub fn fresh_key() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    let seed = format!("{} {count} {:?}", std::process::id(), SystemTime::now());
    hex::encode(&sha256(&[seed.as_bytes()])[..16])
}

pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

pub fn hmac256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// A label and length-prefixed texts.
fn lv(label: &str, texts: &[&str]) -> Vec<u8> {
    let mut bytes = label.as_bytes().to_vec();
    for text in texts {
        bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn digest(label: &str, texts: &[&str]) -> String {
    hex::encode(sha256(&[&lv(label, texts)]))
}

/// Signs for `caller`.
pub fn signed(request: Request, caller: &str, key: &[u8]) -> Request {
    let header = |name: &str| {
        request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let head = [caller, &request.method, &request.path, &header("Kaika-Time"), &header("Idempotency-Key"), ""].join("\n");
    let mac = hex::encode(hmac256(key, &[head.as_bytes(), &request.body]));
    let request = if caller == "terminal" { request } else { request.with("Kaika-Caller", caller) };
    request.with("Kaika-Mac", &mac)
}

/// Sends until there is an answer that is not of the passing kind: lost connections and 409 in-progress and 5xx are
/// tried again under the same key.
pub fn insist(address: &str, request: impl Fn() -> Request) -> Answer {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let sent = request().send(address);
        match sent {
            Ok(answer) if answer.status < 500 && answer.body["code"] != "in-progress" => return answer,
            other if Instant::now() > until => panic!("{address} does not answer: {other:?}"),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A person with an account, a password and a reserved phone number.
#[derive(Clone, Debug)]
pub struct Person {
    pub account_id: String,
    pub password: String,
    pub phone: String,
    pub applicant: Value,
}

impl Person {
    pub fn new(n: u32) -> Self {
        Self {
            account_id: format!("account-{n}"),
            password: format!("correct horse {n}"),
            phone: format!("+861380000{n:04}"),
            applicant: json!({
                "name": format!("Person {n}"), "id_type": "resident-id", "id_no": format!("11010119900101{n:04}"),
                "id_valid_to": "2040-01-01",
            }),
        }
    }

    fn salted(&self, salt: &[u8]) -> [u8; 32] {
        let params = Params::new(19_456, 2, 1, Some(32)).unwrap();
        let mut out = [0; 32];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into(self.password.as_bytes(), salt, &mut out).unwrap();
        out
    }

    /// Salt and stored key, for enrolment.
    fn enrolment(&self) -> (String, String) {
        let salt = &sha256(&[self.account_id.as_bytes()])[..16];
        let client = hmac256(&self.salted(salt), &[b"Client Key"]);
        (hex::encode(salt), hex::encode(sha256(&[&client])))
    }

    /// Proof and session key for a challenge.
    pub fn prove(&self, purpose: &str, subject: &str, challenge: &Value, digest: &str) -> (String, [u8; 32]) {
        let salt = hex::decode(challenge["salt"].as_str().unwrap()).unwrap();
        let nonce = challenge["nonce"].as_str().unwrap();
        let client = hmac256(&self.salted(&salt), &[b"Client Key"]);
        let stored = sha256(&[&client]);
        let message = lv("kaika/password/1", &[purpose, subject, nonce, digest]);
        let mask = hmac256(&stored, &[&message]);
        let proof: Vec<u8> = client.iter().zip(mask).map(|(left, right)| left ^ right).collect();
        (hex::encode(proof), hmac256(&stored, &[b"kaika/session/1", &message]))
    }
}

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Addresses {
    pub verifier: String,
    pub issuer: String,
    pub identity: String,
    pub sms: String,
    pub chip: String,
    pub taps: String,
}

/// Enrols a person: an account, and as a customer of the bank and in the register of persons.
pub fn enrol(at: &Addresses, keys: &Value, person: &Person) {
    let (salt, stored_key) = person.enrolment();
    let account = json!({
        "account_id": person.account_id, "applicant": person.applicant, "salt": salt, "stored_key": stored_key,
    });
    let customer = json!({ "applicant": person.applicant, "phone": person.phone });
    let record = json!({ "applicant": person.applicant, "face": "face-of-this-person" });
    for (role, address, path, body) in [
        ("operator_verifier", &at.verifier, "/v1/accounts", account),
        ("operator_issuer", &at.issuer, "/v1/customers", customer),
        ("operator_identity", &at.identity, "/v1/persons", record),
    ] {
        let key = hex::decode(keys[role].as_str().unwrap()).unwrap();
        let id = fresh_key();
        let answer = insist(address, || signed(Request::post(path, &id, now(), &body), "operator", &key));
        assert_eq!(answer.status, 201, "{path}: {answer:?}");
    }
}

/// The chip behind TCP: a two-byte length, then a body, both ways.
pub fn transmit(chip: &str, command: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = Chip::connect(chip)?;
    stream.command(command)
}

/// One powered connection to a chip.
pub struct Chip(TcpStream);

impl Chip {
    pub fn connect(chip: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(chip)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut chip = Self(stream);
        chip.frame(&[0x01])?;
        Ok(chip)
    }

    fn frame(&mut self, body: &[u8]) -> std::io::Result<()> {
        let mut bytes = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
        bytes.extend(body);
        self.0.write_all(&bytes)
    }

    pub fn command(&mut self, command: &[u8]) -> std::io::Result<Vec<u8>> {
        self.frame(command)?;
        let mut length = [0; 2];
        self.0.read_exact(&mut length)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut answer)?;
        Ok(answer)
    }
}

/// How far an application has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Open,
    Password,
    Applicant,
    Code,
    Issue,
    Provision,
    Done,
}

/// One application under way, with everything that the phone remembers.
pub struct Application {
    pub at: Addresses,
    pub person: Person,
    pub step: Step,
    pub request_id: String,
    pub session: [u8; 32],
    pub last: Value,
    se_id: String,
    nonce: String,
    chip: Option<Chip>,
    provisioning: (Value, Vec<String>),
}

impl Application {
    pub fn new(at: &Addresses, person: &Person, se_id: &str) -> Self {
        Self {
            at: at.clone(),
            person: person.clone(),
            step: Step::Open,
            request_id: String::new(),
            session: [0; 32],
            last: Value::Null,
            se_id: se_id.into(),
            nonce: fresh_key(),
            chip: None,
            provisioning: (Value::Null, Vec::new()),
        }
    }

    /// The message of the present step.
    pub fn message(&self, key: &str) -> Request {
        let path = |tail: &str| format!("/v1/requests/{}/{tail}", self.request_id);
        match self.step {
            Step::Open => Request::post("/v1/requests", key, now(), &self.opening()),
            Step::Password => {
                let (proof, _) = self.proof();
                Request::post(&path("password"), key, now(), &json!({ "proof": proof }))
            }
            Step::Applicant => self.mine("applicant", key, &json!({ "applicant": self.person.applicant })),
            Step::Code => self.mine("otp", key, &json!({ "otp_id": self.last["otp"]["otp_id"], "code": self.code() })),
            Step::Issue => self.mine("issue", key, &json!({})),
            Step::Provision | Step::Done => {
                let (session, responses) = &self.provisioning;
                self.mine("provision", key, &json!({ "session": session, "responses": responses }))
            }
        }
    }

    fn mine(&self, tail: &str, key: &str, body: &Value) -> Request {
        let path = format!("/v1/requests/{}/{tail}", self.request_id);
        signed(Request::post(&path, key, now(), body), "terminal", &self.session)
    }

    fn opening(&self) -> Value {
        json!({
            "account_id": self.person.account_id, "device_id": "device-1", "se_id": self.se_id,
            "product": "virtual-credit", "tos_version": "1", "terminal_nonce": self.nonce,
        })
    }

    fn proof(&self) -> (String, [u8; 32]) {
        let digest = digest(
            "kaika/open/1",
            &[&self.person.account_id, "device-1", &self.se_id, "virtual-credit", "1", &self.nonce],
        );
        self.person.prove("apply", &self.request_id, &self.last["challenge"], &digest)
    }

    /// The code in the last message to the reserved phone.
    fn code(&self) -> String {
        let path = format!("/v1/messages?to={}", self.person.phone.replace('+', "%2B"));
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = Request::get(&path, now()).send(&self.at.sms);
            let text = answer.ok().and_then(|answer| Some(answer.body.as_array()?.last()?["text"].as_str()?.to_owned()));
            if let Some(code) = text.and_then(|text| six_digits(&text)) {
                return code;
            }
            assert!(Instant::now() < until, "no code came to {}", self.person.phone);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Takes one step: sends until answered, and takes the answer in.
    pub fn advance(&mut self) -> Answer {
        let key = fresh_key();
        self.advance_under(&key)
    }

    /// [`Self::advance`] under a key that may have been used for the same message before.
    pub fn advance_under(&mut self, key: &str) -> Answer {
        let address = self.at.verifier.clone();
        let first = self.message(key);
        let answer = insist(&address, || self.again(&first));
        self.take(&answer);
        answer
    }

    /// The same body under the same key, at the present time.
    fn again(&self, first: &Request) -> Request {
        let request = first.clone().with("Kaika-Time", &now().to_string());
        let is_signed = request.headers.iter().any(|(name, _)| name == "Kaika-Mac");
        if is_signed { signed(request, "terminal", &self.session) } else { request }
    }

    pub fn take(&mut self, answer: &Answer) {
        assert!(answer.status < 300, "{:?} was answered {answer:?}", self.step);
        let next = answer.body["next"].as_str().unwrap_or_default();
        self.step = match (self.step, next) {
            (Step::Open, _) => {
                self.request_id = answer.body["request_id"].as_str().unwrap().to_owned();
                Step::Password
            }
            (Step::Password, "applicant") => {
                self.session = self.proof().1;
                Step::Applicant
            }
            (Step::Applicant, "otp") => Step::Code,
            (Step::Code, "issue") => Step::Issue,
            (Step::Issue, "provision") => Step::Provision,
            (Step::Provision, "relay") => self.relay(&answer.body),
            (Step::Provision, "done") => Step::Done,
            (step, next) => panic!("{step:?} leads to {next:?}"),
        };
        self.last = answer.body.clone();
    }

    /// Carries the commands to the chip. A chip that went away means starting the provisioning again (PRO-12).
    fn relay(&mut self, body: &Value) -> Step {
        let commands: Vec<Vec<u8>> = body["commands"]
            .as_array()
            .unwrap()
            .iter()
            .map(|command| hex::decode(command.as_str().unwrap()).unwrap())
            .collect();
        self.provisioning = match self.run(&commands) {
            Ok(responses) => (body["session"].clone(), responses),
            Err(_) => {
                self.chip = None;
                (Value::Null, Vec::new())
            }
        };
        Step::Provision
    }

    fn run(&mut self, commands: &[Vec<u8>]) -> std::io::Result<Vec<String>> {
        if self.chip.is_none() {
            self.chip = Some(Chip::connect(&self.at.chip)?);
        }
        let chip = self.chip.as_mut().unwrap();
        commands.iter().map(|command| chip.command(command).map(hex::encode)).collect()
    }

    /// The phone lost its provisioning session: it starts again.
    pub fn restart_provisioning(&mut self) {
        self.chip = None;
        self.provisioning = (Value::Null, Vec::new());
    }

    /// The whole rest of the way.
    pub fn finish(&mut self) {
        for _ in 0..40 {
            if self.step == Step::Done {
                return;
            }
            self.advance();
        }
        panic!("not done after 40 steps: {:?}", self.last);
    }
}

fn six_digits(text: &str) -> Option<String> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| run.len() == 6).map(str::to_owned).next()
}
