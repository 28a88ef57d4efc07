//! The card's life cycle state in the store.

use apdu_spec::LifeCycle;
use embedded_storage::nor_flash::NorFlash;

use crate::objects;
use crate::refusal::Refusal;
use crate::store::Store;

/// The state now.
pub(crate) fn get<F: NorFlash>(store: &mut Store<F>) -> Result<LifeCycle, Refusal> {
    let mut byte = [0];
    store.read(objects::LIFE_CYCLE, 0, &mut byte)?;
    LifeCycle::parse(byte[0]).map_err(|_| Refusal::Fault)
}

/// Takes the card to `state`. Whether that may be is the caller's question.
pub(crate) fn set<F: NorFlash>(store: &mut Store<F>, state: LifeCycle) -> Result<(), Refusal> {
    Ok(store.write(objects::LIFE_CYCLE, &[state.to_byte()])?)
}
