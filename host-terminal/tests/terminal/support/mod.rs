//! Cards that are served, a provider that decides over TCP, and terminals between them.

pub(crate) mod cards;
pub(crate) mod provider;

use std::sync::{Arc, Mutex};

use apdu_spec::transaction::Decision;
use host_terminal::card::{Card, Pin};
use host_terminal::error::Failure;
use host_terminal::hop::{Listener, Upstream};
use host_terminal::observe::{Event, Observer, Tap};
use host_terminal::pay::{Told, pay};
use host_terminal::receipt::Receipt;
use host_terminal::sell::Shop;
use host_terminal::status::status;
use protocol::amount::Amount;
use protocol::types::Currency;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use self::cards::AccountData;
use self::provider::Provider;

pub(crate) const EUR: Currency = Currency(*b"EUR");
pub(crate) const PRICE: Amount = Amount { minor: 1250, currency: EUR };

pub(crate) fn pin(digits: &str) -> Pin {
    Pin::new(Zeroizing::new(digits.as_bytes().to_vec())).unwrap()
}

/// A provider with two account holders, and their cards.
pub(crate) struct World {
    pub(crate) provider: Arc<Provider>,
    pub(crate) address: String,
    pub(crate) baker: String,
    pub(crate) ada: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::from(0).await
    }

    pub(crate) async fn from(not_before: u64) -> Self {
        let (baker, ada) = (AccountData::new("Bäckerei Brot"), AccountData::new("Ada"));
        let provider = Arc::new(Provider::new(&[baker.clone(), ada.clone()], not_before));
        Self {
            address: provider.serve().await,
            baker: cards::serve(&baker, provider.id(), &provider.root).await,
            ada: cards::serve(&ada, provider.id(), &provider.root).await,
            provider,
        }
    }

    pub(crate) async fn baker(&self) -> Card {
        cards::reach(&self.baker, Tap::silent()).await
    }

    pub(crate) async fn ada(&self) -> Card {
        cards::reach(&self.ada, Tap::silent()).await
    }

    pub(crate) async fn ask_status(&self, card: Card) -> Result<Receipt, Failure> {
        status(card, &pin("1234"), &Upstream::new(&self.address, 3, Tap::silent()), None).await
    }
}

/// A shop with its own card, open for one customer; gives where it listens.
pub(crate) async fn open_shop(
    card: Card,
    provider: &str,
    price: Amount,
) -> (String, JoinHandle<Result<Option<Receipt>, Failure>>) {
    let provider = Upstream::new(provider, 3, Tap::silent());
    let mut shop = Shop::open(card, &pin("1234"), provider, price).await.unwrap();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.address().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let customer = listener.accept(Tap::silent()).await.unwrap();
        shop.serve(customer).await
    });
    (address, serving)
}

/// Pays whatever the shop asks for, and says this once it is approved.
pub(crate) async fn pay_at(shop: &str, card: Card, decision: Decision) -> Result<Receipt, Failure> {
    let shop = Upstream::new(shop, 1, Tap::silent());
    let mut payer = Told { limit: Some("50.00".to_owned()), decision };
    pay(card, &pin("1234"), &shop, &mut payer).await
}

/// Keeps what travels.
#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<Line>>);

pub(crate) struct Line {
    pub(crate) to: String,
    pub(crate) what: String,
    pub(crate) bytes: Vec<u8>,
}

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        let line = Line { to: event.to.to_owned(), what: event.what.to_owned(), bytes: event.bytes.to_vec() };
        self.0.lock().unwrap().push(line);
    }
}

impl Log {
    pub(crate) fn tap(self: &Arc<Self>, here: &'static str, there: &'static str) -> Tap {
        Tap::new(Arc::clone(self) as Arc<dyn Observer>, here, there)
    }
}
