#!/usr/bin/env python3
"""The usual encrypted log in Python: logging.FileHandler with a Formatter that encrypts JSON.

    python_writer.py write N FILE                 append N records; the key goes to FILE.key
    python_writer.py search FILE KEYFILE PATTERN  decrypt line by line and count the matches

Prints one JSON line with the records per second, the baseline that other figures are divided by.
"""
import json
import logging
import re
import sys
import time

from cryptography.fernet import Fernet


class EncryptingFormatter(logging.Formatter):
    def __init__(self, key):
        super().__init__()
        self.fernet = Fernet(key)

    def format(self, record):
        fields = {"timestamp": self.formatTime(record), "level": record.levelname,
                  "logger": record.name, "message": record.getMessage()}
        return self.fernet.encrypt(json.dumps(fields).encode()).decode()


def write(count, path):
    key = Fernet.generate_key()
    with open(path + ".key", "xb") as file:
        file.write(key + b"\n")
    handler = logging.FileHandler(path)
    handler.setFormatter(EncryptingFormatter(key))
    logger = logging.getLogger("payments.api")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    for number in range(int(count)):
        logger.info("request %08d of user-%04d from 192.0.2.%03d: POST /v1/payments answered "
                    "201 Created in %d ms", number, number % 5000, number % 256, number % 90)
    handler.close()
    return {"records": int(count)}


def search(path, key_path, pattern):
    with open(key_path, "rb") as file:
        fernet = Fernet(file.read().strip())
    with open(path, "rb") as log:
        found = [re.search(pattern, fernet.decrypt(line.rstrip()).decode()) for line in log]
    return {"records": len(found), "matches": len(found) - found.count(None)}


if __name__ == "__main__":
    if len(sys.argv) != {"write": 4, "search": 5}.get(sys.argv[1] if sys.argv[1:] else None):
        sys.exit(__doc__)
    start = time.perf_counter()
    result = {"write": write, "search": search}[sys.argv[1]](*sys.argv[2:])
    rate = round(result["records"] / (time.perf_counter() - start))
    print(json.dumps({"command": sys.argv[1], **result, "records_per_second": rate}))
