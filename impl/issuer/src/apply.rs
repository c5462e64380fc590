//! Apply: who is known, and which proof a card request needs.

use kaika_crypto::digest;
use kaika_spec::Refusal;
use kaika_spec::limit::ELIGIBILITY_TTL_MS;
use kaika_wire::core::{Change, Write, read};
use kaika_wire::messages::issuer::{
    BlockRequest, Blocked, CustomerRequest, Eligibility, EligibilityRequest, PhoneChanged,
    PhoneRequest,
};
use kaika_wire::messages::{Applicant, parse};
use kaika_wire::value::Hex;
use serde_json::json;

use crate::rows::{
    BLOCKS, CUSTOMERS, Customer, DECISIONS, Decision as Decided, OUTCOMES, Outcome, person,
};
use crate::{Case, Decision};

/// The digest of an applicant, hex.
pub(crate) fn applicant_digest(who: &Applicant) -> String {
    hex::encode(digest::applicant(&digest::Applicant {
        name: who.name.as_str(),
        id_type: who.id_type.as_str(),
        id_no: who.id_no.as_str(),
        id_valid_to: who.id_valid_to.as_str(),
    }))
}

/// The key of an applicant.
pub(crate) fn person_of(who: &Applicant) -> String {
    person(who.id_type.as_str(), who.id_no.as_str())
}

impl Case<'_> {
    pub(crate) fn customer(&self, person: &str) -> Option<Customer> {
        read(self.rows, CUSTOMERS, person)
    }

    pub(crate) fn is_blocked(&self, person: &str) -> bool {
        read::<bool>(self.rows, BLOCKS, person).unwrap_or(false)
    }

    pub(crate) fn enrol(self, body: &[u8]) -> Decision {
        let asked: CustomerRequest = parse(body)?;
        let person = person_of(&asked.applicant);
        if self.customer(&person).is_some() {
            return Err(Refusal::AlreadyEnrolled.into());
        }
        let customer_id = self.surrogate('U', CUSTOMERS);
        let row = Customer {
            customer_id: customer_id.clone(),
            applicant_digest: applicant_digest(&asked.applicant),
            phone: asked.phone.into(),
            phone_version: 1,
        };
        Ok(Change::reply(
            201,
            json!({"customer_id": customer_id}),
            vec![Write::put(CUSTOMERS, person, &row)],
        ))
    }

    pub(crate) fn change_phone(self, body: &[u8]) -> Decision {
        let asked: PhoneRequest = parse(body)?;
        let person = person(asked.id_type.as_str(), asked.id_no.as_str());
        let mut customer = self.customer(&person).ok_or(Refusal::UnknownCustomer)?;
        customer.phone = asked.phone.into();
        customer.phone_version = customer.phone_version.saturating_add(1);
        let answer = json!(PhoneChanged {
            phone_version: customer.phone_version
        });
        Ok(Change::reply(
            200,
            answer,
            vec![Write::put(CUSTOMERS, person, &customer)],
        ))
    }

    pub(crate) fn block(self, body: &[u8]) -> Decision {
        let asked: BlockRequest = parse(body)?;
        let person = person(asked.id_type.as_str(), asked.id_no.as_str());
        Ok(Change::reply(
            200,
            json!(Blocked {
                blocked: asked.blocked
            }),
            vec![Write::put(BLOCKS, person, &asked.blocked)],
        ))
    }

    pub(crate) fn eligibility(self, body: &[u8]) -> Decision {
        let asked: EligibilityRequest = parse(body)?;
        match read::<Outcome>(self.rows, OUTCOMES, &asked.request_id.to_string()) {
            Some(Outcome { undone: true, .. }) => return Err(Refusal::RequestTombstoned.into()),
            Some(_) => return Err(Refusal::WrongOrder.into()),
            None => {}
        }
        let person = person_of(&asked.applicant);
        let customer = self.customer(&person);
        let digest = applicant_digest(&asked.applicant);
        let contradicts = customer
            .as_ref()
            .is_some_and(|customer| customer.applicant_digest != digest);
        if self.is_blocked(&person) || contradicts {
            return Err(Refusal::Ineligible.into());
        }
        Ok(self.decided(&asked, digest, customer))
    }

    fn decided(
        self,
        asked: &EligibilityRequest,
        applicant_digest: String,
        customer: Option<Customer>,
    ) -> Change {
        let eligibility_id = Hex(self.dice.bytes::<16>());
        let expires_at = self.now.saturating_add(ELIGIBILITY_TTL_MS);
        //= spec/20-apply.md#app-10-eligibility-is-remembered
        //# The issuer MUST keep, for every eligibility decision, its branch, the request context, the applicant digest,
        //# the product, the customer and phone versions and the expiry.
        let row = Decided {
            request_id: asked.request_id.to_string(),
            request_context: asked.request_context.to_string(),
            applicant_digest,
            person: person_of(&asked.applicant),
            product: asked.product.to_string(),
            known: customer.is_some(),
            phone_version: customer
                .as_ref()
                .map_or(0, |customer| customer.phone_version),
            expires_at,
        };
        let answer = branch(customer, eligibility_id, expires_at);
        Change::reply(
            200,
            json!(answer),
            vec![Write::put(DECISIONS, eligibility_id.to_string(), &row)],
        )
    }
}

/// Which proof is asked for: what the customer file says, and nothing else.
fn branch(customer: Option<Customer>, eligibility_id: Hex<16>, expires_at: i64) -> Eligibility {
    //= spec/20-apply.md#app-9-the-issuer-decides-the-branch
    //# The issuer MUST decide between `known-customer` and `first-card` from its own customer file and from nothing in the
    //# message but the applicant.
    let phone = |customer: &Customer| customer.phone.clone().try_into().ok();
    match customer
        .as_ref()
        .and_then(|customer| Some((phone(customer)?, customer.phone_version)))
    {
        Some((phone, phone_version)) => Eligibility::KnownCustomer {
            eligibility_id,
            phone,
            phone_version,
            expires_at,
        },
        None => Eligibility::FirstCard {
            eligibility_id,
            expires_at,
        },
    }
}
