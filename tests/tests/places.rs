//! Where a card can be: a software card in the terminal's own process does what one in a reader does.

use anyhow::{Context, Result};
use serde_json::Value;
use symbolon_tests::group::{PATIENCE, Person, Town, leaf, member, payee, payer, purchase, result};
use symbolon_tests::process::{Ended, Running, build};

fn town() -> Result<Town> {
    Town::new(&[Person::new("shop"), Person::new("ada").with(&["--opening", "100.00"])])
}

/// Where a card is that no reader has any more.
fn image(town: &mut Town, name: &str) -> Result<String> {
    town.take_out(name)?;
    Ok(format!("image:{}", town.path(&format!("{name}.card"))))
}

fn error(ended: &Ended) -> Option<&str> {
    ended.results.last().and_then(|result| result["error"].as_str())
}

#[test]
fn two_terminals_with_cards_of_their_own_processes_make_a_purchase() -> Result<()> {
    let mut town = town()?;
    let (shop, ada, pin) = (image(&mut town, "shop")?, image(&mut town, "ada")?, town.path("pin"));
    let sell = ["sell", "--json", "--card", &shop, "--pin-file", &pin, "--provider", &town.address];
    let selling = town.terminal(&[sell.as_slice(), &["--amount", "12.50", "--currency", "EUR"]].concat())?;
    let listening: Value = selling.line(PATIENCE)?.context("it does not listen")?;
    let to = listening["listening"].as_str().context("no address")?;

    // The shop's process has the shop's card, and nobody else gets it meanwhile.
    let pay = |card| ["pay", "--json", "--card", card, "--pin-file", &pin, "--to", to, "--limit", "50.00"];
    let refused = town.terminal(&pay(&shop))?.end(PATIENCE)?;
    assert!(refused.errors.contains("in use by another process"), "{refused:?}");
    let paid = town.terminal(&pay(&ada))?.end(PATIENCE)?.success()?;
    assert_eq!((&paid["result"], &paid["amount"]), (&"posted".into(), &1250.into()));
    assert_eq!(selling.end(PATIENCE)?.success()?["result"], "posted");
    assert_eq!(town.balances()?["shop"], 1250);
    Ok(())
}

#[test]
fn a_topology_names_cards_by_their_images_too() -> Result<()> {
    let mut town = town()?;
    image(&mut town, "shop")?;
    image(&mut town, "ada")?;
    let shop = member("shop", "provider", &format!("card = \"image:shop.card\"\n{}", payee("ada")));
    let ada = leaf("ada", "shop", &format!("card = \"image:ada.card\"\n{}", payer("shop")));
    let topology = town.file(&[purchase("times = 2"), shop, ada])?;
    let group = town.group(&topology)?;
    for run in 0..2 {
        assert_eq!(result(&group.results, "ada", run).context("no result")?["result"], "posted", "{group:?}");
    }
    assert_eq!(town.balances()?["ada"], 7_500);
    Ok(())
}

#[test]
fn a_card_that_is_nowhere_is_told_with_what_to_write() -> Result<()> {
    let town = town()?;
    let pin = town.path("pin");
    let missing = format!("image:{}", town.path("no.card"));
    for (card, expected) in [
        (missing.as_str(), "No such file"),
        ("tcp://127.0.0.1:1", "no reader at 127.0.0.1:1"),
        (
            "127.0.0.1:7001",
            "a card is at tcp://HOST:PORT, in a PC/SC reader (pcsc: or pcsc:NAME) or in an image (image:FILE)",
        ),
    ] {
        let status = ["status", "--json", "--card", card, "--pin-file", &pin, "--provider", &town.address];
        let ended = town.terminal(&status)?.end(PATIENCE)?;
        let said = format!("{}{}", error(&ended).unwrap_or_default(), ended.errors);
        assert!(said.contains(expected), "{card}: {said}");
        assert_ne!(ended.code, Some(0));
    }
    Ok(())
}

#[test]
fn a_program_reads_one_line_for_every_failure() -> Result<()> {
    let town = town()?;
    let (no, pin, out) = (town.path("no"), town.path("pin"), town.path("out"));
    let (card, provider) = (format!("image:{no}"), town.address.as_str());
    let at = ["--card", card.as_str()];
    let member = [at.as_slice(), &["--pin-file", &pin]].concat();
    let sale = ["--provider", provider, "--amount", "1.5", "--currency"];
    let till = ["--settle", "--provider", provider, "--name", "Shop", "--currency", "EUR", "--book", "/dev/null/book"];
    let failing: [(&str, &str, Vec<&str>); 17] = [
        ("host-terminal", "pay", [member.as_slice(), &["--to", "127.0.0.1:1", "--limit", "5"]].concat()),
        ("host-terminal", "pay", [member.as_slice(), &["--to", "127.0.0.1:1"]].concat()),
        ("host-terminal", "sell", [member.as_slice(), &sale, &["EUR"]].concat()),
        ("host-terminal", "sell", [member.as_slice(), &sale, &["eur"]].concat()),
        ("host-terminal", "status", [member.as_slice(), &["--provider", provider]].concat()),
        ("host-terminal", "pos", till.to_vec()),
        ("host-terminal", "pos", vec!["--list"]),
        ("host-terminal", "route", vec!["--listen", "256.0.0.1:0", "--to", provider]),
        ("host-terminal", "join", vec!["--topology", &no, "--name", "ada"]),
        ("host-terminal", "group", vec!["--topology", &no]),
        ("host-terminal", "replay", [at.as_slice(), &[&no]].concat()),
        ("cardctl", "inspect", at.to_vec()),
        ("cardctl", "issue", [at.as_slice(), &["--profile", &no]].concat()),
        ("cardctl", "shell", at.to_vec()),
        ("cardctl", "batch", vec!["--profile", &no, "--count", "1", "--out", &out]),
        ("sim-reader", "info", vec!["--image", &no]),
        ("sim-reader", "control", vec!["--at", &no, "--wait", "0", "status"]),
    ];
    for (program, command, arguments) in failing {
        let arguments = [[command, "--json"].as_slice(), &arguments].concat();
        let ended = Running::start(&build(program)?, &arguments)?.end(PATIENCE)?;
        assert_eq!((ended.code, ended.results.len()), (Some(1), 1), "{arguments:?}: {ended:?}");
        assert!(error(&ended).is_some_and(|words| ended.errors.contains(words)), "{arguments:?}: {ended:?}");
    }
    Ok(())
}
