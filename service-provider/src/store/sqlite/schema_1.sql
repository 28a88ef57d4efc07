-- Version 1. Only SQL that PostgreSQL's kin take too, BLOB being their BYTEA; STRICT and WITHOUT ROWID are SQLite's.
-- Instants are milliseconds since the Unix epoch, amounts minor units. Transactions are keyed by identifications that
-- begin with their time, so that rows of one time lie side by side.

CREATE TABLE account (
    account_id INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    holder TEXT NOT NULL,
    instrument INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    sealed_secret BLOB NOT NULL
) STRICT;

CREATE TABLE account_key (
    verification_key BLOB PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account
) STRICT, WITHOUT ROWID;
CREATE INDEX account_key_by_account ON account_key (account_id);

-- What is known of the holder of an identity or an access pass, and from when until when; absent: at any time.
CREATE TABLE attribute (
    account_id INTEGER NOT NULL REFERENCES account,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    PRIMARY KEY (account_id, name, value)
) STRICT, WITHOUT ROWID;

-- What changes of an account, and what it is held to. No credit limit: the provider's own float. coming is what is approved
-- to come, and payments how many were made or are held; both count where there is a ceiling, and a greatest number.
CREATE TABLE funds (
    account_id INTEGER PRIMARY KEY REFERENCES account,
    currency TEXT NOT NULL,
    balance INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held >= 0),
    coming INTEGER NOT NULL CHECK (coming >= 0),
    payments INTEGER NOT NULL CHECK (payments >= 0),
    credit_limit INTEGER CHECK (credit_limit >= 0),
    ceiling INTEGER CHECK (ceiling > 0),
    payment_max INTEGER CHECK (payment_max > 0),
    payments_max INTEGER CHECK (payments_max >= 0),
    last_entry BLOB
) STRICT;

-- The books. Rows are only ever added. Each names the entry before it on both of its accounts, and an account its last
-- one: an account's statement is a way from entry to entry, which costs a posting no page of its own.
CREATE TABLE entry (
    transaction_id BLOB PRIMARY KEY,
    kind INTEGER NOT NULL,
    debit INTEGER NOT NULL REFERENCES account,
    credit INTEGER NOT NULL REFERENCES account,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    refund_of BLOB,
    posted INTEGER NOT NULL,
    debit_before BLOB,
    credit_before BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_by_refund ON entry (refund_of) WHERE refund_of IS NOT NULL;

-- nodes: the digests of its key exchange request's nodes, one after the other, the root's first.
-- phase: 0 open, 1 closed, 2 held, 3 declined, 4 posted, 5 released. effect: 0 none, 1 transfer, 2 cancellation.
CREATE TABLE transactions (
    transaction_id BLOB PRIMARY KEY,
    group_id BLOB NOT NULL,
    nodes BLOB NOT NULL,
    phase INTEGER NOT NULL,
    deadline INTEGER,
    reason INTEGER,
    request BLOB,
    kind INTEGER,
    effect INTEGER,
    debit INTEGER,
    credit INTEGER,
    amount INTEGER,
    currency TEXT,
    reference BLOB,
    acknowledgment BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX transactions_by_deadline ON transactions (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX transactions_by_reference ON transactions (reference) WHERE reference IS NOT NULL;

CREATE TABLE participant (
    transaction_id BLOB NOT NULL REFERENCES transactions,
    account_id INTEGER NOT NULL,
    PRIMARY KEY (transaction_id, account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    transaction_id BLOB PRIMARY KEY REFERENCES transactions,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The nodes of key exchange requests, each used once.
CREATE TABLE node (
    digest BLOB PRIMARY KEY,
    transaction_id BLOB NOT NULL REFERENCES transactions
) STRICT, WITHOUT ROWID;

-- stage: 0 key exchange, 1 transaction, 2 acknowledgment. It comes first in the key, so that each stage's rows are
-- added at one place.
CREATE TABLE answer (
    transaction_id BLOB NOT NULL REFERENCES transactions,
    stage INTEGER NOT NULL,
    request BLOB NOT NULL,
    root BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (stage, transaction_id)
) STRICT;
