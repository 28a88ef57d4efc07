//! A card in its slot, driven by commands.

use apdu_spec::instruction::{
    GenerateKeyPair, GetJournal, Occurrence, Pair, PinReference, Select, SelectAnswer, Selector, SetStatus, StoreData,
    Verify, VerifyPart,
};
use apdu_spec::journal::{JournalEntry, Step as JournalStep};
use apdu_spec::limits::APDU_MAX;
use apdu_spec::pin::PinRecord;
use apdu_spec::provider::{Instrument, Policy, ProviderInfo, ProviderRecord, ProviderReference};
use apdu_spec::{Aid, Condition, LifeCycle, Wire, Writer};
use sim_reader::card::{CardError, Noise, SoftwareCard};
use sim_reader::flash::RamFlash;

use crate::bank::Bank;

pub(crate) const PIN: &[u8] = b"493817";
/// Few, so that the store comes round and erases.
pub(crate) const PAGES: usize = 6;
/// Status words that the tests name.
pub(crate) const OK: u16 = 0x9000;
pub(crate) const OUT_OF_ORDER: u16 = 0x6985;
pub(crate) const NOT_SATISFIED: u16 = 0x6982;
pub(crate) const WRONG_DATA: u16 = 0x6A80;

pub(crate) fn reference(number: u8) -> ProviderReference {
    ProviderReference::parse(number).unwrap()
}

pub(crate) fn pin() -> PinReference {
    PinReference::parse(1).unwrap()
}

/// A card in its slot, and everything that it ever answered.
pub(crate) struct TestCard {
    pub(crate) slot: SoftwareCard<RamFlash>,
    pub(crate) said: Vec<Vec<u8>>,
    /// The logical channel of the commands.
    pub(crate) channel: u8,
}

impl TestCard {
    pub(crate) fn new(seed: u64) -> Self {
        Self::in_slot(SoftwareCard::format(RamFlash::new(PAGES), Noise::seeded(seed)).unwrap())
    }

    /// The card that this flash holds.
    pub(crate) fn on(flash: RamFlash, seed: u64) -> Self {
        Self::in_slot(SoftwareCard::new(flash, Noise::seeded(seed)))
    }

    fn in_slot(mut slot: SoftwareCard<RamFlash>) -> Self {
        slot.power_on().unwrap();
        Self { slot, said: Vec::new(), channel: 0 }
    }

    pub(crate) fn transmit(&mut self, command: &[u8]) -> Result<(Vec<u8>, u16), CardError> {
        let mut command = command.to_vec();
        command[0] |= self.channel;
        let mut response = self.slot.transmit(&command)?;
        self.said.push(response.clone());
        let status = response.split_off(response.len() - 2);
        Ok((response, u16::from_be_bytes([status[0], status[1]])))
    }

    pub(crate) fn send<'a>(&mut self, command: &impl Wire<'a>) -> (Vec<u8>, u16) {
        self.transmit(&bytes(command)).unwrap()
    }

    #[track_caller]
    pub(crate) fn done<'a>(&mut self, command: &impl Wire<'a>) -> Vec<u8> {
        let (data, status) = self.send(command);
        assert_eq!(status, OK, "{status:04X}");
        data
    }

    #[track_caller]
    pub(crate) fn refused<'a>(&mut self, command: &impl Wire<'a>, status: u16) {
        let (data, answered) = self.send(command);
        assert_eq!((answered, data.len()), (status, 0), "{answered:04X} instead of {status:04X}");
    }

    /// Under PIN 1, with the given policy.
    pub(crate) fn personalise(
        &mut self,
        number: u8,
        bank: &Bank,
        account: &[u8],
        secret: &[u8; 16],
        policy: Option<Policy>,
    ) {
        let condition = if policy.is_some() { Condition::ALWAYS } else { Condition::pin(1).unwrap() };
        let record = ProviderRecord {
            info: ProviderInfo {
                reference: reference(number),
                provider: bank.id.as_bytes(),
                name: "Bank",
                instrument: Instrument::Debit,
                condition,
            },
            account,
            account_secret: secret,
            root_key: &bank.root.0,
            policy,
            condition_change: None,
        };
        self.done(&StoreData::Provider(record));
        self.done(&GenerateKeyPair { pair: Pair::Provider(reference(number)), generate: true });
    }

    pub(crate) fn secure(&mut self) {
        self.done(&StoreData::Pin(PinRecord::new(pin(), 3, PIN)));
        self.done(&SetStatus::Card(LifeCycle::Secured));
        self.select();
    }

    pub(crate) fn select(&mut self) {
        self.done(&application(Aid::TRANSACTION));
    }

    pub(crate) fn verify(&mut self) {
        self.done(&Verify { reference: pin(), part: VerifyPart::Compare(PIN) });
    }

    pub(crate) fn restart(&mut self) {
        self.slot.power_off();
        self.slot.power_on().unwrap();
        self.select();
    }

    /// The journal as it stands, for whoever knows the PIN, the newest first.
    pub(crate) fn journal(&mut self) -> Vec<JournalEntry> {
        let bytes = self.done(&GetJournal { count: 16 });
        bytes.chunks(JournalEntry::LENGTH).map(|entry| JournalEntry::parse(entry).unwrap()).collect()
    }

    pub(crate) fn steps(&mut self) -> Vec<JournalStep> {
        self.journal().into_iter().map(|entry| entry.step).collect()
    }
}

pub(crate) fn bytes<'a>(command: &impl Wire<'a>) -> Vec<u8> {
    let mut space = [0; APDU_MAX];
    let mut out = Writer::new(&mut space);
    command.encode(&mut out).unwrap();
    out.written().to_vec()
}

pub(crate) fn application(aid: Aid<'static>) -> Select<'static> {
    Select { selector: Selector::Name(aid.as_bytes(), Occurrence::First), answer: SelectAnswer::Nothing }
}
