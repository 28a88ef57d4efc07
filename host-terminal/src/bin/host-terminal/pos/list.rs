//! A day's list, for people or for programs.

use std::process::ExitCode;

use anyhow::Result;
use host_terminal::till::book::{Entry, How};
use host_terminal::till::day::{Day, Total};
use host_terminal::till::screen::day_lines;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::settings::Settings;

pub(super) fn show(settings: &Settings, date: Option<Date>, json: bool) -> Result<ExitCode> {
    let zone = TimeZone::system();
    let date = date.unwrap_or_else(|| zone.to_datetime(Timestamp::now()).date());
    let day = Day::read(&settings.book, date, &zone)?;
    if json {
        println!("{}", day_json(&day));
    } else {
        // The same words as on the screen.
        println!("{date}");
        day_lines(&day, &zone).iter().for_each(|line| println!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn day_json(day: &Day) -> Value {
    json!({
        "date": day.date.to_string(),
        "sales": day.entries.iter().map(sale_json).collect::<Vec<Value>>(),
        "totals": day.totals.iter().map(total_json).collect::<Vec<Value>>(),
    })
}

fn sale_json(entry: &Entry) -> Value {
    let end = entry.end();
    let reason = end.and_then(|end| end.reason.as_ref());
    json!({
        "at": entry.at.to_string(),
        "transaction": entry.transaction.to_string(),
        "amount": entry.amount.minor,
        "currency": entry.amount.currency.as_str(),
        "result": name(end.map(|end| end.how)),
        "ended": end.map(|end| end.at.to_string()),
        "reason": reason.map(|reason| json!({ "code": reason.code.0, "line": reason.line })),
        "parties": end.map_or(&[][..], |end| &end.parties),
        "receipt": end.map_or("", |end| &end.line),
    })
}

fn total_json(total: &Total) -> Value {
    json!({
        "currency": total.currency.as_str(),
        "result": name(total.how),
        "count": total.count,
        // A number as in sales; no day comes to more, and a wrong number would be worse than none.
        "amount": u64::try_from(total.minor).ok(),
    })
}

fn name(how: Option<How>) -> &'static str {
    match how {
        Some(How::Posted) => "posted",
        Some(How::Declined) => "declined",
        Some(How::Released) => "released",
        Some(How::NotDone) => "not done",
        None => "open",
    }
}
