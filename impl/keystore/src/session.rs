//! A session with a PKCS#11 module: find, make and use AES keys. Only the thread of [`crate::Hsm`] has one.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::UserType;
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use kaika_tokenization::{KeyFault, KeyId};
use zeroize::Zeroizing;

use crate::hsm::{Answer, HsmFault, Order, Settings};

/// Bits of a tag.
const TAG_BITS: u64 = 128;
/// Bytes of a root key.
const KEY_BYTES: u64 = 32;

pub(crate) struct Session {
    session: cryptoki::session::Session,
}

impl Session {
    /// Opens the module and logs in. A root key that is not there is made only when the service begins: later it is missing.
    pub(crate) fn open(settings: &Settings, begins: bool) -> Result<Self, HsmFault> {
        let module = settings.module.display().to_string();
        let fault = |what| {
            let module = module.clone();
            move |error| HsmFault::Module {
                module,
                what,
                error,
            }
        };
        let library = Pkcs11::new(&settings.module).map_err(fault("loading"))?;
        let started = library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        match started {
            Ok(())
            | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => {}
            Err(error) => return Err(fault("starting")(error)),
        }
        let slot = slot(&library, &settings.token)
            .map_err(fault("looking for the token"))?
            .ok_or_else(|| HsmFault::NoToken {
                module: module.clone(),
                token: settings.token.clone(),
            })?;
        let session = library
            .open_rw_session(slot)
            .map_err(fault("opening a session"))?;
        let pin = AuthPin::new(settings.pin.as_str().into());
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(fault("logging in")(error)),
        }
        let opened = Self { session };
        let root = || settings.root.as_str().to_owned();
        let found = opened.find(&settings.root);
        match found.map_err(fault("looking for the root key"))?.len() {
            0 if begins => opened
                .make(&settings.root)
                .map(drop)
                .map_err(fault("making the root key"))?,
            0 => return Err(HsmFault::NoKey { root: root() }),
            1 => {}
            _ => return Err(HsmFault::ManyKeys { root: root() }),
        }
        Ok(opened)
    }

    /// The keys with this label.
    fn find(&self, key: &KeyId) -> Result<Vec<ObjectHandle>, Error> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(key.as_str().into()),
        ];
        self.session.find_objects(&template)
    }

    fn make(&self, key: &KeyId) -> Result<ObjectHandle, Error> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(key.as_str().into()),
            Attribute::ValueLen(KEY_BYTES.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        self.session.generate_key(&Mechanism::AesKeyGen, &template)
    }

    pub(crate) fn done(&self, order: &Order) -> Answer {
        let found = self.find(&order.key).map_err(|_| KeyFault::Unavailable)?;
        let key = match found[..] {
            [key] => key,
            [] => return Err(KeyFault::Unknown),
            // What one of them wraps, the other cannot open.
            _ => return Err(KeyFault::Unavailable),
        };
        let mut nonce = order.nonce;
        let gcm = GcmParams::new(&mut nonce, &order.name, TAG_BITS.into())
            .map_err(|_| KeyFault::Unavailable)?;
        let mechanism = Mechanism::AesGcm(gcm);
        let done = if order.seals {
            self.session.encrypt(&mechanism, key, &order.text)
        } else {
            self.session.decrypt(&mechanism, key, &order.text)
        };
        done.map(Zeroizing::new).map_err(|error| said(&error))
    }
}

/// A module says that a tag does not hold in one of several ways; a text that is too short for a tag in another.
fn said(error: &Error) -> KeyFault {
    match error {
        Error::Pkcs11(
            RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange,
            Function::Decrypt,
        )
        // SoftHSM 2.6.1.
        | Error::Pkcs11(RvError::GeneralError, Function::Decrypt) => KeyFault::Damaged,
        _ => KeyFault::Unavailable,
    }
}

fn slot(library: &Pkcs11, label: &str) -> Result<Option<Slot>, Error> {
    for slot in library.get_slots_with_token()? {
        if library.get_token_info(slot)?.label().trim_end() == label {
            return Ok(Some(slot));
        }
    }
    Ok(None)
}
