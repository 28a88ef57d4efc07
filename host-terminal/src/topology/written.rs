//! A topology as it is written down, nothing of it checked but its shape.

use std::path::PathBuf;

use serde::Deserialize;

use super::Mistake;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Topology {
    pub(super) provider: String,
    #[serde(default = "patience")]
    pub(super) patience: u64,
    pub(super) transaction: Transaction,
    #[serde(default, rename = "router")]
    pub(super) routers: Vec<Router>,
    #[serde(default, rename = "member")]
    pub(super) members: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Transaction {
    pub(super) kind: NameOrNumber,
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) reference: Option<String>,
    #[serde(default = "once")]
    pub(super) times: u32,
    #[serde(default = "once")]
    pub(super) at_once: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Router {
    pub(super) name: String,
    pub(super) listen: String,
    pub(super) next: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) listen: Option<String>,
    pub(super) next: String,
    pub(super) card: Option<String>,
    #[serde(default)]
    pub(super) cards: Vec<String>,
    pub(super) pin_file: Option<PathBuf>,
    pub(super) account: Option<String>,
    pub(super) role: NameOrNumber,
    #[serde(default)]
    pub(super) counterparties: Vec<String>,
    #[serde(default)]
    pub(super) options: Vec<String>,
    #[serde(default)]
    pub(super) fresh_key: FreshKey,
    #[serde(default)]
    pub(super) prove_account: bool,
    #[serde(default)]
    pub(super) decision: Decision,
    #[serde(default)]
    pub(super) plain_text: Texts,
    #[serde(default)]
    pub(super) sensitive: Texts,
    #[serde(default)]
    pub(super) data: Text,
}

/// What has a name in front of people and a number in messages.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a name or a number from 0 to 255")]
pub(super) enum NameOrNumber {
    Number(u8),
    Name(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FreshKey {
    #[default]
    No,
    Unendorsed,
    Endorsed,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    #[default]
    Accept,
    Reject,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Texts {
    pub(super) key_exchange: Text,
    pub(super) transaction: Text,
    pub(super) acknowledgment: Text,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "a text, or { hex = \"...\" }")]
pub(super) enum Text {
    Text(String),
    Bytes { hex: String },
}

impl Default for Text {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

const fn patience() -> u64 {
    super::PATIENCE
}

const fn once() -> u32 {
    1
}

pub(super) fn parse(text: &str) -> Result<Topology, Mistake> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        Mistake::Line { line: before.matches('\n').count() + 1, what: error.message().to_owned() }
    })
}
