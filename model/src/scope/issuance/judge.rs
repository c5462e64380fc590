//! What the issuer makes of an issue message, of an honest verifier or of a corrupt one.

use super::*;

impl Issuance {
    /// The issuer takes an issue message: an honest verifier's, or a lie.
    pub(super) fn judge(
        &self,
        next: &mut State,
        at: usize,
        lie: Option<Lie>,
        evidence: Option<Evidence>,
        chart: &mut Chart,
    ) -> Verdict {
        let Some(mut request) = next.requests[at] else {
            return Verdict::Silent;
        };
        let evidence = evidence.or(request.evidence).unwrap_or(Evidence::Otp);
        let looked_up = (evidence == Evidence::Reference && lie != Some(Lie::Score)).then_some(
            if lie == Some(Lie::OtherReference) {
                1 - at
            } else {
                at
            },
        );
        let repeat = lie.is_none() && request.cards > 0;
        let input = if repeat {
            issuer::Input::IssueRepeat
        } else {
            self.fit(next, at, lie, looked_up, chart)
        };
        let outcome = issuer::step(&request.issuer, &input, &self.0.weak);
        chart.ask("verifier", "issuer", input, &outcome);
        if let Some(fresh) = next.requests[at] {
            request.reference = fresh.reference;
            request.lookups = fresh.lookups;
        }
        let before = request.issuer;
        request.issuer = outcome.next;
        let made = outcome.out.iter().any(|out| {
            matches!(
                out,
                issuer::Output::Issued | issuer::Output::IssuedWithPan | issuer::Output::CardMade
            )
        }) && outcome.verdict == Verdict::Accept;
        if made {
            let shown = looked_up.and_then(|from| next.requests[from]);
            let holder = applicant(&request);
            request.half = outcome.out.contains(&issuer::Output::CardMade);
            request.twice |= repeat;
            let more = u8::from(before.card == issuer::Card::None || !half_made(&before));
            request.cards = (request.cards + more).min(2);
            request.made = Some(Made {
                evidence,
                branch: request.made.map_or(decided(&before), |made| made.branch),
                holder: if lie == Some(Lie::Applicant) {
                    other(holder)
                } else {
                    holder
                },
                reference: looked_up,
                good: shown.is_none_or(|r| {
                    matches!(r.reference, identity::State::Resolved { good: true })
                }),
                blocked: before.blocked,
                rephoned: evidence == Evidence::Otp && next.rephoned,
                consented: request.consented,
            });
        }
        request.over_quota |= outcome.verdict == Verdict::Refuse(Refusal::DuplicateCard);
        request.flying &= !outcome.verdict.is_good();
        next.pan_out |= outcome.out.contains(&issuer::Output::IssuedWithPan);
        next.requests[at] = Some(request);
        outcome.verdict
    }

    /// How the message differs from the one that would be right.
    fn fit(
        &self,
        next: &mut State,
        at: usize,
        lie: Option<Lie>,
        looked_up: Option<usize>,
        chart: &mut Chart,
    ) -> issuer::Input {
        let full = next.requests[1 - at].is_some_and(|other| {
            other.issuer.card == issuer::Card::Active
                && next.requests[at].is_some_and(|this| applicant(&this) == applicant(&other))
        });
        let changed = lie == Some(Lie::Applicant);
        if changed && !self.0.weak.has(Weakness::ApplicantResent) {
            return issuer::Input::IssueApplicantChanged;
        }
        let record = next.requests[at].map_or(issuer::init(), |r| r.issuer);
        let trusted = self.0.weak.has(Weakness::BranchTrusted);
        let live = record.request == issuer::Request::Decided(Branch::FirstCard) || trusted;
        let input = match looked_up {
            _ if lie == Some(Lie::Score) => issuer::Input::IssueScoreClaimed,
            Some(from) if live => self.look_up(next, at, from, chart),
            Some(_) => issuer::Input::IssueIdentity,
            None => issuer::Input::IssueOtp,
        };
        let consented = next.requests[at].is_some_and(|request| request.consented);
        let taken = issuer::step(&record, &input, &self.0.weak)
            .verdict
            .is_good();
        if taken && !consented && !self.0.weak.has(Weakness::ConsentUnchecked) {
            return issuer::Input::IssueConsentWrong;
        }
        match (taken, full, changed) {
            (true, true, _) => issuer::Input::IssueQuotaFull,
            (true, false, true) => issuer::Input::IssueApplicantChanged,
            _ => input,
        }
    }

    /// The issuer asks the identity system itself.
    fn look_up(
        &self,
        next: &mut State,
        at: usize,
        from: usize,
        chart: &mut Chart,
    ) -> issuer::Input {
        let Some(request) = next.requests[from].as_mut() else {
            return issuer::Input::IssueReferenceUnknown;
        };
        let input = if from == at {
            identity::Input::Score
        } else {
            identity::Input::ScoreOtherContext
        };
        let outcome = identity::step(&request.reference, &input, &self.0.weak);
        chart.ask("issuer", "identity", input, &outcome);
        let again = matches!(request.reference, identity::State::Resolved { .. });
        request.reference = outcome.next;
        match outcome.verdict {
            Verdict::Refuse(Refusal::ReferenceUsed) => issuer::Input::IssueReferenceReused,
            Verdict::Refuse(Refusal::ReferenceMismatch) => issuer::Input::IssueReferenceOther,
            Verdict::Refuse(_) => issuer::Input::IssueReferenceUnknown,
            _ => {
                request.lookups = (request.lookups + 1).min(2);
                self.scored(
                    outcome.out.contains(&identity::Output::ScoreGood),
                    again,
                    from == at,
                )
            }
        }
    }

    const fn scored(&self, good: bool, again: bool, own: bool) -> issuer::Input {
        match (good, again, own) {
            (_, _, false) => issuer::Input::IssueReferenceOther,
            (false, _, true) => issuer::Input::IssueScoreLow,
            (true, true, true) => issuer::Input::IssueReferenceReused,
            (true, false, true) => issuer::Input::IssueIdentity,
        }
    }

    pub(super) fn lie(
        &self,
        state: &State,
        at: usize,
        lie: Lie,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let request = next.requests[at]?;
        let known = !matches!(request.issuer.request, issuer::Request::None);
        let reference = match lie {
            Lie::Reference => Some(request.reference),
            Lie::OtherReference => next.requests[1 - at].map(|other| other.reference),
            _ => Some(identity::State::Expired),
        };
        let scoreless = lie == Lie::Score && decided(&request.issuer) == Branch::KnownCustomer;
        if !known || scoreless || matches!(reference, None | Some(identity::State::None)) {
            return None;
        }
        let evidence = match lie {
            Lie::Code | Lie::Applicant
                if decided(&request.issuer) == Branch::FirstCard && lie != Lie::Code =>
            {
                Evidence::Reference
            }
            Lie::Code | Lie::Applicant => Evidence::Otp,
            Lie::Reference | Lie::OtherReference | Lie::Score => Evidence::Reference,
        };
        chart.note("verifier", "corrupt");
        let verdict = self.judge(&mut next, at, Some(lie), Some(evidence), chart);
        next.repelled |= matches!(verdict, Verdict::Refuse(_));
        (next != *state).then_some(next)
    }
}
