//! The program: what it prints, how it ends, and what it keeps to itself.

use std::process::{ExitStatus, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::World;
use crate::support::provider::Fault;
use protocol::message::Kind;

/// The program's files, and the provider and cards that it is used with.
pub(crate) struct Desk {
    world: World,
    folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pin"), "1234\n").unwrap();
        Self { world: World::new().await, folder }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn command(&self, verb: &str, card: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host-terminal"));
        command.args([verb, "--card", &format!("tcp://{card}"), "--pin-file", &self.path("pin")]).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// A shop that asks for 12.50 and takes part in one sale, and where it listens.
    pub(crate) async fn sell(&self, more: &[&str]) -> (Child, String) {
        let arguments = ["--provider", &self.world.address, "--amount", "12.50", "--currency", "EUR"];
        let mut shop = self.command("sell", &self.world.baker, &[&arguments, more].concat()).spawn().unwrap();
        let mut lines = BufReader::new(shop.stdout.as_mut().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        // The sale's result comes later, so that the reader holds nothing else now.
        let address = line.rsplit([' ', '"']).find(|part| part.contains("127.0.0.1:")).unwrap().to_owned();
        (shop, address)
    }

    pub(crate) async fn pay(&self, shop: &str, more: &[&str]) -> (ExitStatus, String, String) {
        run(self.command("pay", &self.world.ada, &[&["--to", shop], more].concat())).await
    }

    pub(crate) async fn replay(&self, card: &str, more: &[&str]) -> (ExitStatus, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host-terminal"));
        command.args(["replay", "--card", &format!("tcp://{card}")]).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        run(command).await
    }

    async fn status(&self, more: &[&str]) -> (ExitStatus, String, String) {
        run(self.command("status", &self.world.ada, &[&["--provider", &self.world.address], more].concat())).await
    }
}

async fn run(mut command: Command) -> (ExitStatus, String, String) {
    ended(command.spawn().unwrap()).await
}

pub(crate) async fn ended(child: Child) -> (ExitStatus, String, String) {
    let output = child.wait_with_output().await.unwrap();
    (output.status, String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_sale_and_a_payment_print_one_result_each_and_their_events() {
    let desk = Desk::new().await;
    let (shop, address) = desk.sell(&["--json", "--events", &desk.path("shop")]).await;
    let (status, paid, errors) =
        desk.pay(&address, &["--json", "--limit", "20", "--events", &desk.path("customer")]).await;
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
    let (status, received, _) = ended(shop).await;
    assert_eq!(status.code(), Some(0));
    let (paid, received) = (json(&paid), json(&received));
    assert_eq!(paid, received);
    assert_eq!((&paid["result"], &paid["amount"], &paid["currency"]), (&"posted".into(), &1250.into(), &"EUR".into()));
    assert_eq!(paid["parties"][0]["name"], "Bäckerei Brot");

    for (file, hops) in [("customer", 1), ("shop", 2)] {
        let events = std::fs::read_to_string(desk.path(file)).unwrap();
        let events: Vec<Value> = events.lines().map(json).collect();
        let whats = events.iter().filter(|event| event["what"] == "transaction request");
        assert_eq!(whats.count(), hops, "{file}");
        assert!(events.is_sorted_by_key(|event| event["at_micros"].as_u64().unwrap()));
        let answers =
            events.iter().filter(|event| event["what"] == "transaction response" && !event["micros"].is_null());
        assert_eq!(answers.count(), hops, "{file}");
        assert!(!events.iter().any(|event| event["bytes"].as_str().unwrap().contains("31323334")), "the PIN");
    }
}

#[tokio::test]
async fn people_read_words() {
    let desk = Desk::new().await;
    let (shop, address) = desk.sell(&[]).await;
    let (status, paid, _) = desk.pay(&address, &["--limit", "20"]).await;
    assert_eq!(status.code(), Some(0));
    assert!(paid.starts_with("Paid 12.50 EUR (Bäckerei Brot)\ntransaction "), "{paid}");
    assert!(paid.ends_with("\nthank you\n") && !paid.contains('\x1b'), "{paid}");
    let (_, received, _) = ended(shop).await;
    assert!(received.starts_with("Received 12.50 EUR for Bäckerei Brot\n"), "{received}");
}

#[tokio::test]
async fn what_is_not_done_and_what_is_not_known_have_their_own_codes() {
    let desk = Desk::new().await;
    let (shop, address) = desk.sell(&["--json", "--times", "3"]).await;
    let (status, paid, _) = desk.pay(&address, &["--limit", "20", "--reject"]).await;
    assert_eq!(status.code(), Some(3));
    assert!(paid.starts_with("Called off: 12.50 EUR"), "{paid}");

    // Above the limit: nothing was asked for, the shop counts nobody.
    let (status, _, errors) = desk.pay(&address, &["--limit", "12.49"]).await;
    assert_eq!(status.code(), Some(1));
    assert_eq!(errors, "host-terminal: 12.50 EUR is more than the limit of 12.49 EUR\n");

    for _ in 0..4 {
        desk.world.provider.fail(Kind::Acknowledgment, Fault::GoAfter);
    }
    let (status, failed, _) = desk.pay(&address, &["--limit", "20", "--json"]).await;
    assert_eq!(status.code(), Some(4));
    let failed = json(&failed);
    assert_eq!((&failed["result"], &failed["end_unknown"]), (&"error".into(), &true.into()));
    let transaction = failed["transaction"].as_str().unwrap();
    let (status, known, _) = desk.status(&["--transaction", transaction]).await;
    assert_eq!(status.code(), Some(0));
    assert!(known.starts_with("Posted: 12.50 EUR"), "{known}");

    let (status, _, _) = desk.pay(&address, &["--limit", "20"]).await;
    assert_eq!(status.code(), Some(0));
    let (status, results, _) = ended(shop).await;
    assert_eq!(status.code(), Some(4));
    let results: Vec<Value> = results.lines().map(|line| json(line)["result"].clone()).collect();
    assert_eq!(results, ["released", "error", "posted"]);
}

#[tokio::test]
async fn nobody_pays_unasked_and_errors_say_what_to_do() {
    let desk = Desk::new().await;
    let (status, _, errors) = desk.pay("127.0.0.1:9", &[]).await;
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains("give --limit"), "{errors}");
    let (status, _, errors) = desk.pay("localhost", &["--limit", "20"]).await;
    assert_eq!(status.code(), Some(1));
    assert_eq!(errors, "host-terminal: --to localhost has no port: HOST:PORT\n");
    let (status, said, _) = desk.status(&[]).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(said, "Nothing is open: the card knows how each of its transactions ended.\n");
    std::fs::write(desk.path("pin"), "9999").unwrap();
    let (_, _, errors) = desk.status(&[]).await;
    assert_eq!(errors, "host-terminal: wrong PIN, 2 tries left\n");
    std::fs::write(desk.path("pin"), "1").unwrap();
    let (_, _, errors) = desk.status(&[]).await;
    assert_eq!(errors, "host-terminal: no card takes a PIN of this length\n");
}
