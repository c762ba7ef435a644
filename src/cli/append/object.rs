//! One JSON object as a line of `--json-lines` holds it: nothing in it may be lost on the way, so
//! what a parser would quietly drop is a reason to refuse the line.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Readers take a record with more members for a foreign one.
pub(super) const MOST_MEMBERS: usize = 4096;
/// Readers in many languages give up at about a hundred levels.
const DEEPEST: usize = 100;

/// Why a line is no record. Says nothing about what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotJson,
    NoObject,
    Twice,
    TooDeep,
    TooMany,
    TooLong,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NotJson => "not JSON",
            Refusal::NoObject => "no JSON object",
            Refusal::Twice => "a member name stands twice",
            Refusal::TooDeep => "nested too deep",
            Refusal::TooMany => "too many members",
            Refusal::TooLong => "too long for one record",
        })
    }
}

/// Reads one object, its members in their order.
pub(super) fn parse(line: &[u8]) -> Result<Vec<(String, Value)>, Refusal> {
    let why = Cell::new(None);
    let mut json = serde_json::Deserializer::from_slice(line);
    let members = Top { why: &why }.deserialize(&mut json);
    members.and_then(|members| json.end().map(|()| members)).map_err(|error| {
        // serde_json's own sentences may repeat what was read.
        why.get().unwrap_or(if error.is_data() { Refusal::NoObject } else { Refusal::NotJson })
    })
}

/// The object itself.
struct Top<'w> {
    why: &'w Cell<Option<Refusal>>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = Vec<(String, Value)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            // Comparing each with each stays cheap because there are not many.
            if members.iter().any(|(other, _)| *other == name) {
                return refuse(self.why, Refusal::Twice);
            }
            if members.len() == MOST_MEMBERS {
                return refuse(self.why, Refusal::TooMany);
            }
            members.push((name, map.next_value_seed(Inner { depth: 1, why: self.why })?));
        }
        Ok(members)
    }
}

/// A value inside.
#[derive(Clone, Copy)]
struct Inner<'w> {
    depth: usize,
    why: &'w Cell<Option<Refusal>>,
}

impl Inner<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            return refuse(self.why, Refusal::TooDeep);
        }
        Ok(Inner { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Inner<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inner<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return refuse(self.why, Refusal::Twice);
            }
            let value = map.next_value_seed(inner)?;
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

fn refuse<T, E: serde::de::Error>(why: &Cell<Option<Refusal>>, refusal: Refusal) -> Result<T, E> {
    why.set(Some(refusal));
    Err(E::custom(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Refusal {
        parse(line.as_bytes()).expect_err(line)
    }

    #[test]
    fn members_keep_their_order_and_values() {
        let members =
            parse(br#" {"z":1,"a":[null,true,-1,1.5,"x"],"m":{"b":{},"a":"\u00e9"}} "#).unwrap();
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["z", "a", "m"]);
        assert_eq!(members[1].1, serde_json::json!([null, true, -1, 1.5, "x"]));
        assert_eq!(members[2].1, serde_json::json!({"b": {}, "a": "\u{e9}"}));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["1", "null", "[]", "\"x\"", "[{}]"] {
            assert_eq!(refused(line), Refusal::NoObject, "{line}");
        }
        for line in ["", " ", "{", "{}}", "{} {}", "{\"a\":1,}", "hello", "{'a':1}", "\u{feff}{}"] {
            assert_eq!(refused(line), Refusal::NotJson, "{line}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}"), Err(Refusal::NotJson));
    }

    #[test]
    fn a_name_that_stands_twice_anywhere_is_refused() {
        for line in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":1}}"#, r#"{"a":[{"b":1,"\u0062":1}]}"#]
        {
            assert_eq!(refused(line), Refusal::Twice, "{line}");
        }
    }

    #[test]
    fn hostile_depth_and_breadth_are_refused() {
        let deep =
            |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(deep(DEEPEST - 1).as_bytes()).is_ok());
        assert_eq!(refused(&deep(DEEPEST)), Refusal::TooDeep);
        assert!(parse(deep(500_000).as_bytes()).is_err());
        let wide = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!("\"m{n}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(parse(wide(MOST_MEMBERS).as_bytes()).is_ok());
        assert_eq!(refused(&wide(MOST_MEMBERS + 1)), Refusal::TooMany);
    }

    #[test]
    fn a_refusal_repeats_nothing() {
        let refusal = refused(r#""hunter2""#);
        assert!(!format!("{refusal} {refusal:?}").contains("hunter"));
    }
}
