//! Many threads, one log.

use std::collections::BTreeSet;
use std::time::Duration;

use fernlog::{Durability, Error};

use crate::common::site::{Site, lines, record};

#[test]
fn threads_that_append_durably_get_an_index_each_and_the_chain_holds() {
    let site = Site::new();
    let log = site.builder().roll_size(8 << 10).open().unwrap();
    let append = |thread: usize| {
        let log = log.clone();
        move || -> Vec<u64> {
            (0..25)
                .map(|number| {
                    let name = format!("{thread} {number}");
                    log.append_with(&record(&name), Durability::Durable).unwrap().index
                })
                .collect()
        }
    };
    let indexes: BTreeSet<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|thread| scope.spawn(append(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(indexes.len(), 16 * 25);
    log.close().unwrap();
    site.assert_intact();
}

#[test]
fn readers_of_the_head_flushes_and_rolls_mix_with_durable_appends() {
    let site = Site::new();
    let log = site.builder().checkpoint_interval(Duration::from_millis(1)).open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = log.clone();
            scope.spawn(move || {
                for number in 0..40 {
                    let durability =
                        [Durability::Buffered, Durability::Written, Durability::Durable]
                            [number % 3];
                    log.append_with(&record(&format!("{thread} {number}")), durability).unwrap();
                    match number % 10 {
                        3 => drop(log.flush().unwrap()),
                        5 => drop(log.roll().unwrap()),
                        7 => log.reach(Durability::Durable).unwrap(),
                        9 => log.tick().unwrap(),
                        _ => drop(log.head().unwrap()),
                    }
                }
            });
        }
    });
    let head = log.close().unwrap();
    assert_eq!(head.buffered, 0);
    site.assert_intact();
}

#[test]
fn a_leader_that_waits_for_others_syncs_once_for_all() {
    let site = Site::new();
    let log = site.builder().commit_wait(Duration::from_millis(30)).open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = log.clone();
            scope.spawn(move || {
                let receipt = log.append_with(&record(&thread.to_string()), Durability::Durable);
                assert_eq!(receipt.unwrap().durability, Durability::Durable);
            });
        }
    });
    assert_eq!(lines(&site.log()).len(), 8);
}

#[test]
fn closing_ends_the_wait_of_others() {
    let site = Site::new();
    let log = site.builder().commit_wait(Duration::from_millis(50)).open().unwrap();
    let other = log.clone();
    let waiting = std::thread::spawn(move || other.append_with(&record("x"), Durability::Durable));
    std::thread::sleep(Duration::from_millis(10));
    log.close().unwrap();
    // Either it was in time, and closing has made it durable, or it was told.
    match waiting.join().unwrap() {
        Ok(receipt) => assert_eq!(receipt.index, 1),
        Err(error) => assert!(matches!(error, Error::Closed), "{error}"),
    }
    site.assert_intact();
}
