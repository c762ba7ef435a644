//! What the benches share: rounds that run every step in turn, so that a noisy machine slows all
//! of them alike, and medians over the rounds.

#![allow(dead_code, missing_docs, reason = "each bench uses a part of it")]

pub(crate) mod floor;

pub(crate) use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 60;

pub(crate) const MESSAGES: [&str; 2] =
    ["payment returned to the customer's card", "payment declined by the issuing bank..."];

/// 200 bytes of JSON.
pub(crate) fn plaintext() -> Vec<u8> {
    let mut text = br#"{"seq":1234567,"timestamp":"2026-11-22T10:15:30.123456789Z","level":"INFO","logger":"payment","message":""#.to_vec();
    text.resize(198, b'm');
    text.extend_from_slice(b"\"}");
    text
}

type Step<'a> = (String, Box<dyn FnMut(usize) + 'a>, Vec<f64>);

/// Steps that are timed in turn.
pub(crate) struct Round<'a> {
    steps: Vec<Step<'a>>,
    comparisons: Vec<(&'static str, &'static str)>,
    records: usize,
}

impl<'a> Round<'a> {
    pub(crate) fn new(records: usize) -> Self {
        Self { steps: Vec::new(), comparisons: Vec::new(), records }
    }

    pub(crate) fn step(&mut self, name: &str, work: impl FnMut(usize) + 'a) {
        self.steps.push((name.to_owned(), Box::new(work), Vec::new()));
    }

    /// Has the ratio of two steps printed.
    pub(crate) fn compare(&mut self, step: &'static str, to: &'static str) {
        self.comparisons.push((step, to));
    }

    /// Runs everything and prints nanoseconds per record and the ratio to the step `base`.
    pub(crate) fn print(mut self, base: &str) {
        for round in 0..ROUNDS + 3 {
            for (_, work, times) in &mut self.steps {
                let start = Instant::now();
                (0..self.records).for_each(&mut *work);
                let each = start.elapsed().as_nanos() as f64 / self.records as f64;
                // The first rounds warm caches up.
                if round >= 3 {
                    times.push(each);
                }
            }
        }
        let steps = &self.steps;
        let of = |name| steps.iter().find(|step| step.0 == name).map_or(1.0, |s| median(&s.2));
        let base = of(base);
        println!("{:<36} {:>10} {:>8}", "step", "ns/record", "ratio");
        for (name, _, times) in steps {
            let median = median(times);
            println!("{name:<36} {median:>10.0} {:>8.2}", median / base);
        }
        for (step, to) in &self.comparisons {
            println!("{step} / {to}: {:.2}", of(step) / of(to));
        }
    }
}

pub(crate) fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
