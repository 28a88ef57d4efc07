//! ARCHITECTURE.md's table of rooms, read from the document itself: what it says and what is checked are one.

use anyhow::{Context, Result, ensure};

/// A row of the table: a folder with one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The folder, without a closing slash: `tools/xtask`.
    pub folder: String,
    /// What it is.
    pub description: String,
    /// What its package may depend on.
    pub may_know: MayKnow,
    /// What its binary may use beyond that, but not its library.
    pub binary_may_know: Vec<String>,
}

/// Which of the project's packages a package may depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MayKnow {
    /// Every one.
    All,
    /// These.
    Only(Vec<String>),
}

impl Room {
    /// What other rows call it: `xtask`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or(&self.folder)
    }

    /// Whether the package may depend on the room called `name`.
    #[must_use]
    pub fn may_depend_on(&self, name: &str) -> bool {
        match &self.may_know {
            MayKnow::All => true,
            MayKnow::Only(names) => names.iter().chain(&self.binary_may_know).any(|known| known == name),
        }
    }

    /// Whether it is built for the card.
    #[must_use]
    pub fn is_no_std(&self) -> bool {
        self.description.contains("`no_std`")
    }

    fn parse(row: &str) -> Result<Self> {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let &[folder, description, may_know] = cells.as_slice() else {
            anyhow::bail!("a row of the table of rooms needs three columns: {row}");
        };
        let folder = quoted(folder).next().and_then(|folder| folder.strip_suffix('/'));
        let (package, binary) = may_know.split_once("; its binary:").unwrap_or((may_know, ""));
        Ok(Self {
            folder: folder.with_context(|| format!("a room is a folder: {row}"))?.to_owned(),
            description: description.to_owned(),
            may_know: MayKnow::parse(package.trim())?,
            binary_may_know: quoted(binary).map(str::to_owned).collect(),
        })
    }
}

impl MayKnow {
    fn parse(cell: &str) -> Result<Self> {
        match cell {
            "all" => Ok(Self::All),
            "nobody" => Ok(Self::Only(Vec::new())),
            names => {
                ensure!(names.starts_with('`'), "who may be known is \"all\", \"nobody\" or names: {names}");
                Ok(Self::Only(quoted(names).map(str::to_owned).collect()))
            }
        }
    }
}

/// The rows of the table under the heading "The rooms".
pub fn rooms(architecture: &str) -> Result<Vec<Room>> {
    let (_, section) = architecture.split_once("\n## The rooms\n").context("there is no section \"The rooms\"")?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(Room::parse).collect()
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# Title\n\n## The rooms\n\n| folder | what it is | may know |\n| --- | --- | --- |\n\
        | `a/` | `no_std`. First. | nobody |\n\
        | `tools/b/` | Second. | `a`; its binary: `c` |\n| `c/` | Third. | all |\n\
        \n## Next\n\n| not | a | room |\n";

    #[test]
    fn the_table_is_read_as_it_stands() {
        let rooms = rooms(TABLE).unwrap();
        let names: Vec<&str> = rooms.iter().map(Room::name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(rooms[0].is_no_std() && !rooms[1].is_no_std());
        assert!(!rooms[0].may_depend_on("b"));
        assert!(rooms[1].may_depend_on("a") && rooms[1].may_depend_on("c") && !rooms[1].may_depend_on("d"));
        assert_eq!(rooms[1].binary_may_know, ["c"]);
        assert_eq!(rooms[2].may_know, MayKnow::All);
    }

    #[test]
    fn a_row_that_says_something_else_is_an_error() {
        for row in ["| `a/` | two columns |", "| a | no folder | all |", "| `a/` | unclear | everybody |"] {
            assert!(rooms(&format!("\n## The rooms\n| - |\n| - |\n{row}\n")).is_err(), "{row}");
        }
    }
}
