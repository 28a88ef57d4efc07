//! Which keys the next operations work with (ISO/IEC 7816-4, 10.3).

use apdu_spec::KeyReference;
use apdu_spec::key::{Template, Usage};

/// The current security environment of a logical channel: a key for each template and end of an operation. Empty at
/// first.
#[derive(Clone, Copy, Default)]
pub(crate) struct SecurityEnvironment {
    authentication: Keys,
    checksum: Keys,
    signature: Keys,
    confidentiality: Keys,
}

/// The keys that a template names.
#[derive(Clone, Copy, Default)]
struct Keys {
    verify: Option<KeyReference>,
    compute: Option<KeyReference>,
}

impl SecurityEnvironment {
    /// Names a key. The template for hash codes has none.
    pub(crate) fn set(&mut self, template: Template, usage: Usage, key: KeyReference) {
        let Some(keys) = self.keys(template) else { return };
        if usage != Usage::Compute {
            keys.verify = Some(key);
        }
        if usage != Usage::Verify {
            keys.compute = Some(key);
        }
    }

    /// The key that was named; for both ends, only if it is the same.
    pub(crate) fn get(mut self, template: Template, usage: Usage) -> Option<KeyReference> {
        let keys = self.keys(template)?;
        match usage {
            Usage::Verify => keys.verify,
            Usage::Compute => keys.compute,
            Usage::Both => keys.verify.filter(|key| keys.compute == Some(*key)),
        }
    }

    fn keys(&mut self, template: Template) -> Option<&mut Keys> {
        match template {
            Template::Authentication => Some(&mut self.authentication),
            Template::Hash => None,
            Template::Checksum => Some(&mut self.checksum),
            Template::Signature => Some(&mut self.signature),
            Template::Confidentiality => Some(&mut self.confidentiality),
        }
    }
}
