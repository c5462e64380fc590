//! The HSM key service on SoftHSM2: the same bytes as in memory, and what goes wrong.
//!
//! SoftHSM finds its tokens through an environment variable that must stand before the module is loaded. So each check
//! runs in a process of its own, with a directory of its own: [`alone`] starts it, [`child`] is it.
#![cfg(feature = "pkcs11")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use kaika_crypto::SealKey;
use kaika_keystore::{Hsm, HsmFault, Settings};
use kaika_tokenization::{
    Draft, Entropy, Generation, KeyFault, KeyId, KeyService, Place, Policy, Ranges, Record,
    Software,
};

const CHECK: &str = "KAIKA_TEST_HSM_CHECK";
const PIN: &str = "123456";
const TOKEN: &str = "kaika";

fn module() -> PathBuf {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    let found = places.iter().map(Path::new).find(|place| place.exists());
    match found {
        Some(module) => module.into(),
        None => panic!("SoftHSM2 is not installed: apt-get install softhsm2"),
    }
}

/// Runs one check with a token of its own.
fn alone(check: &str) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("softhsm2.conf");
    let tokens = dir.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(
        &config,
        format!("directories.tokendir = {}\n", tokens.display()),
    )
    .unwrap();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", TOKEN, "--pin", PIN])
        .args(["--so-pin", "12345678"])
        .env("SOFTHSM2_CONF", &config)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env("SOFTHSM2_CONF", &config)
        .env(CHECK, check)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let complained = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        ran.status.success() && said.contains(&format!("checked {check}")),
        "{check}: {said}{complained}"
    );
}

/// Each name has its check; a name without one fails.
#[test]
fn child() {
    let Ok(check) = std::env::var(CHECK) else {
        return;
    };
    match check.as_str() {
        "the same bytes" => the_same_bytes(),
        "damage" => damage(),
        "no way out" => no_way_out(),
        "many at once" => many_at_once(),
        "a vault" => a_vault(),
        "what goes wrong" => what_goes_wrong(),
        other => panic!("no check is called {other}"),
    }
    println!("checked {check}");
}

#[test]
fn it_gives_the_same_bytes_as_software() {
    alone("the same bytes");
}

#[test]
fn it_refuses_what_does_not_belong_together() {
    alone("damage");
}

#[test]
fn its_keys_do_not_come_out() {
    alone("no way out");
}

#[test]
fn it_serves_many_at_once() {
    alone("many at once");
}

#[test]
fn a_vault_works_over_it_and_its_root_key_is_replaced() {
    alone("a vault");
}

#[test]
fn its_faults_say_what_is_wrong() {
    alone("what goes wrong");
}

fn settings(root: &str) -> Settings {
    Settings {
        module: module(),
        token: TOKEN.into(),
        pin: PIN.to_owned().into(),
        root: KeyId::new(root).unwrap(),
    }
}

fn hsm(root: &str) -> Hsm {
    Hsm::open(settings(root)).unwrap()
}

/// A session of the test's own, beside the one that is tested.
fn beside() -> Session {
    let library = Pkcs11::new(module()).unwrap();
    drop(library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)));
    let mut slots = library.get_slots_with_token().unwrap().into_iter();
    let labelled = |slot: &cryptoki::slot::Slot| {
        library.get_token_info(*slot).unwrap().label().trim_end() == TOKEN
    };
    let slot = slots.find(labelled).unwrap();
    let session = library.open_rw_session(slot).unwrap();
    drop(session.login(UserType::User, Some(&AuthPin::new(PIN.into()))));
    session
}

fn the_same_bytes() {
    let key = [0x42; 32];
    let software = Software::new(SealKey::new(key), vec![]);
    let id = software.newest();
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Label(id.as_str().into()),
        Attribute::Value(key.to_vec()),
        Attribute::Token(true),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ];
    let session = beside();
    session.create_object(&template).unwrap();
    let hsm = hsm("root-1");
    for length in [0, 1, 15, 16, 17, 32, 100] {
        let (nonce, name, text) = ([7; 12], b"a name".as_slice(), vec![9; length]);
        let sealed = hsm.seal(&id, &nonce, name, &text);
        assert_eq!(sealed, software.seal(&id, &nonce, name, &text), "{length}");
        let sealed = sealed.unwrap();
        assert_eq!(sealed.len(), length + 16);
        assert_eq!(hsm.open(&id, &nonce, name, &sealed).unwrap().to_vec(), text);
        let opened = software.open(&id, &nonce, name, &sealed);
        assert_eq!(opened.unwrap().to_vec(), text);
    }
}

fn damage() {
    let hsm = hsm("root-1");
    let id = hsm.newest();
    let (nonce, name) = ([7; 12], b"a name".as_slice());
    let sealed = hsm.seal(&id, &nonce, name, &[9; 32]).unwrap();
    let fault =
        |nonce: &[u8; 12], name: &[u8], sealed: &[u8]| hsm.open(&id, nonce, name, sealed).err();
    assert_eq!(fault(&nonce, name, &sealed), None);
    assert_eq!(fault(&[8; 12], name, &sealed), Some(KeyFault::Damaged));
    assert_eq!(fault(&nonce, b"a game", &sealed), Some(KeyFault::Damaged));
    for place in 0..sealed.len() {
        let mut other = sealed.clone();
        other[place] ^= 1;
        assert_eq!(fault(&nonce, name, &other), Some(KeyFault::Damaged));
    }
    for length in [0, 15, 16, 47] {
        let short = &sealed[..length];
        assert_eq!(
            fault(&nonce, name, short),
            Some(KeyFault::Damaged),
            "{length}"
        );
    }
    let nobody = KeyId::new("nobody").unwrap();
    let unknown = hsm.seal(&nobody, &nonce, name, &[9; 32]);
    assert_eq!(unknown, Err(KeyFault::Unknown));
    assert_eq!(fault(&nonce, name, &sealed), None, "it goes on");
}

fn no_way_out() {
    let hsm = hsm("root-1");
    let session = beside();
    let template = [Attribute::Label(hsm.newest().as_str().into())];
    let found = session.find_objects(&template).unwrap();
    assert_eq!(found.len(), 1);
    let value = session.get_attributes(found[0], &[AttributeType::Value]);
    assert!(value.is_ok_and(|value| value.is_empty()));
    let kinds = [AttributeType::Sensitive, AttributeType::Extractable];
    let want = [Attribute::Sensitive(true), Attribute::Extractable(false)];
    assert_eq!(session.get_attributes(found[0], &kinds).unwrap(), want);
    drop(hsm);
    // The key is there when it is opened again; it is not made twice.
    let again = self::hsm("root-1");
    assert_eq!(session.find_objects(&template).unwrap().len(), 1);
    drop(again);
}

fn many_at_once() {
    let hsm = hsm("root-1");
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let hsm = &hsm;
            scope.spawn(move || {
                for round in 0..100_u8 {
                    let (nonce, text) = ([thread; 12], [round; 32]);
                    let id = hsm.newest();
                    let sealed = hsm.seal(&id, &nonce, &[round], &text).unwrap();
                    let opened = hsm.open(&id, &nonce, &[round], &sealed).unwrap();
                    assert_eq!(opened.to_vec(), text);
                }
            });
        }
    });
}

/// A count: the test needs different bytes, not unpredictable ones.
struct Count(u64);

impl Entropy for Count {
    fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            self.0 += 1;
            piece.copy_from_slice(&self.0.to_be_bytes()[..piece.len()]);
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 += 1;
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) % bound
    }
}

type Stored = BTreeMap<Place, Record>;

/// One transaction on a vault whose root keys are in the module.
fn worked<T>(
    hsm: Arc<Hsm>,
    stored: &mut Stored,
    count: &mut Count,
    work: impl FnOnce(&mut Draft<'_>) -> T,
) -> T {
    let policy = Policy::new(Ranges::standard(), Generation::Ff1, hsm).unwrap();
    let mut draft = Draft::new(&policy, stored, count);
    let done = work(&mut draft);
    for (place, record) in draft.changes() {
        match record {
            Some(record) => stored.insert(place, record),
            None => stored.remove(&place),
        };
    }
    done
}

fn a_vault() {
    let (mut stored, mut count) = (Stored::new(), Count(0));
    let first = Arc::new(hsm("root-1"));
    let par = worked(Arc::clone(&first), &mut stored, &mut count, |draft| {
        draft.open_account().unwrap()
    });
    let pan = |hsm: Arc<Hsm>, stored: &mut Stored| {
        worked(hsm, stored, &mut Count(0), |draft| {
            draft.pan(&par).map(|pan| pan.expose().to_owned())
        })
    };
    let known = pan(Arc::clone(&first), &mut stored).unwrap();
    drop(first);
    let second = Arc::new(hsm("root-2"));
    worked(Arc::clone(&second), &mut stored, &mut count, |draft| {
        assert_eq!(draft.rotate(), Ok(1));
        assert_eq!(draft.reseal(), Ok(0));
    });
    assert_eq!(pan(Arc::clone(&second), &mut stored), Ok(known.clone()));
    // The old root key is needed no more.
    let session = beside();
    let old = [Attribute::Label("root-1".into())];
    for key in session.find_objects(&old).unwrap() {
        session.destroy_object(key).unwrap();
    }
    assert_eq!(pan(Arc::clone(&second), &mut stored), Ok(known));
    let new = [Attribute::Label("root-2".into())];
    for key in session.find_objects(&new).unwrap() {
        session.destroy_object(key).unwrap();
    }
    let refused = pan(second, &mut stored);
    assert_eq!(refused, Err(kaika_spec::Refusal::VaultUnavailable));
}

fn what_goes_wrong() {
    let said = |settings: Settings| match Hsm::open(settings) {
        Err(fault) => fault.to_string(),
        Ok(_) => panic!("it opens"),
    };
    let missing = said(Settings {
        module: "/nowhere/module.so".into(),
        ..settings("root-1")
    });
    assert!(missing.contains("/nowhere/module.so: loading"), "{missing}");
    let stranger = Settings {
        token: "stranger".into(),
        ..settings("root-1")
    };
    let stranger = said(stranger);
    assert!(stranger.contains("no token is labelled \"stranger\""));
    let wrong = Settings {
        pin: "654321".to_owned().into(),
        ..settings("root-1")
    };
    let wrong = said(wrong);
    assert!(wrong.contains("logging in"), "{wrong}");
    assert!(!wrong.contains("654321"), "a PIN is not said");
    let made = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Label("twice".into()),
        Attribute::ValueLen(32.into()),
        Attribute::Token(true),
    ];
    let session = beside();
    for _ in 0..2 {
        let key = session.generate_key(&Mechanism::AesKeyGen, &made);
        assert!(key.is_ok());
    }
    let twice = said(settings("twice"));
    assert!(twice.contains("several keys labelled \"twice\""), "{twice}");
    drop(session);
    let good = hsm("root-1");
    assert!(good.seal(&good.newest(), &[0; 12], b"", b"x").is_ok());
    let _: fn(HsmFault) -> String = |fault| fault.to_string();
    a_root_key_that_goes_is_not_made_again(&good);
}

/// Nothing is wrapped under another key of the same name, not even when the session is opened anew.
fn a_root_key_that_goes_is_not_made_again(hsm: &Hsm) {
    let session = beside();
    let labelled = [Attribute::Label("root-1".into())];
    for key in session.find_objects(&labelled).unwrap() {
        session.destroy_object(key).unwrap();
    }
    for _ in 0..3 {
        let refused = hsm.seal(&hsm.newest(), &[0; 12], b"", b"x");
        assert_eq!(refused, Err(KeyFault::Unknown));
    }
    assert!(session.find_objects(&labelled).unwrap().is_empty());
}
