"""Replays recorded HTTP exchanges, scenario by scenario, and compares the answers."""

import base64
import io
import itertools
import re
import time
import zipfile

from . import compare, records, wire

# Groups that are replayed; every group whose name begins with `webhook` too.
GROUPS = {"execution-read", "execution-create", "execution-search", "flow", "flow-invalid", "log"}
# Groups of parts that are not there yet. They are counted apart; a group of neither list is an error.
LATER = {
    "execution-act", "execution-bulk", "basic-auth", "kv", "cors", "error", "trigger", "management", "service", "metric",
    "kestra-url",
}
MEMBERS = {
    "id", "group", "scenario", "step", "request", "response", "capture", "repeat_until", "unordered", "timing_dependent"
}
REQUEST = {
    "method", "path", "version", "headers", "body", "body_base64", "body_repeat", "framing", "port", "server",
    "sends_body_after_100",
}
RESPONSE = {
    "status", "headers", "body", "body_text", "body_kind", "interim", "partial", "note", "events", "first_frame_raw",
    "closed_by", "zip_entries",
}
FRAMINGS = {None, "chunked", "raw"}
KINDS = {None, "json", "text", "none", "sse", "zip"}
SERVERS = {None, "basic-auth"}

# How long a request is repeated until its answer is the wanted one.
REPEAT_SECONDS_MAX = 15
# Labels that only one of the two versions gives.
LOST_LABELS = ("system.from", "system.correlationId")
# Texts that every version of Kestra has in its answer.
SHARED_WORDS = ("Flow not found", "Webhook not found")

# Members that the older version has and the newer one has not, by kind of answer.
DROPPED = [
    # A webhook's answer became a document of its own.
    (r"\w+ (http://[^/]+)?/api/v1/executions/webhook/", ("originalId", "deleted", "metadata")),
    # Addresses of the page have the tenant in them.
    (r"POST /api/v1/executions/(trigger/)?[^/?]+/[^/?]+(\?|$)", ("url",)),
    # Executions in lists have no task runs.
    (r"GET /api/v1/executions(/search)?\?", ("results[[]*].taskRunList", "results[[]*].inputs", "results[[]*].outputs")),
]


class Result:
    """What came of one recorded line."""

    def __init__(self, record, differences, status, scenario):
        self.record, self.differences, self.status, self.scenario = record, differences, status, scenario
        self.id, self.group = record["id"], record.get("group", "webhook-evaluate")


def check(record):
    """Refuses what this program does not know."""
    where = record["id"]
    records.check(where, record, MEMBERS)
    records.check(f"the request of {where}", record["request"], REQUEST)
    records.check(f"the response of {where}", record["response"], RESPONSE)
    records.check(f"what {where} is repeated for", record.get("repeat_until", {}), {"json_path", "one_of"})
    group = record["group"]
    known = group in GROUPS or group in LATER or group.startswith("webhook")
    for what, value, allowed in (
        ("group", group, {group} if known else set()),
        ("framing", record["request"].get("framing"), FRAMINGS),
        ("body_kind", record["response"].get("body_kind"), KINDS),
        ("server", record["request"].get("server"), SERVERS),
        ("port", record["request"].get("port"), {None, "management"}),
    ):
        if value not in allowed:
            raise records.Unknown(f"{where} has the unknown {what} {value}")


def is_replayed(record):
    """Whether the parts that this line is about are there."""
    return record["group"] not in LATER


def scenarios(lines):
    """Lines that belong together, in order."""
    return [list(group) for _, group in itertools.groupby(lines, key=lambda line: line.get("scenario", line["id"]))]


class Replay:
    """Replays scenarios against servers: by name the address of each."""

    def __init__(self, addresses):
        self.addresses = addresses

    def run(self, scenario):
        """The results of all steps of a scenario."""
        captured = {}
        carried = {str(name) for step in scenario for name, _ in step["request"]["headers"]}
        normal = compare.Normal(carried, LOST_LABELS)
        return [self._step(step, scenario, captured, normal) for step in scenario]

    def _step(self, step, scenario, captured, normal):
        request = step["request"]
        missing = [name for name in _names(request) if name not in captured]
        if missing:
            return Result(step, [compare.NotSent(missing[0])], None, scenario)
        answer = self._ask(step, captured)
        if answer is None:
            return Result(step, [compare.Difference("status", step["response"]["status"], None)], None, scenario)
        document = _document(answer)
        for name, path in step.get("capture", {}).items():
            value = look_up(document, path)
            if isinstance(value, str):
                captured[name] = value
        differences = list(_differences(step, answer, document, captured, normal))
        return Result(step, differences, answer.status, scenario)

    def _ask(self, step, captured):
        until = step.get("repeat_until")
        deadline = time.monotonic() + REPEAT_SECONDS_MAX
        while True:
            answer = self._send(step["request"], captured)
            if until is None or answer is None or answer.status != step["response"]["status"]:
                return answer
            if look_up(_document(answer), until["json_path"]) in until["one_of"] or time.monotonic() > deadline:
                return answer
            time.sleep(0.02)

    def _send(self, request, captured):
        body, is_filled = _body(request, captured)
        headers = [(name, value) for name, value in request["headers"]]
        if is_filled:
            headers = [(n, str(len(body)) if n.lower() == "content-length" else v) for n, v in headers]
        version = request.get("version", "HTTP/1.1")
        head = wire.request_bytes(request["method"], fill(request["path"], captured), version, headers)
        if request.get("framing") == "chunked":
            body = wire.chunked(body)
        address = self.addresses[request.get("server")]
        return wire.exchange(address, head, body, request["method"], request.get("sends_body_after_100", False))


def _names(request):
    texts = [request["path"], request.get("body") or ""]
    texts += [value for _, value in request["headers"] if isinstance(value, str)]
    return [name for text in texts for name in re.findall(r"\$\{(\w+)\}", text)]


def fill(text, captured):
    """Puts captured values where their names stand."""
    return re.sub(r"\$\{(\w+)\}", lambda name: captured.get(name[1], name[0]), text)


def _body(request, captured):
    if "body_base64" in request:
        return base64.b64decode(request["body_base64"]), False
    if "body_repeat" in request:
        repeat = request["body_repeat"]
        return (repeat["prefix"] + repeat["unit"] * repeat["count"] + repeat["suffix"]).encode("utf-8"), False
    text = request.get("body") or ""
    return fill(text, captured).encode("utf-8"), "${" in text


def _document(answer):
    """The JSON of an answer; None when it is none."""
    if answer is None or "json" not in answer.header("content-type"):
        return None
    try:
        return records.parse_json(answer.body.decode("utf-8"))
    except ValueError:
        return None


def look_up(document, path):
    """The value at a path such as `state.current`; `len` is the length of a list."""
    if path == "len":
        return len(document) if isinstance(document, list) else None
    for part in path.split("."):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def _differences(step, answer, document, captured, normal):
    response = step["response"]
    if answer.status != response["status"]:
        yield compare.Difference("status", response["status"], answer.status)
        return
    if response.get("interim", []) != answer.interim and "interim" in response:
        yield compare.Difference("interim", response["interim"], answer.interim)
    yield from {
        "json": _json, "text": _text, "sse": _events, "zip": _zip, "none": _nothing, None: _nothing,
    }[response.get("body_kind")](step, answer, document, captured, normal)


def _nothing(_step, answer, *_):
    # Where the older version sent an empty body, the newer may say more; an answer without a body cannot.
    if answer.status == 204 and answer.body:
        yield compare.Difference("body", None, answer.body)


def _recorded(step, captured):
    response = step["response"]
    # The text keeps spellings that parsing loses, unless it was too long to be kept.
    text = response.get("body_text", "<string ")
    return _filled(response.get("body") if text.startswith("<string ") else records.parse_json(text), captured)


def _filled(value, captured):
    if isinstance(value, dict):
        return {fill(key, captured): _filled(member, captured) for key, member in value.items()}
    if isinstance(value, list):
        return [_filled(member, captured) for member in value]
    return fill(value, captured) if isinstance(value, str) else value


def _json(step, answer, document, captured, normal):
    recorded = _recorded(step, captured)
    if isinstance(recorded, dict) and "message" in recorded and "_links" in recorded:
        yield from _problem(recorded["message"], document)
        return
    if document is None:
        yield compare.Difference("body", recorded, answer.body[:200])
        return
    dropped = [path for pattern, paths in DROPPED if re.match(pattern, _target(step)) for path in paths]
    if step.get("timing_dependent"):
        dropped += ["state", "taskRunList", "outputs"]
    comparison = compare.Comparison(dropped, _unordered(step))
    comparison.of(normal.of(recorded), normal.of(document), "")
    yield from comparison.found


def _unordered(step):
    """The members whose lists came in no order; `the list` is the answer itself."""
    named = str(step.get("unordered", ""))
    return [""] if named == "the list" else re.findall(r"\w+", named)


def _problem(message, document):
    """Errors have another shape in every version, but for the words that clients look for."""
    said = document.get("detail", "") if isinstance(document, dict) else ""
    for words in SHARED_WORDS:
        if words in message and words not in said:
            yield compare.Difference("detail", message, said)


def _target(step):
    return f"{step['request']['method']} {step['request']['path']}"


def _text(step, answer, _document, captured, _normal):
    recorded, ours = fill(step["response"]["body"], captured), answer.body.decode("utf-8", "replace")
    if not compare.same_text(recorded.strip(), ours.strip()):
        yield compare.Difference("body", recorded, ours)


def events(body):
    """The events of a stream: id and data of each."""
    found = []
    for block in body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(":", 1) for line in block.split("\n") if ":" in line)
        if "data" in fields:
            found.append({"id": fields.get("id", "").strip(), "data": records.parse_json(fields["data"])})
    return found


def _events(step, answer, _document, captured, normal):
    """Every recorded event comes, in order; how often a state is repeated depends on the time."""
    ours = iter(normal.of(events(answer.body)))
    for event in normal.of(_filled(step["response"]["events"], captured)):
        if not any(_agree(event, other) for other in ours):
            yield compare.Difference("events", event, compare.MISSING)


def _agree(event, other):
    comparison = compare.Comparison(["id"])
    comparison.of(event, other, "")
    return not comparison.found


def _zip(step, answer, *_):
    try:
        names = zipfile.ZipFile(io.BytesIO(answer.body)).namelist()
    except zipfile.BadZipFile:
        names = None
    if names is None or sorted(names) != sorted(step["response"]["zip_entries"]):
        yield compare.Difference("zip", step["response"]["zip_entries"], names)
