//! Who takes part, and what they say.

use std::fs;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use symbolon_tests::group::{Person, Town, member, payee, payer, router, witness};

use super::{Records, Stage};

/// Who feeds whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// ada → r1 → shop → r0 → provider.
    Pair,
    /// ada → r3 → courier → r2 → r1 → broker → shop → r0 → provider.
    Series,
    /// (ada → r2, guest) → broker → r1; (courier → r3) → shop → r1; r1 → host → r0 → provider.
    Hierarchy,
}

/// What every purchase costs, in minor units: few other numbers are this one.
pub(crate) const AMOUNT: u64 = 83_625_419;

/// Ada's other name, whose digits are in her account's number.
const ADA: &str = "ada730194826517";

/// The records of a shape, made when they are first asked for.
pub(crate) fn record(shape: Shape) -> &'static Records {
    static PAIR: LazyLock<Records> = LazyLock::new(|| play(Shape::Pair));
    static SERIES: LazyLock<Records> = LazyLock::new(|| play(Shape::Series));
    static HIERARCHY: LazyLock<Records> = LazyLock::new(|| play(Shape::Hierarchy));
    match shape {
        Shape::Pair => &PAIR,
        Shape::Series => &SERIES,
        Shape::Hierarchy => &HIERARCHY,
    }
}

/// What the provider says to everybody on the way.
pub(crate) fn notice(round: &str) -> String {
    format!("The provider's words for everybody, {round}")
}

impl Shape {
    /// Its members, in the order of their numbers.
    pub(crate) const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Pair => &["shop", "ada"],
            Self::Series => &["shop", "broker", "courier", "ada"],
            Self::Hierarchy => &["host", "broker", "ada", "guest", "shop", "courier"],
        }
    }

    /// Its routers.
    pub(crate) const fn routers(self) -> &'static [&'static str] {
        match self {
            Self::Pair => &["r0", "r1"],
            Self::Series | Self::Hierarchy => &["r0", "r1", "r2", "r3"],
        }
    }

    /// Who takes part, each with its own lines.
    fn parts(self, lines: impl Fn(&str) -> String) -> Vec<String> {
        let member = |name: &str, next: &str| {
            let role = match name {
                "shop" => payee("ada"),
                "ada" => format!("{}card = \"$card.{ADA}\"\n", payer("shop")),
                _ => witness("ada", "shop"),
            };
            member(name, next, &(role + &lines(name)))
        };
        match self {
            Self::Pair => {
                vec![router("r0", "provider"), member("shop", "r0"), router("r1", "shop"), member("ada", "r1")]
            }
            Self::Series => vec![
                router("r0", "provider"),
                member("shop", "r0"),
                member("broker", "shop"),
                router("r1", "broker"),
                router("r2", "r1"),
                member("courier", "r2"),
                router("r3", "courier"),
                member("ada", "r3"),
            ],
            Self::Hierarchy => vec![
                router("r0", "provider"),
                member("host", "r0"),
                router("r1", "host"),
                member("broker", "r1"),
                router("r2", "broker"),
                member("ada", "r2"),
                member("guest", "broker"),
                member("shop", "r1"),
                router("r3", "shop"),
                member("courier", "r3"),
            ],
        }
    }

    /// The scenes, each with the lines that a member has in it.
    fn scenes(self) -> Vec<Scene> {
        let mut scenes = vec![
            Scene::new("plain", |_| says),
            Scene::new("shared", |_| |name| options(name, &["shared key"])),
            Scene::new("peers", |shape| if shape == Self::Pair { reveals } else { hides }),
            Scene::new("shared peers", |shape| if shape == Self::Pair { shares_and_reveals } else { shares_and_hides }),
        ];
        if self == Self::Pair {
            scenes.push(Scene::new("inside", |_| inside));
            scenes.push(Scene::new("fresh", |_| fresh).times(2));
            scenes.push(Scene::new("leak", |_| leaks));
        }
        scenes
    }
}

type Lines = fn(&str) -> String;

struct Scene {
    name: &'static str,
    lines: fn(Shape) -> Lines,
    times: u32,
}

impl Scene {
    fn new(name: &'static str, lines: fn(Shape) -> Lines) -> Self {
        Self { name, lines, times: 1 }
    }

    fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
}

/// What somebody says in a round, and to whom: few other texts are this one.
pub(crate) fn text(name: &str, to: &str, round: &str) -> String {
    format!("{name}'s words {to}, {round}")
}

/// A member that says something to everybody and to the provider in every round.
fn says(name: &str) -> String {
    let texts = |to: &str| {
        let texts = ROUNDS.map(|round| format!("{round} = \"{}\"", text(name, to, round)));
        texts.join(", ")
    };
    let (plain, sensitive) = (texts("for everybody"), texts("for the provider"));
    let data = text(name, "in its data", "acknowledgment");
    format!("plain_text = {{ {plain} }}\nsensitive = {{ {sensitive} }}\ndata = \"{data}\"\n")
}

/// The rounds, as topologies name them.
const ROUNDS: [&str; 3] = ["key_exchange", "transaction", "acknowledgment"];

fn options(name: &str, options: &[&str]) -> String {
    format!("{}options = {options:?}\n", says(name))
}

fn reveals(name: &str) -> String {
    if name == "ada" {
        options(name, &["peer keys", "hidden key", "reveal to peers"])
    } else {
        options(name, &["peer keys"])
    }
}

fn hides(name: &str) -> String {
    if name == "courier" { options(name, &["peer keys", "hidden key"]) } else { reveals(name) }
}

fn shares_and_reveals(name: &str) -> String {
    reveals(name).replace("\"peer keys\"", "\"shared key\", \"peer keys\"")
}

fn shares_and_hides(name: &str) -> String {
    hides(name).replace("\"peer keys\"", "\"shared key\", \"peer keys\"")
}

fn inside(name: &str) -> String {
    if name == "ada" {
        options(name, &["hidden key", "answer inside", "transaction inside"]) + "fresh_key = \"endorsed\"\n"
    } else {
        says(name)
    }
}

fn fresh(name: &str) -> String {
    says(name) + if name == "ada" { "fresh_key = \"endorsed\"\n" } else { "" }
}

/// Ada gives away what she should not: her account's number in plain, its digits in BCD, and all of it in hexadecimal.
fn leaks(name: &str) -> String {
    if name != "ada" {
        return says(name);
    }
    let number = ada_account();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let hexadecimal = hex::encode(&number);
    format!(
        "plain_text = {{ key_exchange = \"{number}\", transaction = {{ hex = \"{digits}\" }}, \
         acknowledgment = \"{hexadecimal}\" }}\n"
    )
}

/// The number of ada's account.
pub(crate) fn ada_account() -> String {
    Person::new(ADA).account()
}

fn play(shape: Shape) -> Records {
    match stage(shape) {
        Ok(stage) => {
            let play = |scene: Scene| {
                let amount = format!("{}.{:02}", AMOUNT / 100, AMOUNT % 100);
                let transaction = format!(
                    "provider = \"$provider\"\n[transaction]\nkind = \"purchase\"\namount = \"{amount}\"\n\
                     currency = \"EUR\"\ntimes = {}\n\n",
                    scene.times
                );
                let parts = [vec![transaction], shape.parts((scene.lines)(shape))].concat();
                (scene.name, stage.play(&parts).map_err(|error| format!("{error:?}")))
            };
            shape.scenes().into_iter().map(play).collect()
        }
        Err(error) => {
            let failed = |scene: Scene| (scene.name, Err(format!("{error:?}")));
            shape.scenes().into_iter().map(failed).collect()
        }
    }
}

/// The town of a shape.
fn stage(shape: Shape) -> Result<Stage> {
    let people = shape.members().iter().map(|name| match *name {
        "ada" => Person::new(ADA).with(&["--opening", "10000000.00"]),
        name => Person::new(name),
    });
    let people: Vec<Person> = people.collect();
    let mut town = Town::new(&people)?;
    fs::write(town.path("provider/notices.toml"), notices())?;
    town.kill_provider()?;
    town.open()?;
    Stage::new(town).context("the stage")
}

/// What the provider adds to its answers.
pub(super) fn notices() -> String {
    let plain = ["key_exchange", "transaction", "final_notice"].map(|round| format!("{round} = \"{}\"", notice(round)));
    let sealed = ["key_exchange", "transaction"].map(|round| format!("{round} = \"{}\"", for_cards(round)));
    format!("[plain_text]\n{}\n[sealed]\n{}\n", plain.join("\n"), sealed.join("\n"))
}

/// What the provider says to each card alone.
pub(crate) fn for_cards(round: &str) -> String {
    format!("The provider's words for each card alone, {round}")
}
