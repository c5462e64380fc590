//! Where rows are kept: one writer, jobs in groups, one durable commit for each group.
//!
//! Read [`Store`] first: it is the seam at which another database fits. [`run`] is how a server uses it. A job
//! reads through [`Rows`] and returns its writes; they are applied to the transaction after the job has
//! judged, so a job that refuses has written nothing, and the answer is given only after the commit.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use kaika_wire::core::{Rows, Write};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::fault::Fault;

/// Called once the job's writes are durable, or have failed.
pub type Done = Box<dyn FnOnce(Result<(), Fault>) + Send>;

/// Reads rows, judges, and returns what to write and whom to tell.
pub type Job = Box<dyn FnOnce(&dyn Rows) -> (Vec<Write>, Done) + Send>;

/// Every row of a store: (table, key) → value.
pub type Dump = BTreeMap<(String, String), Vec<u8>>;

/// A place for rows. Jobs are serializable: each sees all writes of those before it.
pub trait Store: Send + Sync + 'static {
    /// Queues a job. Its `Done` is dropped uncalled when the job panics or the store has stopped.
    fn submit(&self, job: Job);

    /// The rows of one table, by key.
    ///
    /// # Errors
    /// When the store fails.
    fn scan(&self, table: &'static str) -> Result<Vec<(String, Vec<u8>)>, Fault>;

    /// All rows: for tests that compare before and after.
    ///
    /// # Errors
    /// When the store fails.
    fn dump(&self) -> Result<Dump, Fault>;
}

/// Runs one job and waits until its writes are durable.
///
/// # Errors
/// When the store failed; then nothing of the job is stored.
pub async fn run<T, F>(store: &dyn Store, job: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: FnOnce(&dyn Rows) -> (Vec<Write>, T) + Send + 'static,
{
    let (tell, told) = oneshot::channel();
    store.submit(boxed(job, move |result| drop(tell.send(result))));
    told.await.unwrap_or(Err(Fault::Stopped("the store")))
}

/// [`run`], and has `then` see what came of it once it is durable: the jobs of a store come there in the order in which they
/// were judged.
///
/// # Errors
/// As [`run`].
pub async fn run_then<T, F, G>(store: &dyn Store, job: F, then: G) -> Result<T, Fault>
where
    T: Send + 'static,
    F: FnOnce(&dyn Rows) -> (Vec<Write>, T) + Send + 'static,
    G: FnOnce(&T) + Send + 'static,
{
    let (tell, told) = oneshot::channel();
    store.submit(boxed(job, move |result: Result<T, Fault>| {
        let _ = result.as_ref().map(then);
        drop(tell.send(result));
    }));
    told.await.unwrap_or(Err(Fault::Stopped("the store")))
}

/// [`run`] for threads.
///
/// # Errors
/// As [`run`].
pub fn run_blocking<T, F>(store: &dyn Store, job: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: FnOnce(&dyn Rows) -> (Vec<Write>, T) + Send + 'static,
{
    let (tell, told) = mpsc::channel();
    store.submit(boxed(job, move |result| drop(tell.send(result))));
    told.recv().unwrap_or(Err(Fault::Stopped("the store")))
}

fn boxed<T, F>(job: F, tell: impl FnOnce(Result<T, Fault>) + Send + 'static) -> Job
where
    T: Send + 'static,
    F: FnOnce(&dyn Rows) -> (Vec<Write>, T) + Send + 'static,
{
    Box::new(move |rows| {
        let (writes, value) = job(rows);
        (writes, Box::new(move |stored| tell(stored.map(|()| value))))
    })
}

/// A job that panics is a broken promise of ours: it is reported by the panic hook, writes nothing, and the
/// store goes on with the next.
fn guarded(job: Job, rows: &dyn Rows) -> Option<(Vec<Write>, Done)> {
    catch_unwind(AssertUnwindSafe(|| job(rows)))
        .map_err(|panic: Box<dyn Any + Send>| drop(panic))
        .ok()
}

/// Rows in memory: for tests, the simulator and throw-away worlds.
#[derive(Debug, Default)]
pub struct Memory {
    rows: Mutex<Dump>,
}

struct MemoryRows<'a>(&'a Dump);

impl Rows for MemoryRows<'_> {
    fn get(&self, table: &str, key: &str) -> Option<Vec<u8>> {
        self.0.get(&(table.to_owned(), key.to_owned())).cloned()
    }
}

impl Store for Memory {
    fn submit(&self, job: Job) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((writes, done)) = guarded(job, &MemoryRows(&rows)) else {
            return;
        };
        for write in writes {
            let place = (write.table.to_owned(), write.key);
            match write.value {
                Some(value) => rows.insert(place, value),
                None => rows.remove(&place),
            };
        }
        // Before the next job: what is done with a job's outcome is done in the order of the jobs.
        done(Ok(()));
    }

    fn scan(&self, table: &'static str) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let of_table = rows.iter().filter(|((name, _), _)| name == table);
        Ok(of_table
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn dump(&self) -> Result<Dump, Fault> {
        Ok(self
            .rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }
}

/// Rows in one SQLite file: write-ahead log, `synchronous=FULL`, one process at a time.
#[derive(Debug)]
pub struct Sqlite {
    queue: Option<mpsc::SyncSender<Order>>,
    writer: Option<JoinHandle<()>>,
}

enum Order {
    Job(Job),
    Read(Box<dyn FnOnce(&Connection) + Send>),
}

impl Sqlite {
    /// Opens the file, brings its tables up to date, and starts its writer.
    ///
    /// # Errors
    /// When the file cannot be opened, is held by another process, or was written by a later version.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let connection = connect(path)?;
        let (queue, orders) = mpsc::sync_channel(QUEUE_MAX);
        let writer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || write_all(connection, &orders));
        let writer = writer.map_err(|error| Fault::file(path, error))?;
        Ok(Self {
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    fn order(&self, order: Order) {
        // A send fails only when the writer is gone; dropping the order tells whoever waits for it.
        if let Some(queue) = &self.queue {
            drop(queue.send(order));
        }
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let (tell, told) = mpsc::channel();
        self.order(Order::Read(Box::new(move |connection| {
            drop(tell.send(read(connection)))
        })));
        told.recv()
            .map_err(|_| Fault::Stopped("the store"))?
            .map_err(Fault::from)
    }
}

impl Store for Sqlite {
    fn submit(&self, job: Job) {
        self.order(Order::Job(job));
    }

    fn scan(&self, table: &'static str) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        self.read(move |connection| {
            let mut select =
                connection.prepare("SELECT key, value FROM rows WHERE tbl = ?1 ORDER BY key")?;
            let rows = select.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    fn dump(&self) -> Result<Dump, Fault> {
        self.read(|connection| {
            let mut select = connection.prepare("SELECT tbl, key, value FROM rows")?;
            let rows = select.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
            rows.collect()
        })
    }
}

impl Drop for Sqlite {
    /// Lets the writer finish what is queued and close the file.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != std::thread::current().id()
        {
            drop(writer.join());
        }
    }
}

/// Jobs that may wait; senders block beyond it.
const QUEUE_MAX: usize = 1_024;
/// Jobs in one commit, so that the first of a group does not wait for ever.
const GROUP_MAX: usize = 256;

/// Pages of the file that are kept in memory, KiB: a row that was written a moment ago is not read back from the file.
const CACHE_KIB: i64 = 32 * 1_024;
/// Pages in the write-ahead log that start its transfer into the file: what is written again meanwhile is transferred once.
const CHECKPOINT_PAGES: i64 = 8 * 1_024;

/// The tables' history. A statement that was once released is never edited: a change is a new one.
const MIGRATIONS: &[&str] = &["CREATE TABLE rows(
    tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY(tbl, key)
) STRICT, WITHOUT ROWID"];

fn connect(path: &Path) -> Result<Connection, Fault> {
    let in_use = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::InUse(path.to_owned()),
        Some(ErrorCode::NotADatabase) => Fault::content(path, "not a store of this program"),
        _ => Fault::from(error),
    };
    let mut connection = Connection::open(path).map_err(in_use)?;
    connection.busy_timeout(std::time::Duration::from_millis(200))?;
    connection
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .map_err(in_use)?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(in_use)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(in_use)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    migrate(&mut connection, path).map_err(|fault| match fault {
        Migration::Sql(error) => in_use(error),
        Migration::TooNew(version) => Fault::content(
            path,
            format!(
                "tables of version {version}, this program knows {}",
                MIGRATIONS.len()
            ),
        ),
    })?;
    Ok(connection)
}

enum Migration {
    Sql(rusqlite::Error),
    TooNew(usize),
}

impl From<rusqlite::Error> for Migration {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Takes the file's write lock, which exclusive locking keeps until the file is closed.
fn migrate(connection: &mut Connection, _path: &Path) -> Result<(), Migration> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let stored: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = usize::try_from(stored).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(version..) else {
        return Err(Migration::TooNew(version));
    };
    for statement in missing {
        transaction.execute_batch(statement)?;
    }
    transaction.pragma_update(
        None,
        "user_version",
        i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
    )?;
    Ok(transaction.commit()?)
}

/// The writer: takes whatever is queued, commits it at once, answers all.
fn write_all(mut connection: Connection, orders: &mpsc::Receiver<Order>) {
    let mut next = orders.recv().ok();
    while let Some(order) = next.take() {
        match order {
            Order::Read(read) => read(&connection),
            Order::Job(job) => next = write_group(&mut connection, job, orders),
        }
        if next.is_none() {
            next = orders.recv().ok();
        }
    }
}

/// One transaction for `first` and the jobs behind it; returns an order that is no job, if one was met.
fn write_group(
    connection: &mut Connection,
    first: Job,
    orders: &mpsc::Receiver<Order>,
) -> Option<Order> {
    let mut told = Vec::new();
    let mut left = None;
    let stored = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(|transaction| {
            let mut next = Some(first);
            while let Some(job) = next.take() {
                told.extend(write_one(&transaction, job)?);
                if told.len() < GROUP_MAX {
                    match orders.try_recv() {
                        Ok(Order::Job(job)) => next = Some(job),
                        Ok(order) => left = Some(order),
                        Err(_) => {}
                    }
                }
            }
            transaction.commit()
        });
    let problem = stored.err().map(|error| error.to_string());
    for done in told {
        done(
            problem
                .clone()
                .map_or(Ok(()), |text| Err(Fault::Store(text))),
        );
    }
    left
}

/// Runs one job over the transaction and applies its writes.
fn write_one(transaction: &Transaction<'_>, job: Job) -> rusqlite::Result<Option<Done>> {
    let rows = SqliteRows {
        transaction,
        failed: RefCell::new(None),
    };
    let Some((writes, done)) = guarded(job, &rows) else {
        return Ok(None);
    };
    if let Some(error) = rows.failed.into_inner() {
        return Err(error);
    }
    for write in writes {
        apply(transaction, &write)?;
    }
    Ok(Some(done))
}

fn apply(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    let place = (write.table, write.key.as_str());
    match &write.value {
        Some(value) => transaction
            .prepare_cached("INSERT OR REPLACE INTO rows(tbl, key, value) VALUES(?1, ?2, ?3)")?
            .execute((place.0, place.1, value))?,
        None => transaction
            .prepare_cached("DELETE FROM rows WHERE tbl = ?1 AND key = ?2")?
            .execute(place)?,
    };
    Ok(())
}

/// What a job sees of the transaction. A failed read ends the whole group: no job judges by half the rows.
struct SqliteRows<'a> {
    transaction: &'a Transaction<'a>,
    failed: RefCell<Option<rusqlite::Error>>,
}

impl Rows for SqliteRows<'_> {
    fn get(&self, table: &str, key: &str) -> Option<Vec<u8>> {
        let read = self
            .transaction
            .prepare_cached("SELECT value FROM rows WHERE tbl = ?1 AND key = ?2")
            .and_then(|mut select| select.query_row((table, key), |row| row.get(0)).optional());
        read.unwrap_or_else(|error| {
            self.failed.replace(Some(error));
            None
        })
    }
}

#[cfg(test)]
mod tests;
