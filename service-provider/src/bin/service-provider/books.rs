//! `ledger`: what every account holds, and whether the books add up.

use std::path::Path;

use anyhow::{Context, Result, bail};
use protocol::amount::Amount;
use serde_json::{Value, json};
use service_provider::ledger::Overdraft;
use service_provider::store::account::Balance;
use service_provider::store::sqlite::SqliteView;
use service_provider::store::{Store, limits};

use crate::{in_folder, say};

/// Shows every account, and fails where something does not add up.
pub(crate) async fn show(data: &Path, json: bool) -> Result<()> {
    let store = SqliteView::open(data).with_context(|| in_folder(data))?;
    let audit = store.verify().await?;
    let balances = balances(&store).await?;
    if json {
        let accounts: Vec<Value> = balances.iter().map(account_json).collect();
        let flaws: Vec<String> = audit.flaws.iter().map(ToString::to_string).collect();
        let value = json!({"accounts": accounts, "entries": audit.entries, "holds": audit.holds, "flaws": flaws});
        say(&value.to_string());
    } else {
        balances.iter().for_each(|balance| say(&account_words(balance)));
        say(&format!("{} entries, {} holds", audit.entries, audit.holds));
    }
    if audit.flaws.is_empty() {
        return Ok(());
    }
    audit.flaws.iter().for_each(|flaw| eprintln!("  {flaw}"));
    bail!("the books do not add up")
}

async fn balances(store: &impl Store) -> Result<Vec<Balance>> {
    let mut balances: Vec<Balance> = Vec::new();
    loop {
        let last = balances.last().map(|last| last.account.id);
        let page = store.balances(last, limits::PAGE_MAX).await?;
        if page.is_empty() {
            return Ok(balances);
        }
        balances.extend(page);
    }
}

fn account_json(balance: &Balance) -> Value {
    json!({
        "account": balance.account.number.as_str(),
        "holder": balance.account.holder,
        "currency": balance.funds.currency.as_str(),
        "balance": balance.funds.balance,
        "held": balance.funds.held,
        "available": balance.funds.available(),
        "instrument": balance.account.instrument.name(),
        "ceiling": balance.funds.bounds.ceiling,
        "payments_left": balance.funds.payments_left(),
    })
}

fn account_words(balance: &Balance) -> String {
    let funds = &balance.funds;
    let shown = |minor: u64| Amount { minor, currency: funds.currency }.to_string();
    let sign = if funds.balance < 0 { "-" } else { "" };
    let available = match funds.bounds.overdraft {
        Overdraft::Float => String::new(),
        Overdraft::UpTo(_) => format!(", available {}", shown(funds.available())),
    };
    let left = funds.payments_left().map_or_else(String::new, |left| format!(", {left} payments left"));
    format!(
        "{:<20} {:<24} {sign}{}, held {}{available}{left}",
        balance.account.number.as_str(),
        balance.account.holder,
        shown(funds.balance.unsigned_abs()),
        shown(funds.held),
    )
}
