//! Statements: the answer to the question that holder and verifier ask together.

use protocol::provider::Group;
use protocol::statement::Statement;
use protocol::types::{Party, Role, TransactionId, TransactionKind};

use super::agreement::{Members, Participant};
use super::{Engine, Refusal};
use crate::store::Store;
use crate::time::Timestamp;

impl<S: Store> Engine<S> {
    /// The statement that these members, who agree, are told; nothing where they want something else.
    ///
    /// What the provider does not know is not so. Whether it knows nothing, something else, or has blocked the
    /// account, the answer is the same.
    pub(super) async fn statement(
        &self,
        participants: &[Participant],
        group: &Group,
        transaction: TransactionId,
        now: Timestamp,
    ) -> Result<Option<String>, Refusal> {
        let members = Members(participants);
        let is_asked = participants.iter().all(|participant| participant.terms.kind == TransactionKind::STATEMENT);
        let (Ok(question), Ok(holder), Ok(verifier), true) =
            (members.question(), members.one(Role::HOLDER), members.one(Role::VERIFIER), is_asked)
        else {
            return Ok(None);
        };
        let name = group.names.iter().find(|(number, _)| *number == verifier.number);
        let attributes = self.store.attributes(holder.account.id).await?;
        let statement = Statement {
            question,
            answer: !holder.account.blocked && attributes.iter().any(|it| it.answers(&question, now)),
            moment: now.moment(),
            transaction,
            verifier: Party { number: verifier.number, name: name.map_or("", |(_, name)| name) },
        };
        Ok(Some(statement.to_string()))
    }
}
