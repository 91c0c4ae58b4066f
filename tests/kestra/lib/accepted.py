"""The list of accepted differences: what is in it must differ, and must differ only as it says."""

import fnmatch
import tomllib

from . import compare, conditions

# Why a difference is accepted.
CAUSES = {
    "version": "the recorded version is older than 2.0, which we follow",
    "on purpose": "docs/compatibility.md says why we do otherwise",
    "web layer": "what stands before Kestra's own code, and is another product here",
    "later": "a part that is not there yet, named in the reason",
    "decision": "a choice of ours, with its reason",
}
OTHERS = {"because", "reason", "differs", "ours"}


class Entry:
    """One accepted difference: which lines it is about, and where they may differ."""

    def __init__(self, table):
        unknown = set(table) - conditions.ALL.keys() - OTHERS
        if unknown or table.get("because") not in CAUSES or not table.get("reason") or not table.get("differs"):
            raise SystemExit(f"an entry of the list is not complete or has unknown members: {table}")
        self.table = table
        self.conditions = [(conditions.ALL[name], table[name]) for name in table if name in conditions.ALL]
        if not self.conditions:
            raise SystemExit(f"an entry of the list is about every line: {table}")

    def is_about(self, result):
        """Whether the list says that this line differs. Only the recording decides, never our answer."""
        return all(condition(wanted, result) for condition, wanted in self.conditions)

    def covers(self, difference, status):
        """Whether a difference is the accepted one."""
        if "ours" in self.table and status != self.table["ours"]:
            return False
        return any(fnmatch.fnmatchcase(difference.path, pattern) for pattern in self.table["differs"])


class List:
    """The whole list."""

    def __init__(self, path):
        self.entries = [Entry(table) for table in tomllib.loads(path.read_text())["accept"]]
        self.verdicts = {}

    def judge(self, result):
        """`same`, `listed` or `differ`, and for the last why. A line that could not be sent, because an accepted difference
        left nothing to send it about, is accepted with it."""
        verdict = ("listed", []) if self._hangs_on_listed(result) else self._judge(result)
        self.verdicts[result.id] = verdict[0]
        return verdict

    def _hangs_on_listed(self, result):
        missing = [difference.name for difference in result.differences if isinstance(difference, compare.NotSent)]
        givers = [step for step in result.scenario if missing and missing[0] in step.get("capture", {})]
        return any(self.verdicts.get(giver["id"]) == "listed" for giver in givers)

    def _judge(self, result):
        about = [entry for entry in self.entries if entry.is_about(result)]
        if not result.differences:
            return ("differ", ["listed, but it agrees"]) if about else ("same", [])
        left = [
            difference
            for difference in result.differences
            if not any(entry.covers(difference, result.status) for entry in about)
        ]
        return ("differ", [str(difference) for difference in left]) if left else ("listed", [])
