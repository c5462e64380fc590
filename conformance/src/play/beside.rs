//! What happens beside the messages: codes that were sent, the control channel, peers.

use std::time::Duration;

use kaika_spec::Refusal;
use serde_json::{Value, json};

use super::{ANSWER_MAX, Outcome, Scene, Wrong, broken, lacking, unanswered, wrong};
use crate::format::{Arrange, Asked};
use crate::peers::{Answer, Peers, problem};

impl Scene<'_> {
    /// The last code to a phone: heard as the SMS gateway, read from the subject's own, or told by a hook.
    pub(super) fn capture(&mut self, phone: &str, name: &str) -> Outcome {
        let (peers, roles) = (self.runner.peers.as_ref(), &self.runner.subject.roles);
        let code = if let Some(peers) = peers.filter(|peers| peers.addresses.contains_key("sms")) {
            peers.messages(phone).last().and_then(|text| code_in(text))
        } else if roles.get("sms").is_some_and(|sms| sms.http.is_some()) {
            self.read_at_gateway(phone)?
        } else {
            let told = self.runner.hook("capture", &json!({ "phone": phone }))?;
            told.get("text").and_then(Value::as_str).and_then(code_in)
        };
        let code = code.ok_or_else(|| wrong("a code", "none was sent"))?;
        self.names.insert(name.to_owned(), json!(code));
        Ok(())
    }

    /// The last code in the messages that the subject's gateway keeps; waits a second for it.
    fn read_at_gateway(&self, phone: &str) -> Result<Option<String>, Wrong> {
        let base = self.runner.address("sms", false)?;
        let url = format!("{base}/v1/messages?to={}", phone.replace('+', "%2B"));
        for _ in 0..20 {
            let answer = self.runner.agent.get(&url).call();
            let mut answer = answer.map_err(|error| unanswered(&error))?;
            let text = answer
                .body_mut()
                .with_config()
                .limit(ANSWER_MAX)
                .read_to_string();
            let text = text.map_err(|error| unanswered(&error))?;
            let all: Value = serde_json::from_str(&text).map_err(|e| wrong("messages", e))?;
            let last = all.as_array().and_then(|all| all.last());
            let text = last
                .and_then(|last| last.get("text"))
                .and_then(Value::as_str);
            if let Some(code) = text.and_then(code_in) {
                return Ok(Some(code));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(None)
    }

    pub(super) fn arrange(&mut self, step: &Arrange) -> Outcome {
        let path = self.path(&step.path)?;
        let having = self.text(&step.having)?;
        let (status, body) = match (&step.refuse, &step.body) {
            (Some(name), _) => {
                let refusal = Refusal::from_name(name).ok_or_else(|| broken("a refusal", name))?;
                problem(refusal)
            }
            (None, Some(body)) => (200, self.value(body)?),
            (None, None) => return Err(broken("a body or a refusal", "neither")),
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

    pub(super) fn asked(&mut self, step: &Asked) -> Outcome {
        let having = self.text(&step.having)?;
        let questions = self
            .peers()?
            .asked(self.came, &step.at, &step.path, &having);
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
                .map_err(|wrong| wrong.within(format!("{path} asks")))
        })
    }

    pub(super) fn peers(&self) -> Result<&Peers, Wrong> {
        let peers = self.runner.peers.as_ref();
        peers.ok_or_else(|| lacking("peers", "the manifest names none"))
    }

    pub(super) fn path(&mut self, segments: &[Value]) -> Result<String, Wrong> {
        let mut path = String::new();
        for part in segments {
            path.push('/');
            path.push_str(&self.text(part)?);
        }
        Ok(path)
    }
}

/// The code in a text: its only run of six digits.
fn code_in(text: &str) -> Option<String> {
    let run = text
        .split(|c: char| !c.is_ascii_digit())
        .find(|run| run.len() == 6);
    run.map(str::to_owned)
}
