//! Records through a whole log: given to the writer, read with the key.

use fernlog::format::LogPath;
use fernlog::read::{Content, Log, Opener, Order};
use fernlog::{Exception, Level, Record, UnixTime};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::site::Site;
use crate::common::to_hex;

/// What a record is made of, to build it and to compare with.
#[derive(Clone, Debug)]
struct Parts {
    level: usize,
    logger: String,
    message: String,
    actor: Option<String>,
    pid: Option<u32>,
    trace: Option<([u8; 16], [u8; 8])>,
    time: Option<(i64, u32)>,
    exception: Option<(String, Vec<String>)>,
    fields: Vec<(String, Value)>,
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn parts()(
        level in 0..Level::ALL.len(), logger: String, message: String, actor: Option<String>,
        pid: Option<u32>, trace: Option<([u8; 16], [u8; 8])>,
        time in option::of((0_i64..253_402_300_800, 0_u32..1_000_000_000)),
        exception in option::of((any::<String>(), vec(any::<String>(), 0..3))),
        fields in prop::collection::btree_map(any::<String>(), value(), 0..5),
    ) -> Parts {
        let fields = fields.into_iter().collect();
        Parts { level, logger, message, actor, pid, trace, time, exception, fields }
    }
}

fn record(parts: &Parts) -> Record<'_> {
    let mut record = Record::new(Level::ALL[parts.level], &parts.logger, &parts.message);
    if let Some(actor) = &parts.actor {
        record = record.actor(actor);
    }
    if let Some(pid) = parts.pid {
        record = record.pid(pid);
    }
    if let Some((trace, span)) = parts.trace {
        record = record.trace(trace, span);
    }
    if let Some((seconds, nanos)) = parts.time {
        record = record.time(UnixTime::new(seconds, nanos));
    }
    if let Some((message, causes)) = &parts.exception {
        let (message, causes) = (message.clone(), causes.clone());
        record = record.exception(Exception { message, causes, ..Exception::default() });
    }
    parts.fields.iter().fold(record, |record, (name, value)| record.field(name, value.clone()))
}

proptest! {
    // Each case writes, syncs and reads whole files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_come_back_from_a_log_as_they_were_given(
        all in vec(parts(), 1..20), roll: prop::sample::Index,
    ) {
        let site = Site::new();
        let log = site.open();
        let mut receipts = Vec::new();
        for (number, parts) in all.iter().enumerate() {
            if number == roll.index(all.len()) {
                log.roll().unwrap();
            }
            receipts.push(log.append(&record(parts)).unwrap());
        }
        log.close().unwrap();

        let log = Log::open(&LogPath::new(&site.log()).unwrap()).unwrap();
        let (mut reader, mut opener) = (log.reader(), Opener::new(&site.keyring));
        for (parts, receipt) in all.iter().zip(receipts) {
            let line = reader.next_line().unwrap().unwrap();
            let place = (line.segment as u64, line.index);
            prop_assert_eq!(place, (receipt.segment, Some(receipt.index)));
            let Content::Token { line: token, time } = line.content else { panic!("{line:?}") };
            let opened = opener.open(token, line.index).unwrap();
            prop_assert_eq!((opened.time, opened.order), (time, Order::InPlace));
            let stored = opened.record.unwrap();
            prop_assert_eq!(stored.level, Some(Level::ALL[parts.level]));
            prop_assert_eq!(stored.logger.as_deref(), Some(&*parts.logger));
            prop_assert_eq!(&stored.message, &parts.message);
            prop_assert_eq!(stored.text("actor"), parts.actor.as_deref());
            prop_assert_eq!(stored.pid, parts.pid.map(u64::from));
            let trace = parts.trace.map(|(trace, _)| to_hex(&trace));
            prop_assert_eq!(stored.trace_id.as_deref(), trace.as_deref());
            if let Some((seconds, nanos)) = parts.time {
                prop_assert_eq!(stored.time, Some(UnixTime::new(seconds, nanos)));
                prop_assert_eq!(time, seconds as u64);
            }
            let exception = stored.exception.map(|raw| serde_json::from_str(raw.get()).unwrap());
            let message = exception.map(|exception: Value| exception["message"].clone());
            let given = parts.exception.as_ref().map(|(message, _)| json!(message));
            prop_assert_eq!(message, given);
            // As text: reading a number back is not exact in every JSON library.
            let fields = stored.fields.iter().map(|(name, raw)| (&**name, raw.get().to_owned()));
            let given = parts.fields.iter().map(|(name, value)| (&**name, value.to_string()));
            prop_assert!(fields.eq(given));
        }
        prop_assert!(reader.next_line().unwrap().is_none());
    }
}
