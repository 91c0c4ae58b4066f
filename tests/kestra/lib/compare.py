"""What counts as the same answer. Both sides go through the same `Normal`, then every recorded member is looked for."""

import decimal
import fnmatch
import hashlib
import itertools
import re

from . import records, refusals

# What the recording wrote in place of values that differ from run to run.
PLACEHOLDER = re.compile(r"<(?:id|date|duration|uuid|thread|storage|number|http-date)>")
LONG_TEXT = re.compile(r"<string length=(\d+) sha256=([0-9a-f]+)>")
# Maps whose members are data: one that is too many is as wrong as one that is missing. Documents may have more members than
# the recorded version had.
CLOSED = {"variables", "inputs", "outputs", "headers", "parameters", "flowOutputs"}
MISSING = "<missing>"
# At how many brackets of a text a printed map is looked for.
STARTS_MAX = 4


class Difference:
    """One place at which an answer is not what was recorded."""

    def __init__(self, path, recorded, ours):
        self.path, self.recorded, self.ours = path, recorded, ours

    def __str__(self):
        return f"{self.path}: recorded {_cut(self.recorded)}, ours {_cut(self.ours)}"


class NotSent(Difference):
    """A request that could not be made, because an earlier answer did not hold what it needs."""

    def __init__(self, name):
        super().__init__("request", "sent", f"not sent: {name} was not captured before")
        self.name = name


def _cut(value):
    text = value if value is MISSING else repr(_plain(value))
    return text if len(text) <= 160 else text[:159] + "…"


def _plain(value):
    if isinstance(value, Printed):
        return value.text
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return float(value) if isinstance(value, decimal.Decimal) else value


class Printed:
    """A text that ends in a printed map or list: the order of members in it says nothing."""

    def __init__(self, text, prefix, value):
        self.text, self.prefix, self.value = text, prefix, value


class Normal:
    """What both sides lose before they are compared."""

    def __init__(self, carried, lost_labels=()):
        self.carried, self.lost_labels = {name.lower() for name in carried}, set(lost_labels)

    def of(self, value, name=""):
        """The value without what is lost."""
        if isinstance(value, dict):
            return self._map(value, name)
        if isinstance(value, list):
            return self._list(value, name)
        return self._text(value) if isinstance(value, str) else value

    def _map(self, value, name):
        if name == "headers":
            return self._headers(value)
        kept = {key: self.of(member, key) for key, member in value.items() if key != "_context"}
        if "labels" in kept and not kept["labels"]:
            del kept["labels"]
        return kept

    def _headers(self, value):
        merged = {}
        for name, values in value.items():
            if name.lower() in self.carried and isinstance(values, list):
                merged.setdefault(name.lower(), []).extend(values)
        return merged

    def _list(self, value, name):
        if name == "labels":
            value = [label for label in value if _key(label) not in self.lost_labels]
        if name == "histories":
            value = [entry for entry in value if _state(entry) != "SUBMITTED"]
        return [self.of(member) for member in value]

    def _text(self, text):
        for start in itertools.islice(re.finditer(r"[{\[]", text), STARTS_MAX):
            try:
                value = records.parse_json(text[start.start() :])
            except (ValueError, RecursionError):
                continue
            return Printed(text, text[: start.start()], self.of(value))
        return text


def _key(label):
    return label.get("key") if isinstance(label, dict) else None


def _state(entry):
    return entry.get("state") if isinstance(entry, dict) else entry


class Comparison:
    """Compares documents. `dropped` are patterns of paths that the newer version no longer has."""

    def __init__(self, dropped=(), unordered=()):
        self.dropped, self.unordered, self.found = dropped, unordered, []

    def of(self, recorded, ours, path, closed=False):
        """Collects the differences under a path."""
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in self.dropped):
            return
        if path.rpartition(".")[2] == "constraints" and isinstance(recorded, Printed):
            recorded = recorded.text
        if isinstance(recorded, Printed):
            self._printed(recorded, ours, path)
        elif path.rpartition(".")[2] == "constraints" and isinstance(ours, (str, Printed)):
            self._constraints(recorded, ours, path)
        elif isinstance(recorded, dict) and isinstance(ours, dict):
            self._maps(recorded, ours, path, closed)
        elif isinstance(recorded, list) and isinstance(ours, list):
            self._lists(recorded, ours, path, closed)
        elif not _same(recorded, ours):
            self.found.append(Difference(path, recorded, ours))

    def _constraints(self, recorded, ours, path):
        """What is wrong with a flow is told with its place here: the same properties and values must be named."""
        ours = ours.text if isinstance(ours, Printed) else ours
        if refusals.missing(recorded, ours) or not re.search(r"at line \d+, column \d+", ours):
            self.found.append(Difference(path, recorded, ours))

    def _printed(self, recorded, ours, path):
        if not isinstance(ours, Printed) or not _same(recorded.prefix, ours.prefix):
            self.found.append(Difference(path, recorded, ours))
            return
        self.of(recorded.value, ours.value, path, closed=True)

    def _maps(self, recorded, ours, path, closed):
        for key, value in recorded.items():
            below = f"{path}.{key}" if path else key
            if key in ours:
                self.of(value, ours[key], below, closed or key in CLOSED)
            elif (closed or value is not None) and not self._is_dropped(below):
                self.found.append(Difference(below, value, MISSING))
        if closed:
            for key in ours.keys() - recorded.keys():
                self.found.append(Difference(f"{path}.{key}", MISSING, ours[key]))

    def _is_dropped(self, path):
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.dropped)

    def _lists(self, recorded, ours, path, closed):
        if len(recorded) != len(ours):
            self.found.append(Difference(path, recorded, ours))
            return
        if path.rpartition(".")[2] in self.unordered:
            ours = self._in_order(recorded, ours, path)
        for place, (one, other) in enumerate(zip(recorded, ours)):
            self.of(one, other, f"{path}[{place}]", closed)

    def _in_order(self, recorded, ours, path):
        """Puts each of ours where it agrees best."""
        left, ordered = list(ours), []
        for one in recorded:
            best = min(left, key=lambda other: self._count(one, other, path))
            left.remove(best)
            ordered.append(best)
        return ordered

    def _count(self, one, other, path):
        trial = Comparison(self.dropped, self.unordered)
        trial.of(one, other, f"{path}[0]")
        return len(trial.found)


def _same(recorded, ours):
    if isinstance(recorded, str):
        ours = ours.text if isinstance(ours, Printed) else ours
        return isinstance(ours, str) and same_text(recorded, ours)
    if isinstance(recorded, bool) or isinstance(ours, bool) or recorded is None or ours is None:
        return recorded is ours
    if _is_number(recorded) and _is_number(ours):
        return isinstance(recorded, int) == isinstance(ours, int) and recorded == ours
    return False


def _is_number(value):
    return isinstance(value, (int, decimal.Decimal))


def same_text(recorded, ours):
    """Whether a text is the recorded one, whose placeholders stand for anything."""
    if long := LONG_TEXT.fullmatch(recorded):
        digest = hashlib.sha256(ours.encode("utf-8", "surrogatepass")).hexdigest()
        return len(ours) == int(long[1]) and digest.startswith(long[2])
    pattern = ".+?".join(re.escape(piece) for piece in PLACEHOLDER.split(recorded))
    return re.fullmatch(pattern, ours, re.DOTALL) is not None
