//! How an issuer's vault is set up: ranges, generator, requestor, and who keeps the root keys.

use std::sync::Arc;

use kaika_issuer::Vault;
use kaika_spec::limit::{PAN_BIN, REQUESTOR_ID, TOKEN_BIN};
use kaika_tokenization::{Generation, KeyService, Policy, Ranges, RequestorId};

use crate::fault::Fault;

/// What an operator may choose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// First digits of each token range, in the order in which they are used.
    pub token_ranges: Vec<String>,
    /// First digits of each PAN range.
    pub pan_ranges: Vec<String>,
    /// Who draws from the token ranges.
    pub generation: Generation,
    /// The verifier as a token requestor.
    pub requestor: String,
}

impl Default for Settings {
    /// The ranges and the requestor of `spec/98-limits.md`, at random.
    fn default() -> Self {
        Self {
            token_ranges: vec![TOKEN_BIN.into()],
            pan_ranges: vec![PAN_BIN.into()],
            generation: Generation::Random,
            requestor: REQUESTOR_ID.into(),
        }
    }
}

impl Settings {
    /// The vault with these root keys.
    ///
    /// # Errors
    /// When ranges, generator or requestor do not fit: says which and why.
    pub fn vault(&self, keys: Arc<dyn KeyService>) -> Result<Vault, Fault> {
        let tokens: Vec<&str> = self.token_ranges.iter().map(String::as_str).collect();
        let pans: Vec<&str> = self.pan_ranges.iter().map(String::as_str).collect();
        let policy = Ranges::new(&tokens, &pans)
            .and_then(|ranges| Policy::new(ranges, self.generation, keys))
            .map_err(|fault| Fault::Setting(fault.to_string()))?;
        let requestor = RequestorId::new(&self.requestor).ok_or_else(|| {
            Fault::Setting(format!("requestor {:?} is not 11 digits", self.requestor))
        })?;
        Ok(Vault { policy, requestor })
    }
}

/// The root key of an HSM, through PKCS#11.
///
/// # Errors
/// When the PIN cannot be read or the module says no.
#[cfg(feature = "pkcs11")]
pub fn hsm(
    module: &std::path::Path,
    token: &str,
    pin: &std::path::Path,
    root: &str,
) -> Result<Arc<dyn KeyService>, Fault> {
    let text = std::fs::read_to_string(pin).map_err(|error| Fault::file(pin, error))?;
    let root = kaika_tokenization::KeyId::new(root)
        .ok_or_else(|| Fault::Setting(format!("{root:?} is no label of a key")))?;
    let settings = kaika_keystore::Settings {
        module: module.to_owned(),
        token: token.to_owned(),
        pin: text.trim_end().to_owned().into(),
        root,
    };
    let hsm = kaika_keystore::Hsm::open(settings);
    Ok(Arc::new(
        hsm.map_err(|fault| Fault::Setting(fault.to_string()))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;
    use crate::world;

    fn said(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        let keys = Arc::new(world::root_keys(&Keys::fresh()));
        settings
            .vault(keys)
            .map_or_else(|fault| fault.to_string(), |_| String::new())
    }

    #[test]
    fn a_setting_that_does_not_fit_is_named() {
        assert_eq!(said(|_| {}), "");
        let common = said(|s| s.token_ranges = vec!["62880000".into()]);
        assert!(common.contains("62880000 and 62880000"), "{common}");
        assert!(said(|s| s.pan_ranges = vec!["x".into()]).contains("\"x\""));
        assert!(said(|s| s.token_ranges.clear()).contains("no token range"));
        assert!(said(|s| s.requestor = "1".into()).contains("\"1\""));
        let small = said(|s| {
            s.token_ranges.push("6299000100".into());
            s.generation = Generation::Ff1;
        });
        assert!(
            small.contains("6299000100") && small.contains("FF1"),
            "{small}"
        );
    }
}
