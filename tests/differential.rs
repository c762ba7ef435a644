//! Our tokens against two other implementations: the `fernet` crate in this process, Python's
//! `cryptography` in another.

use fernet::Fernet;
use fernlog::Key;
use fernlog::crypto::Cipher;

use crate::common::Random;

/// Messages are up to so many bytes long.
const LONGEST: u64 = 4096;

#[test]
fn a_hundred_thousand_messages_cross_between_us_and_the_fernet_crate() {
    let (mut random, mut raw) = (Random(30), Vec::new());
    for key in 0..100 {
        let text = Key::generate().unwrap().to_text();
        let ours = Cipher::new(&Key::from_text(&text).unwrap());
        let theirs = Fernet::new(&text).unwrap();
        for message in 0..1000 {
            let length = random.below(LONGEST + 1) as usize;
            let (plaintext, iv) = (random.bytes(length), random.array());
            // Their clock rule refuses times near the end of u64, with or without a TTL.
            let time = random.next() >> 8;
            let token = ours.seal(&plaintext, time, iv);
            let opened = theirs.decrypt_at_time(&token, None, time);
            assert_eq!(opened.as_ref(), Ok(&plaintext), "key {key} message {message}");

            let token = theirs.encrypt_at_time(&plaintext, time);
            let opened = ours.open(token.as_bytes(), &mut raw).unwrap();
            assert_eq!((opened.time, opened.plaintext), (time, plaintext.as_slice()));
        }
    }
}
