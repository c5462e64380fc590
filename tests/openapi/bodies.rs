//! Every body in the documents against the type that is read and written, both ways, and against the servers' cores.
//!
//! Start at [`READERS`]: which schema is which type.

use kaika_generate::edges::Schemas;
use kaika_spec::{Refusal, Role};
use kaika_wire::core::{Caller, Core, Input, Request};
use kaika_wire::dice::Dice;
use kaika_wire::memory::MemoryRows;
use kaika_wire::messages::{Empty, identity, issuer, parse, verifier};
use kaika_wire::samples::Sample;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::paper::none;
use crate::{Operation, all_operations, document, validator};

/// A type: how it is called, how it is read and written again, and its samples.
struct Reader {
    name: &'static str,
    read: fn(&[u8]) -> Option<Value>,
    samples: fn() -> Vec<Value>,
}

fn reader<T: Sample + Serialize + DeserializeOwned>() -> Reader {
    Reader {
        name: std::any::type_name::<T>(),
        read: |body| Some(json!(parse::<T>(body).ok()?)),
        samples: || {
            T::samples()
                .into_iter()
                .map(|sample| json!(sample))
                .collect()
        },
    }
}

type Line = (&'static str, &'static str, fn() -> Reader);

/// Role, schema, type.
const READERS: &[Line] = &[
    ("verifier", "Empty", reader::<Empty>),
    (
        "verifier",
        "AccountEnrol",
        reader::<verifier::AccountRequest>,
    ),
    (
        "verifier",
        "AccountEnrolled",
        reader::<verifier::AccountEnrolled>,
    ),
    ("verifier", "RequestOpen", reader::<verifier::OpenRequest>),
    ("verifier", "RequestOpened", reader::<verifier::Opened>),
    ("verifier", "RequestShown", reader::<verifier::RequestShown>),
    (
        "verifier",
        "PasswordProve",
        reader::<verifier::PasswordRequest>,
    ),
    ("verifier", "PasswordProved", reader::<verifier::Next>),
    (
        "verifier",
        "ApplicantGive",
        reader::<verifier::ApplicantRequest>,
    ),
    ("verifier", "ApplicantTaken", reader::<verifier::Next>),
    ("verifier", "OtpNext", reader::<verifier::Next>),
    ("verifier", "OtpProve", reader::<verifier::OtpRequest>),
    (
        "verifier",
        "IdPhotosGive",
        reader::<verifier::PhotosRequest>,
    ),
    ("verifier", "FramesNext", reader::<verifier::Next>),
    ("verifier", "FramesGive", reader::<verifier::FramesRequest>),
    ("verifier", "IssueNext", reader::<verifier::Next>),
    ("verifier", "ConsentGive", reader::<verifier::IssueRequest>),
    ("verifier", "CardIssued", reader::<verifier::Next>),
    (
        "verifier",
        "ProvisionStep",
        reader::<verifier::ProvisionRequest>,
    ),
    ("verifier", "ProvisionAnswer", reader::<verifier::Next>),
    ("verifier", "RequestCancelled", reader::<verifier::Next>),
    ("verifier", "OrderMake", reader::<verifier::OrderRequest>),
    ("verifier", "OrderMade", reader::<verifier::Ordered>),
    ("verifier", "OrderPay", reader::<verifier::PayRequest>),
    ("verifier", "OrderPaid", reader::<verifier::OrderPaid>),
    ("verifier", "OrderShown", reader::<verifier::OrderShown>),
    ("issuer", "Empty", reader::<Empty>),
    ("issuer", "CustomerEnrol", reader::<issuer::CustomerRequest>),
    (
        "issuer",
        "CustomerEnrolled",
        reader::<issuer::CustomerEnrolled>,
    ),
    ("issuer", "PhoneChange", reader::<issuer::PhoneRequest>),
    ("issuer", "PhoneChanged", reader::<issuer::PhoneChanged>),
    ("issuer", "Block", reader::<issuer::BlockRequest>),
    ("issuer", "Blocked", reader::<issuer::Blocked>),
    (
        "issuer",
        "EligibilityAsk",
        reader::<issuer::EligibilityRequest>,
    ),
    ("issuer", "Eligibility", reader::<issuer::Eligibility>),
    ("issuer", "IssueAsk", reader::<issuer::IssueRequest>),
    ("issuer", "Issued", reader::<issuer::Issued>),
    ("issuer", "IssueShown", reader::<issuer::IssueOutcome>),
    ("issuer", "Compensated", reader::<issuer::Compensated>),
    (
        "issuer",
        "TokenProvision",
        reader::<issuer::ProvisionRequest>,
    ),
    (
        "issuer",
        "TokenProvisionAnswer",
        reader::<issuer::Provisioned>,
    ),
    ("issuer", "TokenBy", reader::<issuer::SuspenderRequest>),
    ("issuer", "Token", reader::<issuer::TokenStatus>),
    ("issuer", "DebitAsk", reader::<issuer::DebitRequest>),
    ("issuer", "Debited", reader::<issuer::Debited>),
    ("issuer", "Debit", reader::<issuer::DebitStatus>),
    ("issuer", "ReverseAsk", reader::<issuer::ReverseRequest>),
    ("issuer", "Reversed", reader::<issuer::Reversed>),
    ("issuer", "CardStatus", reader::<issuer::CardStatusRequest>),
    ("issuer", "CardStatusSet", reader::<issuer::CardStatusSet>),
    ("issuer", "Card", reader::<issuer::CardShown>),
    ("issuer", "CardReplaced", reader::<issuer::CardReplaced>),
    ("issuer", "TokenWanted", reader::<issuer::TokenWanted>),
    ("issuer", "TokensAsk", reader::<issuer::TokensRequest>),
    ("issuer", "TokensMinted", reader::<issuer::TokensMinted>),
    ("issuer", "Resealing", reader::<issuer::Resealing>),
    ("issuer", "AgreementEnded", reader::<issuer::AgreementEnded>),
    ("identity", "Empty", reader::<Empty>),
    ("identity", "PersonEnrol", reader::<identity::PersonRequest>),
    ("identity", "MatchAsk", reader::<identity::MatchRequest>),
    ("identity", "Matched", reader::<identity::Matched>),
    ("identity", "ScoreAsk", reader::<identity::ScoreRequest>),
    ("identity", "Scored", reader::<identity::Score>),
];

#[test]
fn every_operation_has_its_types() {
    let mut complaints = Vec::new();
    for operation in all_operations() {
        for schema in operation.body().into_iter().chain(operation.answers()) {
            let known = READERS
                .iter()
                .any(|(role, name, _)| (*role, *name) == (operation.role, schema));
            if !known {
                complaints.push(format!("{}: whose type is {schema}?", operation.role));
            }
        }
    }
    none(&complaints);
}

/// What stands wrong between a schema and whoever reads it.
fn differences(
    role: &str,
    schema: &str,
    takes: &dyn Fn(&Value) -> Result<(), String>,
) -> Vec<String> {
    let document = document(role);
    let validator = validator(role, schema);
    let schemas = Schemas(&document);
    let root = &document["components"]["schemas"][schema];
    let mut complaints = Vec::new();
    for value in schemas.good(root) {
        if !validator.is_valid(&value) {
            complaints.push(format!("{role} {schema}: its own edge is outside: {value}"));
        }
        if let Err(why) = takes(&value) {
            complaints.push(format!(
                "{role} {schema}: only the schema takes {value}: {why}"
            ));
        }
    }
    for (what, value) in schemas.bad(root) {
        if validator.is_valid(&value) {
            complaints.push(format!("{role} {schema} takes {what}: {value}"));
        }
        if takes(&value).is_ok() {
            complaints.push(format!("{role} {schema}: the reader takes {what}: {value}"));
        }
    }
    complaints
}

#[test]
fn schemas_and_types_take_the_same() {
    let mut complaints = Vec::new();
    for (role, schema, reader) in READERS {
        let reader = reader();
        complaints.extend(differences(role, schema, &|value| match (reader.read)(
            value.to_string().as_bytes(),
        ) {
            Some(again) if again == *value => Ok(()),
            Some(again) => Err(format!("{} writes {again}", reader.name)),
            None => Err(format!("{} does not read it", reader.name)),
        }));
    }
    none(&complaints);
}

#[test]
fn what_types_write_is_in_a_schema() {
    let mut complaints = Vec::new();
    for (role, schema, reader) in READERS {
        let reader = reader();
        let samples = (reader.samples)();
        // `Next` is many schemas: each of them has a share of its samples, and no sample is left over.
        let all: Vec<_> = READERS
            .iter()
            .filter(|(other, _, other_reader)| other == role && other_reader().name == reader.name)
            .map(|(role, schema, _)| validator(role, schema))
            .collect();
        let homeless = samples
            .iter()
            .filter(|sample| !all.iter().any(|one| one.is_valid(sample)));
        complaints
            .extend(homeless.map(|sample| format!("{role}: {} writes {sample}", reader.name)));
        let own = validator(role, schema);
        if !samples.iter().any(|sample| own.is_valid(sample)) {
            complaints.push(format!("{role} {schema}: {} never writes it", reader.name));
        }
    }
    none(&complaints);
}

#[test]
fn a_member_twice_is_not_read() {
    let mut complaints = Vec::new();
    for (role, schema, reader) in READERS {
        let reader = reader();
        for sample in (reader.samples)() {
            for (name, value) in sample.as_object().into_iter().flatten() {
                let text = sample.to_string();
                let twice = format!("{{\"{name}\":{value},{}", text.trim_start_matches('{'));
                if (reader.read)(twice.as_bytes()).is_some() {
                    complaints.push(format!("{role} {schema}: {} reads {twice}", reader.name));
                }
            }
        }
    }
    none(&complaints);
}

fn core(role: &str) -> Box<dyn Core> {
    match role {
        "verifier" => Box::new(kaika_verifier::Verifier::new(kaika_verifier::Config {
            operator_key: [1; 32],
            secret: [2; 32],
        })),
        "issuer" => Box::new(kaika_issuer::Issuer::new(kaika_issuer::Config {
            verifier_key: [1; 32],
            operator_key: [2; 32],
            kmc: kaika_crypto::ChipMasterKey::new([3; 16]),
            imk: kaika_crypto::IssuerMasterKey::new([4; 16]),
            vault: kaika_issuer::Vault::standard([5; 32]),
        })),
        _ => Box::new(kaika_identity::Identity::new(
            kaika_identity::Config {
                verifier_key: [1; 32],
                issuer_key: [2; 32],
                operator_key: [3; 32],
            },
            Box::new(kaika_identity::matcher::Simulator),
        )),
    }
}

/// Whether a role's core reads the body of an operation: anything but `malformed`.
fn served(core: &dyn Core, operation: &Operation, body: &Value) -> Result<(), String> {
    let id = "0123456789abcdef0123456789abcdef";
    let path: Vec<&str> = operation
        .path
        .split('/')
        .map(|part| if part.starts_with('{') { id } else { part })
        .collect();
    let caller = operation
        .callers
        .first()
        .and_then(|name| Role::from_name(name));
    let request = Request {
        caller: caller
            .filter(|role| *role != Role::Terminal)
            .map_or(Caller::Terminal, Caller::Known),
        method: "POST",
        path: path.join("/"),
        time: 0,
        idempotency_key: id.into(),
        mac: None,
        body: body.to_string().into_bytes(),
    };
    let rows = MemoryRows::default();
    match core.decide(&rows, 0, &mut Dice::new([7; 32]), &Input::Request(request)) {
        Err(refused) if refused.refusal == Refusal::Malformed => {
            Err(refused.detail.unwrap_or_default())
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

#[test]
fn servers_read_what_their_documents_say() {
    let mut complaints = Vec::new();
    for operation in all_operations() {
        let Some(schema) = operation.body() else {
            continue;
        };
        let core = core(operation.role);
        let takes = |body: &Value| served(&*core, &operation, body);
        let found = differences(operation.role, schema, &takes);
        complaints.extend(
            found
                .into_iter()
                .map(|complaint| format!("{}: {complaint}", operation.route())),
        );
    }
    none(&complaints);
}
