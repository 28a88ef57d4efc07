//! A card leaves at every command of a sale, before the command or before its answer: money has moved or not, the day
//! book says which, the next try works, and the card is told what it missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use host_terminal::Error;
use host_terminal::card::{Card, Pin};
use host_terminal::hop::Upstream;
use host_terminal::observe::Tap;
use host_terminal::purse::Purse;
use host_terminal::reader::{Pending, Reader, ReaderError, TcpReader};
use host_terminal::receipt::Conclusion;
use host_terminal::till::Book;
use host_terminal::till::advice::{Money, of_sale};
use host_terminal::till::book::How;
use host_terminal::till::recall::Recall;
use host_terminal::till::sale::{EarlierPayment, Sold, Till};
use protocol::amount::Amount;
use protocol::types::Currency;
use symbolon_tests::group::{PATIENCE, PIN};

use crate::shop::{PRICE, Shop};

/// Commands that are never reached: the card stays.
const NEVER: usize = usize::MAX;

/// Where a card leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaves {
    /// After so many commands.
    after: usize,
    /// Whether it gets this command, and only its answer is lost.
    hears: bool,
}

const STAYS: Leaves = Leaves { after: NEVER, hears: false };

/// A reader whose card leaves.
struct Fragile {
    reader: Option<TcpReader>,
    leaves: Leaves,
    commands: Arc<AtomicUsize>,
}

impl Reader for Fragile {
    fn atr(&self) -> &[u8] {
        &[]
    }

    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(async move {
            let reader = self.reader.as_mut().ok_or(ReaderError::Removed)?;
            if self.commands.fetch_add(1, Ordering::Relaxed) < self.leaves.after {
                return reader.transmit(command).await;
            }
            if self.leaves.hears {
                drop(reader.transmit(command).await);
            }
            // Its power is gone, and with it what it does not keep.
            self.reader = None;
            Err(ReaderError::Removed)
        })
    }

    fn reset(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(Err(ReaderError::Removed)))
    }
}

/// A till in this process, at a real provider, with real cards.
struct Desk<'a> {
    shop: &'a Shop,
    till: Till,
}

impl<'a> Desk<'a> {
    fn new(shop: &'a Shop) -> Self {
        let book = Book::open(shop.town.path("book").as_ref()).unwrap();
        Self { shop, till: Till::new(book, Upstream::new(&shop.town.address, 4, Tap::silent())) }
    }

    /// A person's card, its PIN compared, unless it leaves before; and how many commands it got.
    async fn purse(&self, name: &str, leaves: Leaves) -> (Result<Purse, Error>, Arc<AtomicUsize>) {
        let commands = Arc::new(AtomicUsize::new(0));
        let place = self.shop.town.card(name).unwrap();
        let reader = connect(place.strip_prefix("tcp://").unwrap()).await;
        let reader = Fragile { reader: Some(reader), leaves, commands: Arc::clone(&commands) };
        let here = self.till.descriptor().await.unwrap().provider;
        let pin = Pin::new(PIN.as_bytes().to_vec().into()).unwrap();
        let card = Card::new(Box::new(reader), Tap::silent());
        (Purse::open(card, &pin, |account| account.provider == here, Error::NoAccount(here)).await, commands)
    }

    async fn sell(&mut self, shop: &mut Purse, customer: &mut Purse) -> Sold {
        let descriptor = self.till.descriptor().await.unwrap();
        let price = Amount { minor: PRICE.unsigned_abs(), currency: Currency(*b"EUR") };
        self.till.sell(shop, customer, &descriptor, price, &Recall::default(), &mut |_| {}).await
    }

    async fn earlier(&self, customer: &mut Purse) -> Result<Vec<EarlierPayment>, Error> {
        let descriptor = self.till.descriptor().await.unwrap();
        self.till.earlier_payments(customer, &descriptor).await
    }

    fn posted(&self) -> usize {
        let ended = self.till.book.entries().iter().filter_map(|entry| entry.end());
        ended.filter(|end| end.how == How::Posted).count()
    }

    /// Book and provider agree, and nothing is open.
    fn agree(&self) {
        assert_eq!(self.till.book.open_entries().count(), 0);
        assert_eq!(self.shop.taken(), PRICE * i64::try_from(self.posted()).unwrap());
    }
}

/// A reader lets go of a card a moment after its user has.
async fn connect(address: &str) -> TcpReader {
    for _ in 0..500 {
        match TcpReader::connect(address).await {
            Err(ReaderError::Busy) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            other => return other.unwrap(),
        }
    }
    panic!("the reader stays busy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_s_card_that_leaves_at_any_command_is_settled_or_untouched_and_learns_the_end() {
    let shop = Shop::new();
    let mut desk = Desk::new(&shop);
    let mut merchant = desk.purse("shop", STAYS).await.0.unwrap();
    let (mut moved, mut untouched, mut called_off) = (0, 0, 0);
    for hears in [false, true] {
        for after in 0.. {
            let (customer, commands) = desk.purse("ada", Leaves { after, hears }).await;
            let Ok(mut customer) = customer else { continue };
            let sold = match desk.earlier(&mut customer).await {
                Ok(_) => desk.sell(&mut merchant, &mut customer).await,
                Err(error) => Sold { entry: None, error: Some(error) },
            };
            if commands.load(Ordering::Relaxed) <= after {
                assert!(sold.error.is_none() && after > 8, "{sold:?}");
                break;
            }
            let how = sold.entry.as_ref().and_then(|entry| entry.end()).map(|end| end.how);
            let advice = of_sale(&sold).unwrap();
            assert_eq!(advice.what, "The card was removed too early.", "{after}: {sold:?}");
            match how {
                Some(How::Posted) => moved += 1,
                Some(How::Released) => called_off += 1,
                Some(How::NotDone) | None => untouched += 1,
                Some(How::Declined) => panic!("{sold:?}"),
            }
            drop(customer);
            desk.agree();

            let mut customer = desk.purse("ada", STAYS).await.0.unwrap();
            let told = desk.earlier(&mut customer).await.unwrap();
            let told: Vec<bool> = told.iter().map(|told| matches!(told.conclusion, Ok(Conclusion::Posted))).collect();
            assert!(told.len() <= 1, "{after}: {told:?}");
            // Where only the last answer was lost, the card knows.
            assert_eq!(told.contains(&true), how == Some(How::Posted) && !hears, "{after}: {told:?}");
            let sold = desk.sell(&mut merchant, &mut customer).await;
            assert_eq!(Money::of(sold.entry.as_ref()), Money::Moved, "the next try: {sold:?}");
            assert!(sold.error.is_none(), "{sold:?}");
        }
    }
    desk.agree();
    assert!(moved > 0 && untouched > 0 && called_off > 0, "{moved} moved, {untouched} not, {called_off} called off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_s_card_that_leaves_at_any_command_is_settled_when_it_is_back() {
    let shop = Shop::new();
    let mut desk = Desk::new(&shop);
    let mut settled = 0;
    for hears in [false, true] {
        for after in 0.. {
            let (merchant, commands) = desk.purse("shop", Leaves { after, hears }).await;
            let Ok(mut merchant) = merchant else { continue };
            let mut customer = desk.purse("ada", STAYS).await.0.unwrap();
            desk.earlier(&mut customer).await.unwrap();
            let sold = desk.sell(&mut merchant, &mut customer).await;
            if commands.load(Ordering::Relaxed) <= after {
                assert!(sold.error.is_none() && after > 8, "{sold:?}");
                break;
            }
            assert!(matches!(sold.error, Some(Error::Card(_))), "{after}: {sold:?}");
            drop(merchant);
            let mut merchant = desk.purse("shop", STAYS).await.0.unwrap();
            settled += desk.till.settle(&mut merchant).await.unwrap();
            desk.agree();
        }
    }
    assert!(settled > 2, "{settled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_for_a_customer_who_left_is_called_off_by_a_command() {
    let shop = Shop::new();
    let desk = Desk::new(&shop);
    let price = Amount { minor: PRICE.unsigned_abs(), currency: Currency(*b"EUR") };
    let mut held = None;
    for after in 0.. {
        let Ok(mut customer) = desk.purse("ada", Leaves { after, hears: false }).await.0 else { continue };
        let reader = connect(shop.town.card("shop").unwrap().strip_prefix("tcp://").unwrap()).await;
        let pin = Pin::new(PIN.as_bytes().to_vec().into()).unwrap();
        let provider = Upstream::new(&shop.town.address, 4, Tap::silent());
        let seller = host_terminal::sell::Shop::open(Card::new(Box::new(reader), Tap::silent()), &pin, provider, price);
        let Err(failure) = seller.await.unwrap().serve_here(&mut customer).await else { break };
        if failure.requested {
            held = failure.transaction;
            break;
        }
    }
    let held = held.expect("a customer who leaves when it is approved").to_string();
    let (card, pin) = (shop.town.card("shop").unwrap(), shop.town.path("pin"));
    let cancel = ["cancel", "--json", "--card", &card, "--pin-file", &pin, "--provider", &shop.town.address];
    let called = shop.town.terminal(&[&cancel[..], &["--transaction", &held]].concat()).unwrap().end(PATIENCE).unwrap();
    let result = called.success().unwrap();
    assert_eq!((&result["result"], &result["transaction"]), (&"released".into(), &held.into()));
    let ledger = shop.town.administer(&["ledger"]).unwrap();
    assert!(ledger["accounts"].as_array().unwrap().iter().all(|account| account["held"] == 0), "{ledger}");
    assert_eq!(shop.taken(), 0);
}
