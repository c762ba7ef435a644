//! What an imaginary shop logs: varied, and the same in every run.

use fernlog::{Exception, Level, Record};
use serde_json::json;

/// How many records there are.
pub(super) const COUNT: u64 = 4000;
/// Which of them tells of the deed that somebody would like to be forgotten.
pub(super) const DEED: u64 = 2719;

const ACTORS: [&str; 8] =
    ["alice", "bob", "carol", "deploy", "erin", "fatima", "grace", "zo\u{eb}"];
const HOSTS: [&str; 3] = ["web1", "web2", "batch1"];
const PAGES: [&str; 5] = ["/", "/cart", "/checkout", "/orders", "/account"];

/// Record number `n` of the story.
pub(super) fn record(n: u64) -> Record<'static> {
    if n == DEED {
        return Record::new(Level::Warning, "accounts", "account deleted")
            .actor("mallory")
            .resource("acct/4411");
    }
    let mut dice = Dice(n);
    let actor = dice.of(&ACTORS);
    let record = match dice.below(100) {
        0..40 => {
            let page = dice.of(&PAGES);
            let status = if dice.below(50) == 0 { 500 } else { 200 };
            let level = if status == 500 { Level::Error } else { Level::Info };
            Record::new(level, "http", format!("GET {page}"))
                .field("status", status)
                .field("ms", dice.below(900) + 3)
        }
        40..65 => Record::new(Level::Info, "auth", "login")
            .actor(actor)
            .outcome("success")
            .field("ip", format!("10.0.{}.{}", dice.below(8), dice.below(250) + 1)),
        65..72 => Record::new(Level::Notice, "auth", "login failed")
            .actor(actor)
            .outcome("failure")
            .field("attempts", dice.below(5) + 1),
        72..88 => Record::new(Level::Info, "orders", "order placed")
            .actor(actor)
            .resource(format!("order/{}", 10_000 + n))
            .field("cents", dice.below(20_000) + 99)
            .field("items", json!([{"sku": format!("A{}", dice.below(99)), "count": 1}])),
        88..95 => Record::new(Level::Debug, "db", "query")
            .trace(dice.id(), dice.id())
            .module("shop::db")
            .line(217)
            .field("rows", dice.below(1000)),
        95..98 => Record::new(Level::Error, "payments", "card was not charged")
            .actor(actor)
            .outcome("failure")
            .exception(Exception {
                kind: "Timeout".to_owned(),
                message: "no answer from the bank within 3 s".to_owned(),
                causes: vec!["connection reset".to_owned()],
                stacktrace: None,
            }),
        // What a stranger sends must not be able to repaint a terminal.
        _ => Record::new(Level::Warning, "http", "odd user agent")
            .field("agent", "curl\u{1b}[2J\u{1b}[1;1Hall fine\r"),
    };
    record.host(dice.of(&HOSTS))
}

/// SplitMix64, from the number of the record.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of(&mut self, words: &[&'static str]) -> &'static str {
        let place = self.below(words.len() as u64);
        usize::try_from(place).ok().and_then(|place| words.get(place)).copied().unwrap_or_default()
    }

    fn id<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_be_bytes()[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_are_varied_and_the_deed_is_there_once() {
        let shown: Vec<String> = (0..COUNT).map(|n| format!("{:?}", record(n))).collect();
        assert_eq!(shown.iter().filter(|text| text.contains("mallory")).count(), 1);
        for part in ["order placed", "login failed", "Timeout", "query", "odd user agent"] {
            let count = shown.iter().filter(|text| text.contains(part)).count();
            assert!((20..2000).contains(&count), "{part}: {count}");
        }
        assert_eq!(shown[7], format!("{:?}", record(7)));
    }
}
