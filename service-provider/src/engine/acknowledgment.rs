//! Acknowledgment: all accept and the money moves, or it does not.

use protocol::message::Kind;
use protocol::message::acknowledgment::Decision;
use protocol::provider::acknowledgment::{Acknowledged, Told, answer, verify};
use protocol::types::{Ending, Number};
use rand_core::CryptoRngCore;

use super::{Begun, Engine, Heard, Later, Refusal, Words};
use crate::Backend;
use crate::store::Store;
use crate::store::transaction::{Request, Settlement};
use crate::time::Timestamp;

impl<S: Store> Engine<S> {
    pub(super) async fn acknowledgment(
        &self,
        message: &[u8],
        now: Timestamp,
        random: &mut (impl CryptoRngCore + Send),
    ) -> Result<Vec<u8>, Refusal> {
        let later = Later::parse(message)?;
        let request = Request::Acknowledgment(later.transaction, later.digest);
        let group = match self.begin(&request, later.transaction).await? {
            Begun::Answered(kept) => return Ok(kept),
            Begun::Awaited(group) => group,
        };
        let acknowledged = verify::<Backend>(&group, &later.requests)?;
        let settlement = Settlement {
            transaction: later.transaction,
            request: later.digest,
            accepted: acknowledged.iter().all(|one| one.decision == Decision::Accept),
            now,
        };
        let ending = self.store.settle(settlement).await?;
        let words: Vec<Words> = (0..).zip(&acknowledged).map(|one| self.words_at_the_end(one, &later)).collect();
        let told: Vec<Told<'_>> = words.iter().map(|words| tell(ending, words)).collect();
        let answer = answer(self.keys_of(&group.key)?, &group, &later.requests, &told, random)?;
        Ok(self.store.keep(request, answer).await?)
    }

    /// What a member is told beside the ending.
    fn words_at_the_end(&self, (number, said): (Number, &Acknowledged), later: &Later<'_>) -> Words {
        let Acknowledged { plain_text, data, sensitive, .. } = said;
        let (kind, transaction) = (Kind::Acknowledgment, later.transaction);
        self.operator.answer(&Heard { kind, transaction, number, plain_text, data, sensitive })
    }
}

fn tell(ending: Ending, words: &Words) -> Told<'_> {
    Told { ending, receipt: receipt(ending), plain_text: words.plain_text() }
}

const fn receipt(ending: Ending) -> &'static str {
    match ending {
        // The response has said what there is to say.
        Ending::Posted => "",
        Ending::Released => "Not posted. Nothing was moved.",
    }
}
