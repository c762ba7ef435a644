//! The examples under every `--help`. A test types each of them.

pub(super) const FERNLOG: &str = "\
Examples:
  fernlog demo
  fernlog keygen audit --origin example.com/payments/host7
  fernlog append audit.log -k audit.key --sign audit.sign < /var/log/dpkg.log
  fernlog grep alice audit.log -k audit.key
  fernlog verify audit.log --vkey audit.vkey

Topics: fernlog help keys, exit-codes, time, filters, json, findings";

pub(super) const KEYGEN: &str = "\
Examples:
  fernlog keygen audit --origin example.com/payments/host7
  fernlog keygen /etc/fernlog/audit --origin example.com/a --label 'prod-eu'";

pub(super) const KEYS: &str = "\
Examples:
  fernlog keys show audit.key
  fernlog keys list /etc/fernlog
  fernlog keys find 3f9a2c71 /etc/fernlog ~/keys";

pub(super) const KEYS_SHOW: &str = "\
Examples:
  fernlog keys show audit.key
  fernlog keys show audit.vkey --json";

pub(super) const KEYS_LIST: &str = "\
Examples:
  fernlog keys list /etc/fernlog
  fernlog keys list . --json";

pub(super) const KEYS_FIND: &str = "\
Examples:
  fernlog keys find 3f9a2c71
  fernlog keys find 3f9a2c71 /etc/fernlog ~/keys";

pub(super) const APPEND: &str = "\
Examples:
  fernlog append audit.log -k audit.key --sign audit.sign < /var/log/dpkg.log
  my-service | fernlog append audit.log -k audit.key --sign audit.sign --ack
  fernlog append audit.log -k audit.key --sign audit.sign --json-lines < in.json
  fernlog append audit.log -k audit.key --plain --level NOTICE --field host=web7
  fernlog append a.log -k a.key --sign a.sign --roll-every midnight --keep 90d";

pub(super) const ROLL: &str = "\
Examples:
  fernlog roll audit.log -k audit.key --sign audit.sign
  fernlog roll audit.log -k audit.key --sign audit.sign --keep 30 --compress";

pub(super) const REPAIR: &str = "\
Examples:
  fernlog repair audit.log --torn-tail";

pub(super) const DECRYPT: &str = "\
Examples:
  fernlog decrypt audit.log -k audit.key --format json | jq .message
  fernlog cat audit.log -k audit.key --since yesterday --level WARNING
  fernlog decrypt audit.log -k audit.key --template '{level} {message}' -o a.txt
  fernlog decrypt audit.log -k old.key -k new.key --index '#1000..#2000'
  fernlog decrypt audit.log --key-command 'pass show fernlog/audit' --tail 5";

pub(super) const GREP: &str = "\
Examples:
  fernlog grep 'login failed' audit.log -k audit.key
  fernlog grep -i -C 2 --since -3h mallory audit.log -k audit.key
  fernlog grep -e alice -e bob --in actor --json audit.log -k audit.key
  fernlog grep -c '' --field outcome!=success audit.log -k audit.key";

pub(super) const TAIL: &str = "\
Examples:
  fernlog tail audit.log -k audit.key
  fernlog tail -f -n 2 audit.log -k audit.key --level WARNING
  fernlog tail -f audit.log -k audit.key --format json";

pub(super) const VERIFY: &str = "\
Examples:
  fernlog verify audit.log --vkey audit.vkey
  fernlog verify audit.log --vkey audit.vkey --checkpoint kept/checkpoint.txt
  fernlog verify audit.log --vkey audit.vkey -k audit.key --require content
  fernlog verify audit.log --vkey audit.vkey --state audit.state
  fernlog verify audit.log --json | jq 'select(.type == \"finding\")'";

pub(super) const INSPECT: &str = "\
Examples:
  fernlog inspect audit.log
  fernlog inspect /var/log/app --json";

pub(super) const CHECKPOINT: &str = "\
Examples:
  fernlog checkpoint audit.log > kept/checkpoint.txt
  fernlog checkpoint verify kept/checkpoint.txt --vkey audit.vkey";

pub(super) const CHECKPOINT_VERIFY: &str = "\
Examples:
  fernlog checkpoint verify kept/checkpoint.txt --vkey audit.vkey";

pub(super) const PROVE: &str = "\
Examples:
  fernlog prove audit.log '#70412' -o record.proof
  fernlog prove --verify record.proof --vkey audit.vkey
  fernlog prove audit.log --from 118400 -o growth.proof
  fernlog prove --verify growth.proof --vkey audit.vkey --checkpoint old.txt";

pub(super) const DOCTOR: &str = "\
Examples:
  fernlog doctor
  fernlog doctor audit.log -k audit.key --sign audit.sign --vkey audit.vkey";

pub(super) const DEMO: &str = "\
Examples:
  fernlog demo
  fernlog demo story";

pub(super) const COMPLETIONS: &str = "\
Examples:
  fernlog completions bash > /etc/bash_completion.d/fernlog
  fernlog completions zsh > ~/.zfunc/_fernlog
  fernlog completions fish > ~/.config/fish/completions/fernlog.fish";

pub(super) const MAN: &str = "\
Examples:
  fernlog man | man -l -
  fernlog man --dir /usr/local/share/man/man1";

pub(super) const HELP: &str = "\
Examples:
  fernlog help exit-codes
  fernlog help grep
  fernlog help keys find";
