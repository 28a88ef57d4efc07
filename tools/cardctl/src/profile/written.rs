//! A profile as it stands in TOML, before it is understood.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) holder: Option<WrittenHolder>,
    #[serde(default)]
    pub(super) card: WrittenCard,
    #[serde(default)]
    pub(super) pin: Vec<Spanned<WrittenPin>>,
    #[serde(default)]
    pub(super) provider: Vec<Spanned<WrittenProvider>>,
    #[serde(default)]
    pub(super) key: Vec<Spanned<WrittenKey>>,
    #[serde(default)]
    pub(super) key_set: Vec<Spanned<WrittenKeySet>>,
    #[serde(default)]
    pub(super) file: Vec<Spanned<WrittenFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenHolder {
    pub(super) name: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenCard {
    pub(super) state: Option<String>,
    pub(super) issuer_number: Option<String>,
    pub(super) card_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenPin {
    pub(super) number: u8,
    pub(super) tries: Option<u8>,
    pub(super) file: Option<String>,
    pub(super) env: Option<String>,
    pub(super) column: Option<String>,
    pub(super) resetting_code: Option<u8>,
    pub(super) unblock: Option<String>,
    pub(super) choose: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenProvider {
    pub(super) record: Option<u8>,
    pub(super) enrolment: String,
    pub(super) name: String,
    pub(super) condition: Option<String>,
    pub(super) change: Option<String>,
    pub(super) limits: Option<WrittenLimits>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenLimits {
    pub(super) most: String,
    pub(super) without_pin: String,
    pub(super) times_without_pin: u8,
    pub(super) pin: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenKey {
    pub(super) label: String,
    pub(super) number: Option<u8>,
    pub(super) purpose: Option<String>,
    pub(super) condition: Option<String>,
    pub(super) uses: Option<u32>,
    pub(super) tries: Option<u8>,
    pub(super) public_key: Option<String>,
    pub(super) file: Option<String>,
    pub(super) env: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenKeySet {
    pub(super) version: u8,
    pub(super) file: Option<String>,
    pub(super) env: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenFile {
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) name: Option<String>,
    pub(super) short_id: Option<u8>,
    pub(super) size: Option<u16>,
    pub(super) count: Option<u8>,
    pub(super) text: Option<String>,
    pub(super) hex: Option<String>,
    pub(super) file: Option<String>,
    #[serde(default)]
    pub(super) record: Vec<WrittenRecord>,
    #[serde(default)]
    pub(super) object: Vec<WrittenObject>,
    #[serde(default)]
    pub(super) access: BTreeMap<String, String>,
}

/// The kind of a file.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Kind {
    Transparent,
    Records,
    FixedRecords,
    Cyclic,
    DataObjects,
    Directory,
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "transparent" => Self::Transparent,
            "records" => Self::Records,
            "fixed records" => Self::FixedRecords,
            "cyclic" => Self::Cyclic,
            "data objects" => Self::DataObjects,
            "directory" => Self::Directory,
            other => Err(format!(
                "kind {other:?} is none of \"transparent\", \"records\", \"fixed records\", \"cyclic\", \
                 \"data objects\", \"directory\""
            ))?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRecord {
    pub(super) text: Option<String>,
    pub(super) hex: Option<String>,
    pub(super) file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenObject {
    pub(super) tag: String,
    pub(super) text: Option<String>,
    pub(super) hex: Option<String>,
    pub(super) file: Option<String>,
}
