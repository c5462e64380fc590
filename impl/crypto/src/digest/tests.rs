//! Known answers, computed with Python's `hashlib` from the formulas of `spec/90-wire.md`.

use super::{
    Applicant, Open, Order, RequestContext, applicant, open, order, pay, phone, request_context,
};

const APPLICANT: &str = "cd5e06d3674acf234b43f990fb0b0dc0a22cd69543b01356f478bd7995bded2f";
const ORDER: &str = "2645c69e99aa11612d09fcfaddda29cd7ffe1cafc01304e4cb030ac46224c22b";
const ONES: &str = "11111111111111111111111111111111";

#[track_caller]
fn is(digest: [u8; 32], known: &str) {
    assert_eq!(hex::encode(digest), known);
}

#[test]
fn whom_and_what_a_request_is_about() {
    let who = Applicant {
        name: "王小明",
        id_type: "resident-id",
        id_no: "110101199003071234",
        id_valid_to: "2040-01-01",
    };
    is(applicant(&who), APPLICANT);
    let context = RequestContext {
        request_id: "00000000000000000000000000000000",
        account_id: "alice",
        device_id: "device-1",
        se_id: "0102030405060708",
        applicant_digest: APPLICANT,
        product: "gold",
        tos_version: "1",
        terminal_nonce: ONES,
        verifier_nonce: "22222222222222222222222222222222",
    };
    is(
        request_context(&context),
        "03835d53bb3427fad91b1da194f387dec671c77ee64301d2d9e023d6d7242269",
    );
}

#[test]
fn what_the_password_opens_and_pays() {
    let opens = Open {
        account_id: "alice",
        device_id: "device-1",
        se_id: "0102030405060708",
        product: "gold",
        tos_version: "1",
        terminal_nonce: ONES,
    };
    is(
        open(&opens),
        "4897216451a5b473f7b29c2760a101a20381f9b4b800305bf7a369272e1e01f4",
    );
    let ordered = Order {
        order_id: "33333333333333333333333333333333",
        account_id: "alice",
        payee: "book-shop",
        amount_minor: "1250",
        currency: "156",
        expires_at: "1790000000000",
        nonce: "44444444444444444444444444444444",
    };
    is(order(&ordered), ORDER);
    is(
        pay(ORDER, "CAAAAAAAAAAAAAAAAAAAA"),
        "76aa14123c2030b971fdb1e671cf481dab58ab5c5acd5b0c3401ed4026514ced",
    );
}

#[test]
fn a_phone() {
    is(
        phone("+8613800138000"),
        "e63a6869682a397e1c9ab3534bdb7f66afdcbe345ce98f3d2e9498bbdddeb0a7",
    );
}
