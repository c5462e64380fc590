//! What a store promises, asked of both kinds.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use super::*;

fn put(key: &str, value: &str) -> Write {
    Write {
        table: "t",
        key: key.into(),
        value: Some(value.as_bytes().to_vec()),
    }
}

fn both() -> (tempfile::TempDir, Vec<Arc<dyn Store>>) {
    let dir = tempfile::tempdir().unwrap();
    let file = Sqlite::open(&dir.path().join("store.db")).unwrap();
    (dir, vec![Arc::new(Memory::default()), Arc::new(file)])
}

#[test]
fn a_job_sees_what_the_ones_before_it_wrote() {
    let (_dir, stores) = both();
    for store in stores {
        for round in 0..10u8 {
            let seen = run_blocking(&*store, move |rows| {
                let mut value = rows.get("t", "k").unwrap_or_default();
                value.push(round);
                let length = value.len();
                (
                    vec![Write {
                        table: "t",
                        key: "k".into(),
                        value: Some(value),
                    }],
                    length,
                )
            });
            assert_eq!(seen.unwrap(), usize::from(round) + 1);
        }
        assert_eq!(
            store.scan("t").unwrap(),
            vec![("k".to_owned(), (0..10).collect())]
        );
        run_blocking(&*store, |_| (vec![Write::delete("t", "k")], ())).unwrap();
        assert!(store.dump().unwrap().is_empty());
    }
}

#[test]
fn a_job_that_panics_writes_nothing_and_stops_nothing() {
    let (_dir, stores) = both();
    for store in stores {
        let broken = run_blocking::<(), _>(&*store, |rows| match rows.get("t", "never") {
            None => panic!("a broken promise, on purpose"),
            Some(_) => (vec![put("k", "v")], ()),
        });
        assert!(matches!(broken, Err(Fault::Stopped(_))));
        assert!(store.dump().unwrap().is_empty());
        run_blocking(&*store, |_| (vec![put("k", "v")], ())).unwrap();
        assert_eq!(store.dump().unwrap().len(), 1);
    }
}

#[test]
fn jobs_of_many_threads_are_serial() {
    let (_dir, stores) = both();
    for store in stores {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let store = Arc::clone(&store);
                std::thread::spawn(move || {
                    for _ in 0..25 {
                        run_blocking(&*store, |rows| {
                            let count = rows.get("t", "n").map_or(0, |bytes| {
                                String::from_utf8(bytes).unwrap().parse().unwrap()
                            });
                            let next: u32 = count + 1;
                            (vec![put("n", &next.to_string())], ())
                        })
                        .unwrap();
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(
            store.scan("t").unwrap(),
            vec![("n".to_owned(), b"200".to_vec())]
        );
    }
}

#[test]
fn rows_outlive_the_process_and_a_second_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = Sqlite::open(&path).unwrap();
    run_blocking(&store, |_| (vec![put("k", "v")], ())).unwrap();
    assert!(matches!(Sqlite::open(&path), Err(Fault::InUse(_))));
    drop(store);
    let again = Sqlite::open(&path).unwrap();
    assert_eq!(
        again.scan("t").unwrap(),
        vec![("k".to_owned(), b"v".to_vec())]
    );
}

#[test]
fn a_store_of_a_later_version_or_another_kind_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    drop(Sqlite::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert!(matches!(Sqlite::open(&path), Err(Fault::Content { .. })));
    let other = dir.path().join("other.db");
    std::fs::write(&other, vec![b'x'; 4_096]).unwrap();
    assert!(matches!(Sqlite::open(&other), Err(Fault::Content { .. })));
}
