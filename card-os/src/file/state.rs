//! The life cycle of files (ISO/IEC 7816-4, 7.4.10; ISO/IEC 7816-9, 9.3).
//!
//! ```text
//! creation, initialisation -- ACTIVATE --> activated <-- ACTIVATE, DEACTIVATE --> deactivated
//! any of them -- TERMINATE --> terminated
//! ```

use apdu_spec::{Fcp, FileState, Operation};
use embedded_storage::nor_flash::NorFlash;

use super::{File, creation, write_header};
use crate::access::Granted;
use crate::limits::FILES_MAX;
use crate::objects::FileNumber;
use crate::refusal::Refusal;
use crate::store::Store;

impl Granted<File> {
    /// Takes the file to `state`, which may be where it is.
    pub(crate) fn enter<F: NorFlash>(&self, store: &mut Store<F>, state: FileState) -> Result<(), Refusal> {
        use FileState::{Activated, Creation, Deactivated, Initialization, Terminated};
        let parameters = self.subject().parameters()?;
        match (parameters.state, state) {
            (Creation | Initialization | Deactivated | Activated, Activated)
            | (Activated | Deactivated, Deactivated)
            | (_, Terminated)
                if self.subject().number != FileNumber::MASTER_FILE =>
            {
                self.replace_parameters(store, &Fcp { state, ..parameters })
            }
            _ => Err(Refusal::OutOfOrder),
        }
    }

    /// Gives the file other control parameters.
    pub(crate) fn replace_parameters<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        parameters: &Fcp<'_>,
    ) -> Result<(), Refusal> {
        write_header(store, self.subject().number, self.subject().parent, parameters)
    }
}

/// Whether neither the file nor a directory above it is out of use.
pub(crate) fn is_in_use<F: NorFlash>(store: &mut Store<F>, file: &File) -> Result<bool, Refusal> {
    let mut file = *file;
    for _ in 0..=FILES_MAX {
        match file.parameters()?.state {
            FileState::Deactivated | FileState::Terminated => return Ok(false),
            FileState::Creation | FileState::Initialization | FileState::Activated => {}
        }
        // The master file is always in use.
        if file.parent == FileNumber::MASTER_FILE {
            return Ok(true);
        }
        file = File::load(store, file.parent)?;
    }
    Err(IN_EACH_OTHER)
}

/// The file and the operation on it whose condition decides: until a file is activated, whoever may create it may do
/// everything with it.
pub(crate) fn in_force<F: NorFlash>(
    store: &mut Store<F>,
    file: &File,
    operation: Operation,
) -> Result<(File, Operation), Refusal> {
    let (mut file, mut operation) = (*file, operation);
    for _ in 0..=FILES_MAX {
        let Fcp { state, descriptor, .. } = file.parameters()?;
        if !matches!(state, FileState::Creation | FileState::Initialization) {
            return Ok((file, operation));
        }
        operation = creation(descriptor);
        file = File::load(store, file.parent)?;
    }
    Err(IN_EACH_OTHER)
}

/// Directories that lie in each other, which the card never makes: the flash is not as the card left it.
const IN_EACH_OTHER: Refusal = Refusal::Fault;
