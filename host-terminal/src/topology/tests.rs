//! Topologies that hold together, and each way not to.

use super::*;

/// A topology of members and routers, each with the name of its next hop; all listen.
fn text(members: &[(&str, &str)], routers: &[(&str, &str)]) -> String {
    let mut text = String::from(HEAD);
    let routers = routers.iter().map(|router| (router, "router", ""));
    let members = members.iter().map(|member| (member, "member", "card = \"tcp://127.0.0.1:1\"\nrole = 4\n"));
    for (port, ((name, next), what, more)) in (2000..).zip(routers.chain(members)) {
        text += &format!("[[{what}]]\nname = \"{name}\"\nlisten = \"127.0.0.1:{port}\"\nnext = \"{next}\"\n{more}");
    }
    text
}

const HEAD: &str = "provider = \"127.0.0.1:1000\"\n\
    [transaction]\nkind = \"purchase\"\namount = \"12.50\"\ncurrency = \"EUR\"\n";

const ONE: &str = "[[member]]\nname = \"ada\"\nnext = \"provider\"\ncard = \"tcp://127.0.0.1:1\"\nrole = \"payer\"\n";

fn parse(text: &str) -> Result<Topology, Mistake> {
    Topology::parse(text, Path::new("/folder"))
}

fn mistake(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// What is said of a topology of one member with this line more, or in the place of its line with the same key.
fn mistake_in(line: &str) -> String {
    let base = format!("{HEAD}{ONE}");
    let key = |line: &str| line.split(" = ").next().map(str::to_owned);
    let old = base.lines().find(|old| key(old) == key(line));
    mistake(&match (old, key(line).as_deref()) {
        (Some(old), _) => base.replacen(old, line, 1),
        (None, Some("patience")) => format!("{line}\n{base}"),
        (None, Some("times" | "at_once" | "reference")) => {
            base.replacen("[transaction]", &format!("[transaction]\n{line}"), 1)
        }
        (None, _) => format!("{base}{line}\n"),
    })
}

#[test]
fn members_are_numbered_in_pre_order_past_all_routers() {
    let members = [("d", "b"), ("c", "r1"), ("b", "r3"), ("a", "r2"), ("e", "c"), ("f", "r1")];
    let routers = [("r1", "r3"), ("r2", "provider"), ("r3", "a")];
    let topology = parse(&text(&members, &routers)).unwrap();
    let seen: Vec<_> = topology
        .members
        .iter()
        .map(|member| (member.name.as_str(), member.number, member.parent, topology.names_below(member).join(" ")))
        .collect();
    let expected = [
        ("a", 0, None, "c b f"),
        ("c", 1, Some(0), "e"),
        ("e", 2, Some(1), ""),
        ("b", 3, Some(0), "d"),
        ("d", 4, Some(3), ""),
        ("f", 5, Some(0), ""),
    ];
    assert_eq!(seen, expected.map(|(name, number, parent, below)| (name, number, parent, below.to_owned())));
    let next = |name: &str| match topology.participant(name).unwrap() {
        Participant::Member(member) => member.next.clone(),
        Participant::Router(router) => router.next.clone(),
    };
    assert_eq!(next("r2"), Next { name: "provider".into(), address: "127.0.0.1:1000".into() });
    assert_eq!(next("b"), Next { name: "r3".into(), address: "127.0.0.1:2002".into() });
    assert!(topology.participant("g").is_none());
}

#[test]
fn everything_that_a_member_says_is_read() {
    let more = "pin_file = \"ada.pin\"\naccount = \"First Bank\"\ncards = [\"tcp://127.0.0.1:2\"]\n\
        options = [\"hidden key\", \"answer inside\", \"transaction inside\", \"shared key\", \"peer keys\", \
        \"reveal to peers\"]\nfresh_key = \"endorsed\"\nprove_account = true\ndecision = \"reject\"\n\
        counterparties = [\"bob\"]\nplain_text = { transaction = \"a text\" }\n\
        sensitive = { key_exchange = { hex = \"00ff\" }, acknowledgment = \"x\" }\ndata = \"d\"\nlisten = \"h:1\"\n\
        [[member]]\nname = \"bob\"\nnext = \"ada\"\ncard = \"tcp://c:3\"\nrole = 7\n";
    let head =
        HEAD.replace("\"purchase\"", "9\nreference = \"000102030405060708090a0b0c0d0e0f\"\ntimes = 3\nat_once = 2");
    let topology = parse(&format!("patience = 5\n{head}{ONE}{more}")).unwrap();
    let [ada, bob] = topology.members.as_slice() else { panic!() };
    assert_eq!((topology.patience.as_secs(), topology.transaction.kind), (5, TransactionKind(9)));
    assert_eq!((topology.transaction.times, topology.transaction.at_once), (3, 2));
    assert_eq!(topology.transaction.reference.unwrap().0[15], 15);
    assert_eq!(topology.transaction.amount.to_string(), "12.50 EUR");
    let cards: Vec<String> = ada.cards.iter().map(ToString::to_string).collect();
    assert_eq!(cards, ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]);
    assert_eq!(ada.pin_file.as_deref(), Some(Path::new("/folder/ada.pin")));
    assert_eq!(ada.account.as_deref(), Some("First Bank"));
    let script = &ada.script;
    assert_eq!((script.options.bits(), script.fresh_key, script.prove_account), (0x3f, FreshKey::Endorsed, true));
    assert_eq!((script.role, &script.counterparties[..], script.decision), (Role::PAYER, &[1][..], Decision::Reject));
    assert_eq!((&script.plain_text.transaction[..], &script.plain_text.key_exchange[..]), (&b"a text"[..], &b""[..]));
    assert_eq!((&script.sensitive.key_exchange[..], &script.sensitive.acknowledgment[..]), (&[0, 255][..], &b"x"[..]));
    assert_eq!((&script.data[..], bob.script.role), (&b"d"[..], Role(7)));
}

#[test]
fn ways_that_lead_nowhere_are_refused() {
    for (members, routers, said) in [
        (&[("a", "x")][..], &[][..], "a: next = \"x\" is neither a member nor a router nor \"provider\""),
        (&[("a", "provider")], &[("r", "x")], "r: next = \"x\" is neither"),
        (&[("a", "b"), ("b", "a")], &[], "the way up from a leads round in a circle and never to the provider"),
        (&[("c", "provider"), ("a", "b"), ("b", "a")], &[], "the way up from a leads round in a circle"),
        (&[("a", "a")], &[], "the way up from a leads round in a circle"),
        (&[("a", "r")], &[("r", "s"), ("s", "r")], "the way up from a leads round in a circle"),
        (&[("a", "provider")], &[("r", "r")], "the way up from r leads round in a circle"),
        (&[("a", "provider"), ("b", "r")], &[("r", "provider")], "a and b both lead to the provider"),
        (&[], &[("r", "provider")], "there is no member"),
        (&[("a", "provider"), ("a", "provider")], &[], "the name a is taken"),
        (&[("a", "provider")], &[("a", "provider")], "the name a is taken"),
        (&[("provider", "provider")], &[], "the name provider is taken"),
        (&[("a/b", "provider")], &[], "\"a/b\" is no name: it takes 1 to 32 letters"),
        (&[("", "provider")], &[], "\"\" is no name"),
    ] {
        let found = mistake(&text(members, routers));
        assert!(found.starts_with(said), "{found}");
    }
    let silent = text(&[("a", "provider"), ("b", "a")], &[]).replace("listen = \"127.0.0.1:2000\"\n", "");
    assert_eq!(mistake(&silent), "b leads to a, which does not listen: give a listen = \"HOST:PORT\"");
    let taken = text(&[("a", "provider"), ("b", "a")], &[]).replace("2001", "2000");
    assert_eq!(mistake(&taken), "a and b listen at 127.0.0.1:2000: give each an address of its own");
}

#[test]
fn limits_hold_and_are_said() {
    let names: Vec<String> = (0..300).map(|number| format!("m{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let series = |count: usize| -> Vec<(&str, &str)> {
        let next = ["provider"].iter().chain(&names);
        names.iter().copied().zip(next.copied()).take(count).collect()
    };
    // Sixteen below each, level by level.
    let bush = |count: usize| -> Vec<(&str, &str)> {
        (0..count).map(|at| (names[at], if at == 0 { "provider" } else { names[(at - 1) / 16] })).collect()
    };
    let fan = |count: usize| -> Vec<(&str, &str)> {
        (0..=count).map(|at| (names[at], if at == 0 { "provider" } else { names[0] })).collect()
    };
    assert_eq!(parse(&text(&series(33), &[])).unwrap().members.len(), 33);
    assert_eq!(
        mistake(&text(&series(34), &[])),
        "m33: 33 members on the way to the provider, and there may be 32 at most"
    );
    assert_eq!(parse(&text(&fan(16), &[])).unwrap().members[0].children.len(), 16);
    assert_eq!(mistake(&text(&fan(17), &[])), "m0: 17 members directly below, and there may be 16 at most");
    assert_eq!(parse(&text(&bush(256), &[])).unwrap().members.len(), 256);
    assert_eq!(mistake(&text(&bush(257), &[])), "the topology: 257 members, and there may be 256 at most");
    let routers: Vec<(&str, &str)> = series(257);
    assert_eq!(
        mistake(&text(&[("a", "provider")], &routers)),
        "the topology: 257 routers, and there may be 256 at most"
    );
    assert!(mistake_in(&format!("plain_text = {{ transaction = \"{}\" }}", "x".repeat(257))).contains("256 at most"));
    assert!(mistake_in(&format!("sensitive = {{ key_exchange = \"{}\" }}", "x".repeat(257))).contains("256 at most"));
    assert!(mistake_in(&format!("data = \"{}\"", "x".repeat(257))).contains("257 bytes of data for one field"));
    assert!(mistake_in(&format!("cards = [{}]", "\"tcp://h:1\",".repeat(64))).starts_with("ada: 65 cards"));
    assert!(mistake_in(&format!("counterparties = [{}]", "\"ada\",".repeat(17))).starts_with("ada: 17 counterparties"));
}

#[test]
fn values_that_mean_nothing_are_said_with_what_they_take() {
    for (line, said) in [
        (
            "role = \"thief\"",
            "ada: role = \"thief\" is none of payer, payee, inquirer, witness, holder, verifier, and no number",
        ),
        ("kind = \"gift\"", "[transaction]: kind = \"gift\" is none of purchase, refund, cancellation"),
        ("amount = \"12.505\"", "[transaction]: amount = \"12.505\" is no amount in the currency"),
        ("currency = \"euro\"", "[transaction]: currency = \"euro\" is not three capital letters"),
        ("reference = \"00\"", "[transaction]: reference = \"00\" is not 32 hexadecimal digits"),
        ("times = 0", "[transaction]: times = \"0\" is not from 1 to 100000"),
        ("at_once = 9", "[transaction]: at_once = \"9\" is not from 1 to 8"),
        ("patience = 26", "the topology: patience = \"26\" is not from 1 to 25"),
        ("options = [\"hidden\"]", "ada: options = \"hidden\" is none of hidden key, answer inside"),
        ("counterparties = [\"bob\"]", "ada: counterparties = \"bob\" is the name of no member"),
        ("card = \"/dev/card\"", "ada: card = \"/dev/card\" is not tcp://HOST:PORT"),
        ("sensitive = { transaction = { hex = \"0\" } }", "ada: sensitive = \"0\" is not hexadecimal digits"),
        ("listen = \"7000\"", "ada: listen = \"7000\" is not HOST:PORT"),
        ("listen = \"127.0.0.1:0\"", "ada: listen = \"127.0.0.1:0\" is not HOST:PORT with a port from 1 to 65535"),
        ("provider = \"bank\"", "the topology: provider = \"bank\" is not HOST:PORT"),
        ("fresh_key = \"yes\"", "line 11: unknown variant `yes`, expected one of `no`, `unendorsed`, `endorsed`"),
        ("decision = \"perhaps\"", "line 11: unknown variant `perhaps`, expected `accept` or `reject`"),
        ("colour = \"red\"", "line 11: unknown field `colour`"),
        ("data = 1", "line 11: a text, or { hex = \"...\" }"),
        ("role = 256", "line 10: a name or a number from 0 to 255"),
    ] {
        let found = mistake_in(line);
        assert!(found.contains(said) || found.starts_with(said), "{line}: {found}");
    }
    assert_eq!(
        mistake(&format!("{HEAD}{}", ONE.replace("card = \"tcp://127.0.0.1:1\"\n", ""))),
        "ada: card = \"\" is missing: it takes tcp://HOST:PORT, pcsc:NAME or image:FILE"
    );
    assert!(mistake("provider = ").starts_with("line 1: "));
    assert!(matches!(Topology::read(Path::new("/nowhere/at/all")), Err(Mistake::Unreadable(_))));
}
