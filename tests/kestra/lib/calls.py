"""Replays recorded calls of the webhook trigger: each brings its own flow, and what became of the execution is compared too."""

import base64
import json
import re
import time
import urllib.parse

from . import compare, records, wire
from .exchanges import Result

MEMBERS = {
    "id", "description", "flow", "request", "renderedKey", "url", "urlError", "keyError", "requestError", "parameters",
    "response", "executionCreated", "execution", "flowValidation", "refused", "otherSteps", "repeat",
}
REQUEST = {"headers", "body", "bodyBase64", "method", "query", "path", "multipart"}
RESPONSE = {"status", "headers", "bodyClass", "body"}
EXECUTION = {
    "id", "flowId", "flowRevision", "state", "histories", "originalId", "labels", "trigger", "attemptNumber", "taskRuns",
    "logs", "flowOutputs", "variables", "inputs", "parentId", "kind", "loopRun", "metrics", "scheduleDate", "stuck", "timedOut",
}
TASK_RUN = {
    "id", "taskId", "state", "histories", "attempts", "outputs", "forceExecution", "parent", "value", "iteration",
}
# What is done before a call, and what could be: a call that needs one of the latter differs.
STEPS = {"run", "wait", "sleep"}
STEPS_LATER = {
    "resume", "pause", "kill", "restart", "replay", "changeTaskRunState", "changeStatus", "updateLabels", "forceRun",
    "unqueue", "resumeFromBreakpoint", "update",
}
ENDED = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED"}
END_SECONDS_MAX = 20
# What was recorded below HTTP has a body even so.
NO_BODY = {204, 205, 304}
API = "/api/v1/main"


def check(record):
    """Refuses what this program does not know."""
    where = record["id"]
    records.check(where, record, MEMBERS)
    records.check(f"the request of {where}", record["request"], REQUEST)
    records.check(f"the response of {where}", record.get("response", {}), RESPONSE)
    records.check(f"the execution of {where}", record.get("execution") or {}, EXECUTION)
    for run in (record.get("execution") or {}).get("taskRuns", []):
        records.check(f"a task run of {where}", run, TASK_RUN)
    for step in record.get("otherSteps", []):
        if step["op"] not in STEPS | STEPS_LATER:
            raise records.Unknown(f"{where} has the unknown operation {step['op']}")


def flow_file(record):
    """A file name for the flow of a call; several calls share one."""
    return record["id"].partition("#")[0] + ".yaml"


def run(address, record):
    """Makes one call and compares all that came of it."""
    differences, status = [], None
    others = _begin_others(address, record)
    before = _count(address, record)
    answer = _call(address, record)
    if answer is None:
        differences.append(compare.Difference("status", _status(record), None))
    else:
        status = answer.status
        differences += _compare(address, record, answer, before)
        differences += _not_done(record, status)
    for other in others:
        _ended(address, other)
    return Result(record, differences, status, [record])


def _not_done(record, status):
    """Steps before the call that were left out: then its answer says nothing, unless there was nothing to call."""
    for step in record.get("otherSteps", []):
        if step["op"] in STEPS_LATER and status == _status(record):
            yield compare.Difference("otherSteps", step["op"], "not done")


def _status(record):
    # A flow that nobody can execute is not found, and neither is a trigger whose key cannot be rendered: it has no address.
    # What was recorded is what the trigger does below HTTP.
    return 404 if "refused" in record or "keyError" in record else record.get("response", {}).get("status")


def _place(record):
    namespace = re.search(r"^namespace:\s*(\S+)", record["flow"], re.M)[1]
    return namespace, re.search(r"^id:\s*(\S+)", record["flow"], re.M)[1]


def _call(address, record):
    request, (namespace, flow) = record["request"], _place(record)
    key = record.get("renderedKey", "abc")
    target = f"{API}/executions/webhook/{namespace}/{flow}/{urllib.parse.quote(key, safe='')}"
    target += f"/{request['path']}" if "path" in request else ""
    target += f"?{request['query']}" if "query" in request else ""
    headers = [("Host", "localhost:8080"), *request.get("headers", [])]
    body = _body(request)
    if "multipart" in request:
        headers.append(("Content-Type", "multipart/form-data; boundary=XX"))
    if body is not None:
        headers.append(("Content-Length", str(len(body))))
    return _send(address, request["method"], target, headers, body or b"")


def _body(request):
    if "bodyBase64" in request:
        return base64.b64decode(request["bodyBase64"])
    if "multipart" in request:
        return b"".join(_part(part) for part in request["multipart"]) + b"--XX--\r\n"
    return request["body"].encode("utf-8") if "body" in request else None


def _part(part):
    name = f'form-data; name="{part["name"]}"'
    name += f'; filename="{part["filename"]}"' if "filename" in part else ""
    return f"--XX\r\nContent-Disposition: {name}\r\n\r\n{part.get('value', 'x')}\r\n".encode("utf-8")


def _send(address, method, target, headers, body=b""):
    head = wire.request_bytes(method, target, "HTTP/1.1", headers)
    return wire.exchange(address, head, body, method)


def _get(address, target):
    answer = _send(address, "GET", API + target, [("Host", "localhost:8080")])
    return records.parse_json(answer.body.decode("utf-8")) if answer and answer.status == 200 else None


def _count(address, record):
    namespace, flow = _place(record)
    found = _get(address, f"/executions?namespace={namespace}&flowId={flow}")
    return found["total"] if found else None


def _ended(address, execution):
    deadline = time.monotonic() + END_SECONDS_MAX
    while time.monotonic() < deadline:
        found = _get(address, f"/executions/{execution}")
        if found and found["state"]["current"] in ENDED:
            # What follows the end (afterExecution) may still run.
            if all(run["state"]["current"] in ENDED | {"SKIPPED"} for run in found.get("taskRunList", [])):
                return found
        time.sleep(0.02)
    return None


def _begin_others(address, record):
    """Starts the executions that were there before the call."""
    started, (namespace, flow) = [], _place(record)
    for step in record.get("otherSteps", []):
        if step["op"] == "sleep":
            time.sleep(step["ms"] / 1000)
        if step["op"] != "run":
            continue
        answer = _send(address, "POST", f"{API}/executions/{namespace}/{flow}", [("Host", "x"), ("Content-Length", "0")])
        if answer is None or answer.status != 200:
            continue
        started.append(json.loads(answer.body)["id"])
        deadline = time.monotonic() + END_SECONDS_MAX
        while time.monotonic() < deadline:
            found = _get(address, f"/executions/{started[-1]}")
            if found and found["state"]["current"] == step["until"]:
                break
            time.sleep(0.02)
    return started


def _compare(address, record, answer, before):
    recorded = {} if "keyError" in record else record.get("response", {})
    if answer.status != _status(record):
        return [compare.Difference("status", _status(record), answer.status)]
    normal = compare.Normal([name for name, _ in record["request"].get("headers", [])])
    found = compare.Comparison()
    found.found += _content_type(recorded, answer)
    document = _document(answer)
    execution = _find(address, record, document, before, found)
    aliases = {record["execution"]["id"]: execution} if execution and record.get("execution") else {}
    _compare_body(found, normal, _aliased(recorded.get("body"), aliases), document, answer)
    if execution and record.get("execution"):
        _compare_execution(found, normal, _aliased(record["execution"], aliases), address, execution)
    return found.found


def _content_type(recorded, answer):
    for value in recorded.get("headers", {}).get("Content-Type", []):
        if answer.header("content-type").partition(";")[0] != value:
            yield compare.Difference("content-type", value, answer.header("content-type"))


def _document(answer):
    try:
        return records.parse_json(answer.body.decode("utf-8"))
    except ValueError:
        return None


def _find(address, record, document, before, found):
    """The id of the execution that the call made. That there is none, when there should be none, is looked at too."""
    if "executionCreated" not in record or "keyError" in record:
        return None
    after = _count(address, record)
    if not record["executionCreated"]:
        if after != before:
            found.found.append(compare.Difference("executionCreated", False, after))
        return None
    if isinstance(document, dict) and "flowRevision" in document:
        return document["id"]
    namespace, flow = _place(record)
    listed = _get(address, f"/executions?namespace={namespace}&flowId={flow}&sort=state.startDate:desc")
    if not listed or not listed["results"] or after == before:
        found.found.append(compare.Difference("executionCreated", True, False))
        return None
    return listed["results"][0]["id"]


def _aliased(value, aliases):
    if isinstance(value, dict):
        return {key: _aliased(member, aliases) for key, member in value.items()}
    if isinstance(value, list):
        return [_aliased(member, aliases) for member in value]
    if isinstance(value, str):
        return re.sub(r"\b[E]\d+\b", lambda alias: aliases.get(alias[0], alias[0]), value)
    return value


def _compare_body(found, normal, recorded, document, answer):
    if recorded is None or answer.status in NO_BODY:
        return
    if isinstance(recorded, str):
        if compare.same_text(recorded, answer.body.decode("utf-8", "replace")):
            return
        # A text that is the JSON of a map.
        found.of(normal.of(recorded), normal.of(answer.body.decode("utf-8", "replace")), "body")
    elif "flowRevision" in recorded:
        recorded["url"] = recorded["url"].removeprefix("http://localhost:8080")
        ours = dict(document or {})
        ours["url"] = re.sub(r"^https?://[^/]*", "", ours.get("url", ""))
        ours["state"] = _state(ours.get("state", {}))
        recorded["state"] = {key: recorded["state"][key] for key in ("current", "histories")}
        found.of(normal.of(recorded), normal.of(ours), "body")
    else:
        found.of(normal.of(recorded), normal.of(document), "body", closed=True)


def _state(state):
    return {"current": state.get("current"), "histories": _names(state)}


def _names(state):
    return [entry["state"] for entry in state.get("histories", [])]


def _compare_execution(found, normal, recorded, address, execution):
    ours = _ended(address, execution)
    if ours is None:
        found.found.append(compare.Difference("execution", recorded["state"], "no end"))
        return
    recorded.pop("logs")
    runs = {run["id"]: run["taskId"] for run in ours.get("taskRunList", [])}
    shaped = {
        **{name: ours[name] for name in ("id", "flowId", "flowRevision", "originalId", "labels", "trigger") if name in ours},
        **{name: ours[name] for name in ("inputs", "variables", "parentId") if name in ours},
        **({"flowOutputs": ours["outputs"]} if "outputs" in ours else {}),
        "state": ours["state"]["current"],
        "histories": _names(ours["state"]),
        "attemptNumber": ours["metadata"]["attemptNumber"],
        "taskRuns": [_task_run(run, runs) for run in ours.get("taskRunList", [])],
    }
    for member in ("flowOutputs", "inputs"):
        if member in shaped and member not in recorded:
            found.found.append(compare.Difference(f"execution.{member}", compare.MISSING, shaped[member]))
    tasks = {run["id"]: run["taskId"] for run in recorded["taskRuns"]}
    for run in recorded["taskRuns"]:
        run.pop("id")
        run.pop("forceExecution", None)
        if "parent" in run:
            run["parent"] = tasks.get(run["parent"])
    found.of(normal.of(recorded), normal.of(shaped), "execution")


def _task_run(run, runs):
    return {
        "taskId": run["taskId"],
        "state": run["state"]["current"],
        "histories": _names(run["state"]),
        "attempts": [{"histories": _names(attempt["state"])} for attempt in run.get("attempts", [])],
        "outputs": run.get("outputs", {}),
        **({"parent": runs.get(run["parentTaskRunId"])} if "parentTaskRunId" in run else {}),
    }
