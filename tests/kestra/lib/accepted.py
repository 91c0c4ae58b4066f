"""The list of accepted differences: what is in it must differ, and must differ only as it says."""

import fnmatch
import re
import tomllib

# Why a difference is accepted.
CAUSES = {
    "version": "the recorded version is older than 2.0, which we follow",
    "on purpose": "docs/compatibility.md says why we do otherwise",
    "web layer": "what stands before Kestra's own code, and is another product here",
    "later": "a part that is not there yet, named in the reason",
    "decision": "a choice of ours, with its reason",
}
CONDITIONS = {"ids", "group", "method", "path", "body", "header", "status", "says", "flow", "recorded", "source", "valid"}
OTHERS = {"because", "reason", "differs", "ours"}


class Entry:
    """One accepted difference: which lines it is about, and where they may differ."""

    def __init__(self, table):
        unknown = set(table) - CONDITIONS - OTHERS
        if unknown or table.get("because") not in CAUSES or not table.get("reason") or not table.get("differs"):
            raise SystemExit(f"an entry of the list is not complete or has unknown members: {table}")
        if not CONDITIONS & set(table):
            raise SystemExit(f"an entry of the list is about every line: {table}")
        self.table = table

    def is_about(self, result):
        """Whether the list says that this line differs. Only the recording decides, never our answer."""
        conditions = CONDITIONS & set(self.table)
        return all(getattr(self, f"_{name}")(self.table[name], result) for name in conditions)

    def covers(self, difference, status):
        """Whether a difference is the accepted one."""
        if "ours" in self.table and status != self.table["ours"]:
            return False
        return any(fnmatch.fnmatchcase(difference.path, pattern) for pattern in self.table["differs"])

    def _ids(self, patterns, result):
        return any(fnmatch.fnmatchcase(result.id, pattern) for pattern in patterns)

    def _group(self, pattern, result):
        return fnmatch.fnmatchcase(result.group, pattern)

    def _method(self, pattern, result):
        return re.fullmatch(pattern, result.record["request"]["method"]) is not None

    def _path(self, pattern, result):
        return re.search(pattern, result.record["request"].get("path", "")) is not None

    def _body(self, pattern, result):
        return re.search(pattern, result.record["request"].get("body") or "", re.S) is not None

    def _header(self, patterns, result):
        """By name a pattern of the first value; `absent` stands for a header that was not sent."""
        for name, pattern in patterns.items():
            values = [v for n, v in result.record["request"].get("headers", []) if str(n).lower() == name]
            first = str(values[0]) if values else "absent"
            if not re.search(pattern, first):
                return False
        return True

    def _status(self, status, result):
        return result.record.get("response", {}).get("status") == status

    def _says(self, pattern, result):
        body = result.record.get("response", {}).get("body")
        return isinstance(body, dict) and re.search(pattern, str(body.get("message", ""))) is not None

    def _flow(self, pattern, result):
        """A flow that one of the requests of the scenario names."""
        paths = [step["request"].get("path", "") for step in result.scenario]
        return any(re.search(rf"/(?:{pattern})(?:[/?]|$)", path) for path in paths)

    def _recorded(self, pattern, result):
        return re.search(pattern, str(result.record.get("response", {}).get("body"))) is not None

    def _source(self, pattern, result):
        """The text of the flow that a call brings."""
        return re.search(pattern, result.record.get("flow", "")) is not None

    def _valid(self, valid, result):
        """Whether the recorded server took a flow text."""
        return result.record.get("valid") == valid


class List:
    """The whole list."""

    def __init__(self, path):
        self.entries = [Entry(table) for table in tomllib.loads(path.read_text())["accept"]]

    def judge(self, result):
        """`same`, `listed` or `differ`, and for the last why."""
        about = [entry for entry in self.entries if entry.is_about(result)]
        if not result.differences:
            return ("differ", ["listed, but it agrees"]) if about else ("same", [])
        left = [
            difference
            for difference in result.differences
            if not any(entry.covers(difference, result.status) for entry in about)
        ]
        return ("differ", [str(difference) for difference in left]) if left else ("listed", [])
