//! What the process does about itself before anything else: it holds keys and plaintext, so it must
//! leave no image of its memory behind; and it writes files that have to end with a whole line.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Switches core dumps off, and on Linux also tracing by other processes of the same user.
///
/// Best effort: a system that refuses is no reason to refuse the user's work.
pub(crate) fn forbid_memory_images() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// From now on a file that reaches the limit of `ulimit -f` makes a write fail, which is reported,
/// where SIGXFSZ would have ended the process in the middle of it. Programs that this one starts
/// have the signal as it was.
///
/// Best effort, as above.
pub(crate) fn survive_file_limit() {
    let _ =
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getrlimit;

    #[test]
    fn the_core_limit_is_zero_afterwards() {
        forbid_memory_images();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
    }
}
