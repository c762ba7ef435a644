#!/usr/bin/env python3
"""Verify a fernlog log without fernlog: a second opinion, written from docs/format.md alone."""
import argparse, base64, functools, hashlib, json, os, pathlib, re, shutil, subprocess, sys
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VERDICTS = {10: "TAMPERED", 14: "NOT A LOG", 12: "NO KEY", 13: "UNPROVEN", 11: "TORN", 0: "INTACT"}
CODES = {"FL000": 14, "FL207": 0, "FL301": 11, "FL304": 13, "FL401": 12, "note:": 0}  # others: 10
BASE64 = b"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"
NOTE = (b"(%s\n(0|[1-9][0-9]{0,19})\n([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)\n)\n"
        b"((?:\xe2\x80\x94 [^\0-\x20\x7f+]+ (?=.{8})" + BASE64 + b"\n){1,100})\n")

def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def unbase64(text): return base64.b64decode(text) if re.fullmatch(BASE64, text) else b""
def from_url(text): return unbase64(text.translate(bytes.maketrans(b"-_+/", b"+/!!")))
def key_lines(text): return re.findall(rb"(?m)^[ \t\xef\xbb\xbf]*([^#\s].*?)\s*$", text)
def fold(tree): return functools.reduce(lambda r, l: sha256(b"\1", l, r), tree[::-1] or [sha256()])
def need(condition, finding):
    if not condition: raise ValueError(finding)
def read_key(text):  # a verifier key of signed notes, as name, key id and public key
    name, key_id, key = (text.split(b"+", 2) + [b"", b""])[:3]
    key, own_id = unbase64(key), sha256(name, b"\n", unbase64(key))[:4]
    need(len(key) == 33 and key[0] == 1 and key_id == own_id.hex().encode(), "FL203 a bad key")
    return name, own_id, key[1:]
def signed_by(key, note):  # a signature that has this key's id but is not by it is an error
    verify = Ed25519PublicKey.from_public_bytes(key[2]).verify
    return [verify(sig[4:], note.text) for name, sig in note.signed if (name, sig[:4]) == key[:2]]
def read_notes(text, origin, may_be_torn):  # checkpoints, perhaps with the beginning of another
    form, notes, at = re.compile(NOTE % re.escape(origin)), [], 0
    while (match := form.match(text, at)) and match[4].decode():  # names must be UTF-8
        at, signed = match.end(), re.findall(b" (.+) (.+)\n", match[4])
        notes.append(argparse.Namespace(text=match[1], size=int(match[2]), root=unbase64(match[3]),
                                        signed=[(name, unbase64(sig)) for name, sig in signed]))
    sample = origin + b"\n1\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 x AAAAAAAA\n\n"
    ends = [sample[i:] for i in range(len(sample))] + [b"=\n\n"]  # one makes a torn one whole
    torn, ends = text[at:at + (1 << 17)].rstrip(b"\0"), ends * may_be_torn
    need(at == len(text) or any(form.fullmatch(torn + end) for end in ends), "FL201 malformed")
    return notes
def add(log, entry):  # to the tree, kept as the roots of its perfect subtrees, largest first
    log.size += 1
    log.roots.append(sha256(b"\0", entry))
    for _ in range((log.size & -log.size).bit_length() - 1):
        log.roots[-2:] = [sha256(b"\1", *log.roots[-2:])]
    if log.size in log.seen: log.seen[log.size] = fold(log.roots)

def read_lines(path, most):  # those of a closed segment may be compressed
    if path.exists() or not os.path.exists(f"{path}.zst"):
        return (yield from iter(functools.partial(path.open("rb").readline, most), b""))
    with subprocess.Popen(["zstd", "-dcqM8MB", f"{path}.zst"], stdout=-1, stderr=-3) as process:
        yield from iter(functools.partial(process.stdout.readline, most), b"")
    need(process.returncode == 0, "FL310 a damaged compressed file")
def check_lines(log, path, _, cap=1 << 20):
    for line in read_lines(path, cap + 1):
        raw, seq, here = from_url(line[:-1]), None, f"entry #{log.size}"
        if line[-1:] != b"\n" and len(line) <= cap:
            log.tail = len(line)
            return need(log.chained or path == log.path, "FL307 bytes after the last line")
        need(raw[:1] == b"\x80" and len(raw) > 72 and len(raw) % 16 == 9, f"FL106 {here}: no token")
        try:
            text = MultiFernet(log.ciphers).decrypt(line[:-1]) if log.ciphers else b""
            log.opened += 1
            seq = json.loads(text.decode())["seq"]
        except InvalidToken:
            log.shut = log.shut or f"FL101 {here} was changed"
        except (ValueError, LookupError, TypeError, RecursionError):
            pass  # a foreign plaintext
        need(type(seq) is not int or seq == log.size, f"FL104 {here} says that it is #{seq}")
        need(log.size < log.signed or hash(line) not in log.lines, f"FL105 {here} is there twice")
        if len(log.lines) < 1 << 18: log.lines.add(hash(line))
        add(log, line[:-1])

def check_segment(log, path, number):  # with its chain; and that it continues the one before
    text, _, notes = pathlib.Path(f"{path}.chain").read_bytes().partition(b"\n\n")
    lines, joins, tail, log.tail = text.split(b"\n"), log.signer or not number, log.tail, 0
    need(not re.match(b"fernlog/segment@v(?!1\n)[0-9]+\n", text), "FL000 another version")
    head = dict(line.partition(b" ")[::2] for line in lines)
    origin, first, signer = head[b"origin"], int(head[b"first"]), read_key(head[b"signer"])
    roots = [unbase64(hash) for hash in head.get(b"frontier", b"").split()]
    need(lines[0] == b"fernlog/segment@v1" and fold(roots) == unbase64(head[b"root"])
         and list(map(len, roots)) == [32] * bin(first).count("1") and signer[0] == origin
         and int(head[b"segment"]) == number and log.origin in (b"", origin), "FL203 bad header")
    lost, notes = b"event signer lost" in lines, read_notes(notes, origin, path == log.path)
    kept = not tail or b"event recovered torn-tail-kept %d" % tail in lines
    ends = (log.size, fold(log.roots)) == (first, fold(roots)) and (lost or log.covered == first)
    need(not joins or ends and kept, "FL204 the segment before ends elsewhere or in another way")
    sizes = [note.size for note in notes]
    need(sizes[:1] == [first + 1] and sizes == sorted(sizes), "FL204 there is no hand-over")
    once = [len({sig[:4] + name for name, sig in n.signed}) == len(n.signed) for n in notes]
    log.known |= {bool(signed_by(log.key, note)) for note in notes}
    own = [signed_by(signer, note) for note in notes]
    before = [bool(log.signer and signed_by(log.signer, note)) for note in notes]
    need(all(once) and all(own[1:]) and not any(before[1:]) and signer[:2] not in log.ids and (
        lost or own[0] and before[0] == bool(log.signer)), "FL204 signed twice, or by a wrong key")
    log.ids = {(name, signature[:4]) for note in notes for name, signature in note.signed}
    log.origin, log.size, log.roots, log.lines, log.signed = origin, first, roots, set(), sizes[-1]
    log.ciphers = [Fernet(key) for key in log.ring if head[b"fernet-key"].endswith(
        base64.b64encode(sha256(b"fernlog/key-commitment@v1\n", origin, b"\n", from_url(key))))]
    log.found += ["FL207 the signer was lost: from here on all rests on the log key"] * lost
    gone = path != log.path and not path.exists() and not os.path.exists(f"{path}.zst")
    shut = log.ring != [] == log.ciphers and not gone
    log.found += [f"FL401 no key given opens segment {number}"] * shut
    log.seen.update(dict.fromkeys(sizes))
    add(log, text + b"\n")
    if not gone: check_lines(log, path, number)
    for note in notes:  # without lines there is a root for the header alone
        seen, log.seen[note.size] = log.seen[note.size], note.root
        need(seen in (note.root, gone and None), f"FL202 the first {note.size} entries changed")
    if gone: log.size, log.roots = sizes[-1], [note.root]
    for a, b in re.findall(rb"(?m)^event pruned (\d+)(?:-(\d+))?$", text):
        log.gone -= {n for n in log.gone if int(a) <= n <= int(b or a) < number}
    log.gone |= {number} if gone else set()
    log.covered, log.signer = sizes[-1], signer

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", metavar="LOG", type=pathlib.Path)
    for option in ("--vkey", "-k", "--checkpoint"):
        parser.add_argument(option, type=pathlib.Path, required=option == "--vkey")
    log = parser.parse_args(None, argparse.Namespace(size=0, covered=0, tail=0, opened=0))
    (log.key,) = map(read_key, key_lines(log.vkey.read_bytes()))
    log.ring = key_lines(log.k.read_bytes()) if log.k else []
    need(all(len(from_url(key)) == 32 for key in log.ring) and (log.ring or not log.k), "bad key")
    text = log.checkpoint.read_bytes().rstrip(b"\n") + b"\n\n" if log.checkpoint else b""
    anchors = read_notes(text, log.key[0], False)
    need(all(signed_by(log.key, note) for note in anchors), "checkpoint of another log key")
    stem, ext = log.path.stem, log.path.suffix
    form = r"%s\.(\d{6}|[1-9]\d{6,})%s(\.chain|\.zst)?" % (re.escape(stem), re.escape(ext))
    closed = sorted({int(m[1]) for name in os.listdir(log.path.parent)
                     if (m := re.fullmatch(form, name, re.A))})
    paths = [log.path.with_name(f"{stem}.{n:06}{ext}") for n in closed] + [log.path]
    need(shutil.which("zstd") or not any(pathlib.Path(f"{path}.zst").exists() for path in paths),
         "to read the compressed segments the command zstd is needed")
    log.chained = any(pathlib.Path(f"{path}.chain").exists() for path in paths)
    new, chain = (pathlib.Path(f"{log.path}.chain{end}").exists() for end in (".new", ""))
    need((log.chained or closed or log.path.exists()) and new <= chain, "no log, or half rolled")
    log.roots, log.known, log.ids, log.lines, log.signed = [], set(), set(), set(), 1 << 65
    log.origin, log.signer, log.shut, log.gone = b"", None, None, set()
    log.ciphers, log.seen = list(map(Fernet, log.ring)), {a.size: sha256() for a in anchors}
    log.found = ["FL303 a segment is missing"] * (closed != list(range(len(closed))))
    log.found += ["FL304 no chain: only the content was checked"] * (not log.chained)
    log.found += ["note: no anchor: records cut off at the end would go unnoticed"] * (not anchors)
    lines = (line for path in paths for line in read_lines(path, 1 << 20))
    if not log.chained and not any(b"gAAAA" in line for line in lines):
        return print("NOT A LOG: there is no token in it") or 14
    for number, path in enumerate(paths):
        try:
            (check_segment if log.chained else check_lines)(log, path, number)
        except (FileNotFoundError, KeyError, ValueError, InvalidSignature) as error:
            log.signer, log.tail, log.ids = None, 0, set()
            log.found.append(f"{str(error) or 'FL201 a signature is bad'} in {path.name!a}")
    log.found += [f"FL301 {log.tail} bytes after the last line"] * (log.tail > 0)
    log.found += [log.shut if log.opened or log.chained else "FL401 not its key"] * bool(log.shut)
    if False in log.known:
        log.found.append("FL201 not all is signed" if True in log.known else "FL401 another's vkey")
    log.found += [f"FL303 no header says why the lines of {log.gone} are gone"] * bool(log.gone)
    log.found += ["FL302 it is not as anchored"] * any(log.seen[a.size] != a.root for a in anchors)
    codes = {10 if log.origin and f[:5] == "FL000" else CODES.get(f[:5], 10) for f in log.found}
    code = next((code for code in VERDICTS if code in codes), 0)
    print(f"{VERDICTS[code]}: origin {str(log.origin)[2:-1]}, size {log.size}, "
          f"{log.covered} covered, {log.size - log.covered} uncovered", *log.found, sep="\n")
    return code

if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, InvalidSignature) as error:
        sys.exit(print(f"verify.py: {error}", file=sys.stderr) or 2)
