//! Why a test is not played: it is declined, is of another role, or needs what the subject does not offer.

use std::borrow::Cow;

use super::Runner;
use crate::contract::FEATURES;
use crate::format::{Step, Test};
use crate::verdict::Verdict;

impl Runner {
    /// A verdict without playing, from the manifest alone.
    pub(super) fn declined(&self, test: &Test, steps: &[Cow<'_, Step>]) -> Option<Verdict> {
        if let Some(reason) = self.subject.deny.get(&test.id) {
            return Some(Verdict::Skip(format!("denied: {reason}")));
        }
        let absent = |role: &&String| !self.subject.roles.contains_key(*role);
        if let Some(role) = test.sut.iter().find(absent) {
            return Some(Verdict::Skip(format!("the subject is no {role}")));
        }
        let lacks = self
            .lacks_feature(test)
            .or_else(|| self.lacks_hook(test))
            .or_else(|| steps.iter().find_map(|step| self.lacks_way(step)));
        lacks.map(Verdict::Unimplemented)
    }

    /// Whether the manifest leaves a test to be played.
    pub(crate) fn plays(&self, test: &Test, steps: &[Cow<'_, Step>]) -> bool {
        self.declined(test, steps).is_none()
    }

    fn lacks_feature(&self, test: &Test) -> Option<String> {
        let features = self.subject.features.as_ref()?;
        let named = test
            .needs
            .iter()
            .filter_map(|need| need.strip_prefix("feature:"));
        let mut needed = named.chain(feature_of(&test.id));
        let lacking = needed.find(|needed| features.iter().all(|feature| feature != needed));
        lacking.map(|feature| format!("feature {feature}"))
    }

    fn lacks_hook(&self, test: &Test) -> Option<String> {
        let hooks = test
            .needs
            .iter()
            .filter_map(|need| need.strip_prefix("hook:"));
        let mut lacking = hooks.filter(|hook| !self.subject.hooks.has(hook));
        lacking.next().map(|hook| format!("hook {hook}"))
    }

    /// What a step needs of the manifest: an address, or the runner as a peer.
    fn lacks_way(&self, step: &Step) -> Option<String> {
        let roles = &self.subject.roles;
        let no_peer = |peer: &str| {
            let there = self.peers.as_ref();
            let there = there.is_some_and(|peers| peers.addresses.contains_key(peer));
            (!there).then(|| format!("peers.{peer}: the runner is not asked as {peer}"))
        };
        match step {
            Step::Send(send) => {
                let http = roles.get(&send.to).and_then(|to| to.http.as_ref());
                http.is_none().then(|| format!("roles.{}.http", send.to))
            }
            Step::Iso(_) => {
                let tcp = roles.get("issuer").and_then(|to| to.tcp.as_ref());
                tcp.is_none().then(|| "roles.issuer.tcp".to_owned())
            }
            Step::Arrange(step) => no_peer(&step.at),
            Step::Asked(step) => no_peer(&step.at),
            Step::Meanwhile(step) => no_peer(&step.at).or_else(|| {
                let inner = Step::Send(step.send.clone());
                let inner = self.lacks_way(&inner);
                inner.or_else(|| step.steps.iter().find_map(|step| self.lacks_way(step)))
            }),
            Step::Again(step) => self.lacks_way(&Step::Send(step.send.clone())),
            Step::Parallel(step) => {
                let mut all = step.branches.iter();
                all.find_map(|send| self.lacks_way(&Step::Send(send.clone())))
            }
            Step::Capture(_) => {
                let by_gateway = roles.get("sms").is_some_and(|sms| sms.http.is_some());
                let by_hook = self.subject.hooks.has("capture");
                (!by_gateway && !by_hook).then(|| no_peer("sms")).flatten()
            }
            _ => None,
        }
    }
}

/// The chapter that a test is of: the second part of its id, when that is one.
fn feature_of(id: &str) -> Option<&str> {
    id.split('/')
        .nth(1)
        .filter(|chapter| FEATURES.contains(chapter))
}
