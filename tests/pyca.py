"""Fernet as pyca/cryptography does it, for the tests to compare with.

    pyca.py open KEYFILE LOGFILE   print each plaintext of the log as one JSON string per line
    pyca.py differential KEY       answer requests on stdin, one JSON object per line, in order:
        {"op": "seal", "time": 0, "iv": "<hex>", "data": "<hex>"}  ->  {"token": "<token>"}
        {"op": "open", "token": "<token>"}  ->  {"data": "<hex>"} or {"error": true}

An answer is written before the next request is read. Every line must open: `open` ends with a
status other than 0 at the first that does not.
"""
import json
import sys

from cryptography.fernet import Fernet, InvalidToken


def open_log(key_path, log_path):
    with open(key_path, encoding="ascii") as file:
        lines = [line.strip() for line in file]
    fernet = Fernet(next(line for line in lines if line and not line.startswith("#")))
    with open(log_path, "rb") as log:
        for line in log:
            print(json.dumps(fernet.decrypt(line).decode("utf-8")))


def answer(fernet, request):
    if request["op"] == "seal":
        data, iv = bytes.fromhex(request["data"]), bytes.fromhex(request["iv"])
        return {"token": fernet._encrypt_from_parts(data, request["time"], iv).decode("ascii")}
    try:
        return {"data": fernet.decrypt(request["token"].encode()).hex()}
    except InvalidToken:
        return {"error": True}


def differential(key):
    fernet = Fernet(key)
    for line in sys.stdin:
        print(json.dumps(answer(fernet, json.loads(line))), flush=True)


if __name__ == "__main__":
    commands = {("open", 4): open_log, ("differential", 3): differential}
    command = commands.get((sys.argv[1] if len(sys.argv) > 1 else "", len(sys.argv)))
    if command is None:
        sys.exit(__doc__)
    command(*sys.argv[2:])
