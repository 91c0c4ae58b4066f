"""Reading recorded lines, plain or compressed, and telling their kinds apart by their members."""

import decimal
import gzip
import json
import pathlib

EXCHANGE, CALL, FLOW, OTHER = "exchange", "call", "flow", "other"


class Unknown(Exception):
    """The data holds something that this program does not know: it must not pass for tested."""


def parse_json(text):
    """JSON with every number as it is written: 1.0 and 1 stay apart, and no digit is lost."""
    return json.loads(text, parse_float=decimal.Decimal, parse_constant=_refuse)


def _refuse(name):
    raise ValueError(f"{name} is no JSON")


def read(path):
    """The lines of a file, parsed."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [parse_json(line) for line in lines if line.strip()]


def kind(record):
    """Which kind of line this is."""
    members = set(record)
    if {"id", "group", "request", "response"} <= members:
        return EXCHANGE
    if {"id", "flow", "request", "description"} <= members:
        return CALL
    if members == {"namespace", "id", "source"}:
        return FLOW
    return OTHER


def by_kind(path, must_be_known):
    """The lines of a file by their kinds. A file of a folder may hold something else, but not beside what is known."""
    found = {}
    for line in read(path):
        found.setdefault(kind(line), []).append(line)
    if OTHER in found and (must_be_known or len(found) > 1):
        raise Unknown(f"{path} has lines that are neither exchanges nor calls: {str(found[OTHER][0])[:80]}")
    return found


def files(path):
    """The file itself, or the files of a folder."""
    path = pathlib.Path(path)
    if not path.exists():
        raise SystemExit(f"{path} is not there")
    if path.is_file():
        return [path]
    return sorted(p for p in path.iterdir() if p.name.endswith((".jsonl", ".jsonl.gz")))


def check(what, found, known):
    """Refuses members that are not known."""
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise Unknown(f"{what} has the unknown member {', '.join(unknown)}")
