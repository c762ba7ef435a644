//! Defects that the campaign, or thinking about it, has found: one story each.

use std::sync::Arc;
use std::time::Duration;

use crate::crypto::Keyring;
use crate::error::{Conflict, Error};
use crate::format::{Level, LogPath, Record};
use crate::write::campaign::contents::{Contents, Signatures, gaps, read};
use crate::write::campaign::disk::{ERRNOS, Fault, SimDisk, Trouble, set_clock};
use crate::write::campaign::story::{Keys, Player, Settings};
use crate::write::commit::{Pace, Shared};
use crate::write::log::Durability::{Buffered, Durable, Written};
use crate::write::{closed, recover, roll};

fn player(settings: Settings) -> Player {
    let mut player = Player::new(&Arc::new(Keys::new()), SimDisk::new());
    player.open(settings);
    player
}

fn contents(player: &Player) -> Contents {
    let plain = player.settings.plain;
    read(&player.disk.files(), &player.keys, plain, &mut Signatures::default()).unwrap()
}

/// The disk is full from now on.
fn fill(player: &Player) {
    let from = player.disk.calls();
    player.disk.break_with(Fault::for_ever(from, Trouble::Error(ERRNOS[1])));
}

#[test]
fn an_outage_is_told_when_the_log_is_closed_without_another_record() {
    let mut player = player(Settings::default());
    player.append(Durable);
    fill(&player);
    assert!(!player.append(Written) && !player.append(Written));
    player.disk.heal();
    player.close();
    let contents = contents(&player);
    assert_eq!(contents.gaps.iter().map(|(_, count)| count).collect::<Vec<_>>(), [&2]);
}

#[test]
fn a_log_that_is_moved_while_its_disk_fails_is_restored() {
    for moved in ["/logs/audit.log", "/logs/audit.log.chain"] {
        let mut player = player(Settings::default());
        player.append(Durable);
        player.append(Written);
        fill(&player);
        assert!(!player.append(Durable), "{moved}");
        player.flush();
        player.disk.others_remove(moved);
        assert!(!player.append(Durable), "{moved}");
        player.disk.heal();
        assert!(player.append(Durable), "{moved}: {}", player.last_error());
        player.close();
        contents(&player);
    }
}

#[test]
fn a_checkpoint_that_failed_while_the_chain_was_moved_is_made_again() {
    let mut player = player(Settings::default());
    player.append(Durable);
    // The lines are synced; from the checkpoint on everything fails.
    let from = player.disk.calls() + 3;
    player.disk.break_with(Fault::for_ever(from, Trouble::Error(ERRNOS[0])));
    player.flush();
    player.disk.others_remove("/logs/audit.log.chain");
    player.disk.heal();
    assert!(player.append(Durable), "{}", player.last_error());
    player.close();
    contents(&player);
}

#[test]
fn a_plain_log_does_not_roll_over_a_closed_segment_that_others_made() {
    let mut player = player(Settings { plain: true, ..Settings::default() });
    player.append(Durable);
    player.disk.others_append("/logs/audit.000000.log", b"something\n");
    player.roll();
    assert!(player.append(Durable), "{}", player.last_error());
    let files = player.disk.files();
    let log = &files.0[std::path::Path::new("/logs/audit.log")];
    assert_eq!(log.split(|byte| *byte == b'\n').count(), 3);
}

#[test]
fn lines_that_others_cut_off_are_counted_even_if_the_roll_stops_half_way() {
    for call in 0..60 {
        let mut player = player(Settings::default());
        player.append(Durable);
        player.append(Durable);
        player.append(Durable);
        player.disk.others_cut("/logs/audit.log", 0);
        let from = player.disk.calls() + call;
        player.disk.break_with(Fault { from, until: from + 1, trouble: Trouble::Error(ERRNOS[0]) });
        player.wait(Duration::from_secs(1));
        player.append(Durable);
        player.append(Durable);
        player.disk.heal();
        player.wait(Duration::from_secs(2));
        player.append(Durable);
        player.wait(Duration::from_secs(2));
        assert!(player.append(Durable), "call {call}: {}", player.last_error());
        player.close();
        // The checkpoint over the lines that are gone stands, as it must: only lines are read.
        let counted = gaps(&player.disk.files(), &player.keys);
        assert!(counted.iter().sum::<u64>() >= 3, "call {call}: {counted:?}");
    }
}

#[test]
fn a_line_that_others_cut_off_before_its_sync_is_not_durable() {
    // Below the handle, where the threads are: one has written and waits for its turn to sync,
    // another one notices that the file was cut.
    let keys = Keys::new();
    let disk = SimDisk::new();
    let request = recover::Request {
        disk: Arc::new(disk.clone()),
        path: LogPath::new("/logs/audit.log".as_ref()).unwrap(),
        keyring: Keyring::new(keys.fernet[0].clone()),
        log_key: Some(keys.log.clone()),
        interval: 1000,
        roll: roll::RollPolicy::default(),
        care: closed::Care::default(),
    };
    let time = crate::format::UnixTime::new(1_790_000_000, 0);
    set_clock(Some(time));
    let (mut writer, _) = recover::open(&request, time, 1).unwrap();
    let record = Record::new(Level::Info, "story", "kept");
    writer.append(&record, Written, time, 1).unwrap();
    writer.sync(time).unwrap();
    let receipt = writer.append(&record, Written, time, 1).unwrap().unwrap();
    disk.others_cut("/logs/audit.log", 0);
    let noticed = writer.tick(time.after(Duration::from_secs(1)), Duration::ZERO);
    let cut = matches!(noticed, Err(Error::Conflict { what: Conflict::CutByOthers, .. }));
    assert!(cut, "{noticed:?}");
    let shared = Shared::new(writer, Durable, Pace::default());
    assert!(shared.commit_alone(receipt.index).is_err());
    set_clock(None);
}

#[test]
fn half_a_line_of_our_own_is_not_taken_for_that_of_others() {
    let mut player = player(Settings::default());
    player.append(Durable);
    player.append(Buffered);
    // A write by half, and then it cannot be cut either.
    let from = player.disk.calls();
    let short = Trouble::ShortThen(ERRNOS[1]);
    player.disk.break_with(Fault { from, until: from + 3, trouble: short });
    player.append(Written);
    player.disk.heal();
    assert!(player.append(Durable), "{}", player.last_error());
    player.close();
    contents(&player);
    let torn = player.disk.files().0.into_keys();
    let mut torn = torn.filter(|name| name.to_string_lossy().contains("torn"));
    assert_eq!(torn.next(), None);
}
