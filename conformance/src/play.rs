//! The runner: plays one vector against a subject, as every other role. Start at [`Runner::play`].

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kaika_spec::Refusal;
use serde_json::{Map, Value, json};

use crate::calc::Bench;
use crate::codec::{Fields, iso_read, iso_write};
use crate::crypto::channel::Channel;
use crate::crypto::kaika_mac;
use crate::format::{
    Arrange, Asked, Expect, File, Iso, Meanwhile, Reply, Send, Step, Test, operator,
};
use crate::manifest::Manifest;
use crate::peers::{Answer, Peers, problem};
use crate::transcript::Transcript;
use crate::verdict::{Arrow, Failure, Played, Verdict};

mod chip;
mod client;
mod http;
mod link;
#[cfg(feature = "pcsc")]
mod reader;

use link::Link;

/// How long one answer may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Plays vectors against one subject.
#[derive(Debug)]
pub struct Runner {
    subject: Manifest,
    agent: ureq::Agent,
    patience: Duration,
    ahead: AtomicI64,
    peers: Option<Peers>,
    transcript: Option<Transcript>,
}

/// What one test knows so far.
struct Scene<'a> {
    runner: &'a Runner,
    file: &'a File,
    names: BTreeMap<String, Value>,
    bench: Bench,
    chip: Option<Link>,
    channels: BTreeMap<String, Channel>,
    /// The last sequence counter that the chip showed.
    sequence: Option<u32>,
    stage: client::Stage,
}

type Outcome = Result<(), (String, String)>;

fn wrong(expected: impl ToString, seen: impl ToString) -> (String, String) {
    (expected.to_string(), seen.to_string())
}

fn random(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    // Without randomness no test can be fresh; zeros make every later test fail, visibly.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

impl Runner {
    /// A runner for a subject, with a bound on each answer.
    pub fn new(subject: Manifest, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(patience))
            .build();
        Self {
            subject,
            agent: config.into(),
            patience,
            ahead: AtomicI64::new(0),
            peers: None,
            transcript: None,
        }
    }

    /// The same runner, with the peers that it plays.
    #[must_use]
    pub fn with_peers(self, peers: Peers) -> Self {
        peers.know(&self.subject.keys);
        Self {
            peers: Some(peers),
            ..self
        }
    }

    /// The same runner, which writes down what is said over HTTP.
    #[must_use]
    pub fn with_transcript(self, transcript: Transcript) -> Self {
        if let Some(peers) = &self.peers {
            peers.write_down(transcript.clone());
        }
        Self {
            transcript: Some(transcript),
            ..self
        }
    }

    /// The chip master key of the subject; zeros when it names none.
    fn chip_master(&self) -> [u8; 16] {
        let key = self.subject.keys.get("chip_master");
        key.and_then(|key| hex::decode(key).ok())
            .and_then(|key| key.try_into().ok())
            .unwrap_or_default()
    }

    /// Plays one test.
    pub fn play(&self, file: &File, test: &Test) -> Played {
        let began = Instant::now();
        let (verdict, chart) = match self.declined(test) {
            Some(reason) => (Verdict::Skip(reason), Vec::new()),
            None => self.conversation(file, test),
        };
        Played {
            id: test.id.clone(),
            title: test.title.clone(),
            requirements: test.requirements.clone(),
            verdict,
            took: began.elapsed(),
            chart,
        }
    }

    /// The steps in order, up to the first that is not as expected.
    fn conversation(&self, file: &File, test: &Test) -> (Verdict, Vec<Arrow>) {
        let steps = [&test.steps[..], &test.post].concat();
        let steps = match file.expanded(&steps) {
            Ok(steps) => steps,
            Err(what) => {
                let (expected, seen) = wrong("a vector", what);
                let failure = Failure {
                    step: 0,
                    what: "vector".to_owned(),
                    expected,
                    seen,
                };
                return (Verdict::Error(failure), Vec::new());
            }
        };
        let mut scene = Scene {
            runner: self,
            file,
            names: BTreeMap::new(),
            bench: Bench::new(self.chip_master()),
            chip: None,
            channels: BTreeMap::new(),
            sequence: None,
            stage: client::Stage::default(),
        };
        for (at, step) in steps.iter().enumerate() {
            if let Err((expected, seen)) = scene.step(step) {
                let chart: Vec<Arrow> = steps.iter().take(at + 1).map(arrow).collect();
                let failure = Failure {
                    step: at + 1,
                    what: describe(step),
                    expected,
                    seen,
                };
                return (Verdict::Fail(failure), chart);
            }
        }
        (Verdict::Pass, Vec::new())
    }

    fn declined(&self, test: &Test) -> Option<String> {
        if let Some(reason) = self.subject.deny.get(&test.id) {
            return Some(format!("denied: {reason}"));
        }
        if let Some(role) = test
            .sut
            .iter()
            .find(|role| !self.subject.roles.contains_key(*role))
        {
            return Some(format!("the subject is no {role}"));
        }
        let need = test.needs.first()?;
        self.subject
            .hooks
            .control
            .is_none()
            .then(|| format!("needs {need}"))
    }

    fn now(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_add(self.ahead.load(Ordering::SeqCst))
    }

    fn address(&self, role: &str, tcp: bool) -> Result<&str, (String, String)> {
        let endpoint = self.subject.roles.get(role);
        let found = endpoint.and_then(|endpoint| {
            if tcp {
                endpoint.tcp.as_deref()
            } else {
                endpoint.http.as_deref()
            }
        });
        found.ok_or_else(|| wrong(format!("an address of {role}"), "none in the manifest"))
    }

    fn key(&self, from: &str, to: &str) -> Option<Vec<u8>> {
        self.subject
            .keys
            .get(&format!("{from}_{to}"))
            .and_then(|key| hex::decode(key).ok())
    }
}

/// A step as an arrow of a sequence chart.
fn arrow(step: &Step) -> Arrow {
    let text = describe(step);
    let (who, label) = text.split_once(" : ").unwrap_or(("runner", &text));
    let (from, to) = who.split_once(" -> ").unwrap_or((who, who));
    Arrow {
        from: from.to_owned(),
        to: to.to_owned(),
        label: label.to_owned(),
    }
}

/// A step as one line: who to whom, and what.
fn describe(step: &Step) -> String {
    match step {
        Step::Send(send) => {
            let path: Vec<_> = send
                .path
                .iter()
                .map(|part| part.as_str().unwrap_or("{..}"))
                .collect();
            format!(
                "{} -> {} : {} /{}",
                send.from,
                send.to,
                send.method,
                path.join("/")
            )
        }
        Step::Apdu(_) => "terminal -> chip : command".to_owned(),
        Step::Power(power) => format!("terminal -> chip : {}", power.kind),
        Step::Iso(iso) => format!("pos -> issuer : {}", iso.mti),
        Step::Let(named) => format!("runner : {}", named.name),
        Step::Advance(advance) => format!("clock + {} ms", advance.ms),
        Step::Do(named) => named.part.clone(),
        Step::Capture(named) => format!("sms -> runner : {}", named.name),
        Step::Arrange(step) => format!("runner : an answer as {}", step.at),
        Step::Asked(step) => format!("runner : what {} was asked", step.at),
        Step::Meanwhile(step) => {
            let first = describe(&Step::Send(step.send.clone()));
            format!("{first}, while {} is late", step.at)
        }
        Step::Insert(_) => "runner : a new chip".to_owned(),
        Step::Challenge(_) => "issuer -> chip : INITIALIZE UPDATE".to_owned(),
        Step::Authenticate(_) => "issuer -> chip : EXTERNAL AUTHENTICATE".to_owned(),
        Step::Secure(step) => format!("issuer -> chip : {}", step.header),
        Step::Relay(_) => "terminal -> chip : the issuer's commands".to_owned(),
        Step::Card(_) => "runner : a card".to_owned(),
        Step::Host(_) => "runner : the issuer's port".to_owned(),
        Step::Trigger(step) => format!("runner -> subject : {}", step.action),
        Step::Hear(step) => format!("subject -> issuer : {}", step.mti),
        Step::Reply(Reply { mti: Some(_), .. }) => "issuer -> subject : an answer".to_owned(),
        Step::Reply(Reply { raw: Some(_), .. }) => "issuer -> subject : bytes".to_owned(),
        Step::Reply(_) => "issuer -> subject : end of the line".to_owned(),
        Step::Shown(_) => "subject -> runner : what is shown".to_owned(),
        Step::Told(step) => format!("runner : how often the card heard {}", step.ins),
        Step::Crash(_) => "runner -> subject : crash".to_owned(),
    }
}

impl Scene<'_> {
    fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Send(send) => self.send(send),
            Step::Apdu(apdu) => self.apdu(apdu),
            Step::Power(power) => self.power(&power.kind),
            Step::Iso(iso) => self.iso(iso),
            Step::Let(named) => {
                let value = self.value(&named.value)?;
                self.names.insert(named.name.clone(), value);
                Ok(())
            }
            Step::Advance(advance) => self.advance(advance.ms),
            Step::Do(named) => Err(wrong("an expanded part", &named.part)),
            Step::Capture(capture) => {
                let phone = self.text(&capture.phone)?;
                self.capture(&phone, &capture.name)
            }
            Step::Arrange(step) => self.arrange(step),
            Step::Asked(step) => self.asked(step),
            Step::Meanwhile(step) => self.meanwhile(step),
            Step::Insert(step) => self.insert(&step.name),
            Step::Challenge(step) => self.challenge(step),
            Step::Authenticate(step) => self.authenticate(step),
            Step::Secure(step) => self.secure(step),
            Step::Relay(step) => self.relay(step),
            Step::Card(step) => self.card(step),
            Step::Host(step) => self.host(step),
            Step::Trigger(step) => self.trigger(step),
            Step::Hear(step) => self.hear(step),
            Step::Reply(step) => self.reply(step),
            Step::Shown(step) => self.shown(step),
            Step::Told(step) => self.told(step),
            Step::Crash(step) => self.crash(step),
        }
    }

    fn text(&mut self, value: &Value) -> Result<String, (String, String)> {
        let value = self.value(value)?;
        Ok(value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned))
    }

    fn texts(&mut self, values: Option<&Value>) -> Result<Vec<String>, (String, String)> {
        let values = values
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        values.iter().map(|value| self.text(value)).collect()
    }

    fn value(&mut self, value: &Value) -> Result<Value, (String, String)> {
        if let Some((name, argument)) = operator(value) {
            return self.operate(name, argument);
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                let mut out = Map::new();
                for (key, item) in map {
                    out.insert(key.clone(), self.value(item)?);
                }
                Ok(Value::Object(out))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn operate(&mut self, name: &str, argument: &Value) -> Result<Value, (String, String)> {
        let text = argument.as_str().unwrap_or_default();
        let number = |key: &str| {
            argument
                .get(key)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(0)
        };
        match name {
            "$ref" => {
                let (root, rest) = text.split_once('.').unwrap_or((text, ""));
                let root = self
                    .names
                    .get(root)
                    .ok_or_else(|| wrong("a bound name", text))?;
                let found = rest.split('.').filter(|key| !key.is_empty()).try_fold(
                    root,
                    |at, key| match key.parse::<usize>() {
                        Ok(number) if at.is_array() => at.get(number),
                        _ => at.get(key),
                    },
                );
                found
                    .cloned()
                    .ok_or_else(|| wrong(text.to_string(), "absent"))
            }
            "$fixture" => self
                .file
                .fixtures
                .get(text)
                .cloned()
                .ok_or_else(|| wrong("a fixture", text)),
            "$fresh" => {
                let bytes = random(number("len"));
                let kind = argument.get("type").and_then(Value::as_str);
                Ok(json!(match kind {
                    Some("digits") => bytes.iter().map(|b| char::from(b'0' + b % 10)).collect(),
                    Some("letters") => bytes.iter().map(|b| char::from(b'A' + b % 26)).collect(),
                    _ => hex::encode(bytes),
                }))
            }
            "$now" => {
                let later = argument.as_i64().unwrap_or(0);
                Ok(json!(self.runner.now().saturating_add(later)))
            }
            "$repeat" => {
                let of = self.text(argument.get("of").unwrap_or(&Value::Null))?;
                Ok(json!(of.repeat(number("times"))))
            }
            "$calc" => {
                let args = self.value(argument.get("args").unwrap_or(&Value::Null))?;
                let function = argument
                    .get("fn")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                self.bench
                    .call(function, &args)
                    .map_err(|what| wrong(function, what))
            }
            "$mutate" => {
                let text = self.text(argument.get("of").unwrap_or(&Value::Null))?;
                let mut bytes = hex::decode(&text).map_err(|e| wrong("hexadecimal", e))?;
                if let Some(byte) = bytes.get_mut(number("at")) {
                    *byte ^= 1;
                }
                Ok(json!(hex::encode(bytes)))
            }
            _ => Err(wrong("a value", name)),
        }
    }

    fn matches(&mut self, pattern: &Value, seen: Option<&Value>) -> Outcome {
        let differs = || {
            wrong(
                pattern,
                seen.map_or_else(|| "absent".to_owned(), Value::to_string),
            )
        };
        if let Some((name, argument)) = operator(pattern) {
            let text = || seen.and_then(Value::as_str).ok_or_else(differs);
            return match name {
                "$absent" => seen.is_none().then_some(()).ok_or_else(differs),
                "$optional" => Ok(()),
                "$any" => seen.is_some().then_some(()).ok_or_else(differs),
                "$hex" => {
                    let length = argument
                        .get("len")
                        .and_then(Value::as_u64)
                        .and_then(|n| usize::try_from(n).ok());
                    let bytes = hex::decode(text()?).map_err(|_| differs())?;
                    length
                        .is_none_or(|n| n == bytes.len())
                        .then_some(())
                        .ok_or_else(differs)
                }
                "$oneOf" => {
                    let known = argument
                        .as_array()
                        .is_some_and(|all| all.iter().any(|one| Some(one) == seen));
                    known.then_some(()).ok_or_else(differs)
                }
                "$text" => {
                    let seen = text()?.to_owned();
                    let has = self.texts(argument.get("has"))?;
                    let lacks = self.texts(argument.get("lacks"))?;
                    let right = has.iter().all(|part| seen.contains(part))
                        && !lacks.iter().any(|part| seen.contains(part));
                    right.then_some(()).ok_or_else(|| {
                        wrong(format!("a text with {has:?}, without {lacks:?}"), seen)
                    })
                }
                "$bind" => {
                    if let Some(inner) = argument.get("match") {
                        self.matches(inner, seen)?;
                    }
                    let name = argument
                        .get("as")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    self.names
                        .insert(name.to_owned(), seen.cloned().ok_or_else(differs)?);
                    Ok(())
                }
                _ => {
                    let wanted = self.value(pattern)?;
                    (Some(&wanted) == seen).then_some(()).ok_or_else(differs)
                }
            };
        }
        match (pattern, seen) {
            (Value::Object(map), Some(Value::Object(there))) => {
                let wanted = |key: &str| map.contains_key(key);
                self.fields(map.iter(), wanted, there)
            }
            (Value::Array(items), Some(Value::Array(there))) if items.len() == there.len() => items
                .iter()
                .zip(there)
                .try_for_each(|(item, seen)| self.matches(item, Some(seen))),
            _ => (Some(pattern) == seen).then_some(()).ok_or_else(differs),
        }
    }

    /// Every field as its pattern says, and no other field.
    fn fields<'p>(
        &mut self,
        mut patterns: impl Iterator<Item = (&'p String, &'p Value)>,
        wanted: impl Fn(&str) -> bool,
        there: &Map<String, Value>,
    ) -> Outcome {
        if let Some((name, value)) = there.iter().find(|(name, _)| !wanted(name)) {
            return Err(wrong(
                format!("no field {name}"),
                format!("{name}: {value}"),
            ));
        }
        patterns.try_for_each(|(name, pattern)| {
            self.matches(pattern, there.get(name))
                .map_err(|(expected, seen)| wrong(format!("{name}: {expected}"), seen))
        })
    }

    fn capture(&mut self, phone: &str, name: &str) -> Outcome {
        if let Some(peers) = self.runner.peers.as_ref() {
            let code = peers.messages(phone).last().and_then(|text| code_in(text));
            let code = code.ok_or_else(|| wrong("a code", "none was sent"))?;
            self.names.insert(name.to_owned(), json!(code));
            return Ok(());
        }
        let base = self.runner.address("sms", false)?;
        let url = format!("{base}/v1/messages?to={}", phone.replace('+', "%2B"));
        for _ in 0..20 {
            let mut answer = self
                .runner
                .agent
                .get(&url)
                .call()
                .map_err(|e| wrong("messages", e))?;
            let text = answer
                .body_mut()
                .read_to_string()
                .map_err(|e| wrong("messages", e))?;
            let all: Value = serde_json::from_str(&text).map_err(|e| wrong("messages", e))?;
            let last = all
                .as_array()
                .and_then(|all| all.last())
                .and_then(|last| last.get("text"))
                .and_then(Value::as_str);
            let code = last.and_then(code_in);
            if let Some(code) = code {
                self.names.insert(name.to_owned(), json!(code));
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(wrong("a code", "none was sent"))
    }

    /// A message to the control channel.
    fn control(&self, what: &str, body: &Value) -> Result<Value, (String, String)> {
        let control = self.runner.subject.hooks.control.as_deref();
        let control = control.ok_or_else(|| wrong(format!("hook:{what}"), "none"))?;
        let sent = self
            .runner
            .agent
            .post(format!("{control}/ctl/v1/{what}"))
            .content_type("application/json")
            .send(body.to_string());
        let mut answer = sent.map_err(|e| wrong("the control channel", e))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string();
        let text = text.map_err(|e| wrong("the control channel", e))?;
        if status != 200 {
            return Err(wrong(200, format!("{status} {text:.80}")));
        }
        serde_json::from_str(&text).map_err(|e| wrong("JSON from the control channel", e))
    }

    fn advance(&self, ms: i64) -> Outcome {
        self.control("clock", &json!({ "advance_ms": ms }))?;
        self.runner.ahead.fetch_add(ms, Ordering::SeqCst);
        Ok(())
    }

    fn arrange(&mut self, step: &Arrange) -> Outcome {
        let path = self.path(&step.path)?;
        let having = self.text(&step.having)?;
        let (status, body) = match (&step.refuse, &step.body) {
            (Some(name), _) => {
                let refusal = Refusal::from_name(name).ok_or_else(|| wrong("a refusal", name))?;
                problem(refusal)
            }
            (None, Some(body)) => (200, self.value(body)?),
            (None, None) => return Err(wrong("a body or a refusal", "neither")),
        };
        self.peers()?.arrange(Answer {
            at: step.at.clone(),
            path,
            having,
            status,
            body,
        });
        Ok(())
    }

    fn asked(&mut self, step: &Asked) -> Outcome {
        let having = self.text(&step.having)?;
        let questions = self.peers()?.asked(&step.at, &step.path, &having);
        let (seen, path) = (questions.len(), &step.path);
        if seen != step.times {
            let expected = format!("{} asked {} times for {path}", step.at, step.times);
            return Err(wrong(expected, format!("{seen} times")));
        }
        let Some(pattern) = &step.with else {
            return Ok(());
        };
        questions.iter().try_for_each(|question| {
            self.matches(pattern, Some(question))
                .map_err(|(expected, seen)| wrong(format!("{path} asks {expected}"), seen))
        })
    }

    fn peers(&self) -> Result<&Peers, (String, String)> {
        let peers = self.runner.peers.as_ref();
        peers.ok_or_else(|| wrong("peers", "the manifest names none"))
    }

    fn path(&mut self, segments: &[Value]) -> Result<String, (String, String)> {
        let mut path = String::new();
        for part in segments {
            path.push('/');
            path.push_str(&self.text(part)?);
        }
        Ok(path)
    }

    fn connect(&self, role: &str) -> Result<TcpStream, (String, String)> {
        self.dial(self.runner.address(role, true)?)
    }

    fn dial(&self, address: &str) -> Result<TcpStream, (String, String)> {
        let address = address
            .to_socket_addrs()
            .ok()
            .and_then(|mut all| all.next())
            .ok_or_else(|| wrong("an address", address))?;
        let stream = TcpStream::connect_timeout(&address, self.runner.patience)
            .map_err(|e| wrong("a connection", e))?;
        let bounded = stream
            .set_read_timeout(Some(self.runner.patience))
            .and_then(|()| stream.set_write_timeout(Some(self.runner.patience)));
        bounded.map_err(|e| wrong("a connection", e))?;
        Ok(stream)
    }

    /// Fields by number; null leaves one out.
    fn iso_fields(&mut self, fields: &Value) -> Result<Fields, (String, String)> {
        let Value::Object(given) = self.value(fields)? else {
            return Ok(Fields::new());
        };
        let given = given.into_iter().filter(|(_, value)| !value.is_null());
        let numbered = given.map(|(number, value)| {
            let number = number
                .parse()
                .map_err(|_| wrong("a field number", &number))?;
            let text = value.as_str().map(str::to_owned);
            Ok((number, text.unwrap_or_else(|| value.to_string())))
        });
        numbered.collect()
    }

    fn iso(&mut self, iso: &Iso) -> Outcome {
        let fields = self.iso_fields(&iso.fields)?;
        let bytes = iso_write(&iso.mti, &fields).map_err(|e| wrong("a message", e))?;
        let mut stream = self.connect("issuer")?;
        write_frame(&mut stream, &bytes)?;
        let answer = read_frame(&mut stream)?;
        let (kind, answer) =
            iso_read(&answer).ok_or_else(|| wrong("an ISO 8583 answer", hex::encode(&answer)))?;
        // The answer's class is the request's; a repeat is answered as what it repeats.
        let wanted = format!("{}10", iso.mti.get(..2).unwrap_or_default());
        if kind != wanted {
            return Err(wrong(wanted, kind));
        }
        iso.expect.iter().try_for_each(|(number, pattern)| {
            let seen = number
                .parse()
                .ok()
                .and_then(|number: u8| answer.get(&number))
                .map(|text| json!(text));
            self.matches(pattern, seen.as_ref())
                .map_err(|(expected, seen)| wrong(format!("field {number}: {expected}"), seen))
        })
    }
}

/// The code in a text: its only run of six digits.
fn code_in(text: &str) -> Option<String> {
    let run = text
        .split(|c: char| !c.is_ascii_digit())
        .find(|run| run.len() == 6);
    run.map(str::to_owned)
}

fn write_frame(stream: &mut TcpStream, body: &[u8]) -> Outcome {
    let length = u16::try_from(body.len()).map_err(|e| wrong("a frame", e))?;
    stream
        .write_all(&[&length.to_be_bytes()[..], body].concat())
        .map_err(|e| wrong("a connection", e))
}

fn read_frame(stream: &mut TcpStream) -> Result<Vec<u8>, (String, String)> {
    let mut length = [0; 2];
    stream
        .read_exact(&mut length)
        .map_err(|e| wrong("an answer", e))?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    stream
        .read_exact(&mut body)
        .map_err(|e| wrong("an answer", e))?;
    Ok(body)
}
