"""Conditions of the list of accepted differences: what a line must have sent, or what must have been recorded for it.

Conditions about the call look at the request that started the execution, also for a later line that reads the execution.
"""

import base64
import decimal
import fnmatch
import json
import re
import urllib.parse
import zlib

from . import expressions

# The flows that were there from the beginning: source by `namespace/id`.
FLOWS = {}

# Headers that are kept sealed.
SENSITIVE = re.compile(
    r"(proxy-)?authorization|cookie|.*signature.*|x-api-key|x-gitlab-token|paypal-transmission-sig|x-shopify-hmac-sha256"
    r"|x-telegram-bot-api-secret-token",
    re.I,
)


# Levels of nesting up to which a body is parsed.
DEPTH_OURS, DEPTH_KESTRAS = 500, 1000


# How bodies are compressed, by the window that zlib must be told.
CODINGS = {"gzip": [31], "x-gzip": [31], "deflate": [15, -15], "x-deflate": [15, -15]}
# Names that Kestra's older parser reads at most.
NAME_CHARS_MAX = 50_000


def call(result):
    """The request that started the execution that a line is about; the line's own when it reads none."""
    request = result.record["request"]
    if name := re.search(r"^/api/v1/executions/\$\{(\w+)\}", request.get("path", "")):
        for step in result.scenario:
            if name[1] in step.get("capture", {}):
                return step["request"]
    return request


def text(request):
    """The body as text, as far as it is one: decompressed, and in its charset."""
    if encoded := request.get("body_base64") or request.get("bodyBase64"):
        return _in_charset(_decompressed(base64.b64decode(encoded), request), request)
    return request.get("body") or ""


def _value_of(request, name):
    """The first value of a header."""
    values = [value for own, value in request.get("headers", []) if str(own).lower() == name]
    return str(values[0]) if values else ""


def _decompressed(body, request):
    for window in CODINGS.get(_value_of(request, "content-encoding").strip().lower(), []):
        if _inflates(body, window):
            return _inflated(body, window)
    return body


def _in_charset(body, request):
    named = re.findall(r";\s*charset=([^;\s]+)", _value_of(request, "content-type"))
    try:
        return body.decode(named[-1] if named else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def size(request):
    """The size of a body in bytes."""
    if repeat := request.get("body_repeat"):
        return len((repeat["prefix"] + repeat["suffix"]).encode()) + len(repeat["unit"].encode()) * repeat["count"]
    return len(text(request).encode())


def _ids(patterns, result):
    return any(fnmatch.fnmatchcase(result.id, pattern) for pattern in patterns)


def _group(pattern, result):
    return fnmatch.fnmatchcase(result.group, pattern)


def _method(pattern, result):
    return re.fullmatch(pattern, result.record["request"]["method"]) is not None


def _path(pattern, result):
    return re.search(pattern, result.record["request"].get("path", "")) is not None


def _body(pattern, result):
    return re.search(pattern, text(result.record["request"]), re.S) is not None


def _called_with(pattern, result):
    return re.search(pattern, text(call(result)), re.S) is not None


def _called_path(pattern, result):
    return re.search(pattern, call(result).get("path", "")) is not None


def _query(pattern, result):
    return re.search(pattern, result.record["request"].get("query", "")) is not None


def _called_header(patterns, result):
    return _has_headers(patterns, call(result))


def _header(patterns, result):
    return _has_headers(patterns, result.record["request"])


def _has_headers(patterns, request):
    for name, pattern in patterns.items():
        values = [value for own, value in request.get("headers", []) if str(own).lower() == name]
        if not re.search(pattern, str(values[0]) if values else "absent"):
            return False
    return True


def _status(wanted, result):
    return result.record.get("response", {}).get("status") in (wanted if isinstance(wanted, list) else [wanted])


def _says(pattern, result):
    body = result.record.get("response", {}).get("body")
    return isinstance(body, dict) and re.search(pattern, str(body.get("message", ""))) is not None


def _recorded(pattern, result):
    return re.search(pattern, str(result.record.get("response", {}).get("body"))) is not None


def _flow(pattern, result):
    paths = [step["request"].get("path", "") for step in result.scenario]
    return any(re.search(rf"/(?:{pattern})(?:[/?]|$)", path) for path in paths)


def _source(pattern, result):
    return re.search(pattern, result.record.get("flow", "")) is not None


def _wrong_expression(wanted, result):
    """An expression that nobody could render, in the flow that a line brings."""
    request = result.record["request"]
    flow = result.record["flow"] if "flow" in result.record else text(request)
    return expressions.is_wrong(flow) == wanted


# What flow documents may say in Kestra and not here yet: the rest of the flow language, files, and what the paid edition has.
LATER = re.compile(
    r"""
    io\.kestra\.(core\.)?(plugin\.)?core\.(flow|execution|kv|storage|templating|namespace|runner|metric|http|trigger|debug|log|output|state|test)\.
      (?!Sleep|Fail\b|Exit\b|Request\b|Webhook|Return|Echo|Log\b|OutputValues)\w+
    | ^(concurrency|retry|sla|quotas|policyRefs|workerSelector):
    | ^\ +behavior:\ FAIL_EXECUTION\b
    | ^\ +(taskCache|allowWarning|policyRefs|assets):
    | ^\ *-?\ type:\ (ION|FORM|REUSABLE_INPUTS)\b
    | \btype:\ FILE\b(?!.*required:\ false)(?!\n(\ \ \ \ .*\n)*\ \ \ \ required:\ false)
    | core\.condition\.(PublicHoliday|Execution\w+|HasRetryAttempt|Flow\w*|Variable\w*|DateTime(Condition)?\b)
    | ^\ +type:\ io\.kestra\.plugin\.core\.(?!http|trigger)\S+\n(\ {4}.*\n)*\ {4,}(timeout|logToFile|workerSelector):
    | ^\ +(formData|params|encryptBody|auth|proxy|ssl|logs|defaultCharset|enabledTcpExtendedKeepAlive):
    | ^\ +fetchType:\ STORE\b
    """,
    re.X | re.M,
)


def _uses_later(wanted, result):
    """Whether a flow that a line brings says something that does not run here yet."""
    request = result.record["request"]
    flow = result.record["flow"] if "flow" in result.record else text(request)
    return (LATER.search(flow.replace("\r\n", "\n")) is not None) == wanted


def _no_status(wanted, result):
    """Whether a flow says a `responseCode` that has not three digits; one that is rendered may be any."""
    flow = result.record.get("flow") or text(result.record["request"])
    said = re.findall(r"^ +responseCode: *[\"']?([^\"'{\n]+)[\"']?$", flow, re.M)
    return any(not re.fullmatch(r"[1-9]\d\d", code) for code in said) == wanted


def _other_case(wanted, result):
    """The flow looks a header up in another case than it was sent in."""
    request = call(result)
    place = re.search(r"/webhook/([^/]+/[^/]+)/", request.get("path", ""))
    flow = result.record.get("flow") or FLOWS.get(place[1] if place else "", "")
    asked = {one or other for one, other in re.findall(r"headers(?:\[['\"]([^'\"]+)['\"]\]|\.([\w]+))", flow)}
    sent = {str(name) for name, _ in request.get("headers", [])}
    missed = {name.lower() for name in asked - sent}
    return bool(missed & {name.lower() for name in sent}) == wanted


# An address of a flow: of its webhook with a key, or of its executions.
OF_WEBHOOK = re.compile(r"/executions/webhook/([^/?#]+)/([^/?#]+)/([^/?#]+)/?(?:[?#]|$)")
OF_EXECUTIONS = re.compile(r"/executions/(?:trigger/)?(?!webhook/)([^/?#]+)/([^/?#]+)/?(?:validate)?(?:[?#]|$)")


def _finds(wanted, result):
    """Whether an address leads somewhere: to an enabled flow, and of a webhook to a trigger with that key."""
    path = result.record["request"].get("path", "")
    hook, run = OF_WEBHOOK.search(path), OF_EXECUTIONS.search(path)
    place = hook or run
    flow = FLOWS.get(f"{place[1]}/{place[2]}", "") if place else ""
    found = flow != "" and not re.search(r"^disabled: true", flow, re.M)
    return (found and (hook is None or _has_key(flow, urllib.parse.unquote(hook[3])))) == wanted


def _has_key(flow, key):
    """Whether a flow has a webhook with a key; one that is rendered may be any."""
    keys = [text.strip().strip("\"'").strip() for text in re.findall(r"^    key: (.*)$", flow, re.M)]
    return any(own == key or "{{" in own for own in keys)


def _misses_inputs(wanted, result):
    """Whether a flow has an input that must be given, and a webhook that does not give it."""
    flow = text(result.record["request"])
    block = re.search(r"^inputs:\n((?:[ -].*\n)*)", flow, re.M)
    inputs = re.split(r"^ *- ", block[1], flags=re.M)[1:] if block else []
    needed = [re.search(r"\bid: ([\w.-]+)", one) for one in inputs if not re.search(r"defaults:|required: false", one)]
    given = re.search(r"^    inputs:\n((?:      .*\n)*)", flow, re.M)
    missing = [one for one in needed if one and f"{one[1]}:" not in (given[1] if given else "")]
    return (missing != [] and "trigger.Webhook" in flow) == wanted


def _not_utf8(wanted, result):
    """Whether the escapes in an address are no text, although each of them is one."""
    path = re.split("[?#]", result.record["request"].get("path", ""), maxsplit=1)[0]
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        return not wanted
    try:
        urllib.parse.unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return wanted
    return not wanted


def _empty_body(wanted, result):
    """An empty body, which the trigger itself can tell from none."""
    request = result.record["request"]
    return (request.get("body") == "" or request.get("bodyBase64") == "") == wanted


def _multipart(wanted, result):
    return ("multipart" in result.record["request"]) == wanted


def _headers_over(count, result):
    return len(call(result).get("headers", [])) > count


def _not_compressed(wanted, result):
    """A body that is declared to be compressed, and is not, or not to its end."""
    request = call(result)
    named = [str(value).strip().lower() for name, value in request.get("headers", []) if str(name).lower() == "content-encoding"]
    windows = CODINGS.get(named[0]) if named and request["method"] != "GET" else None
    encoded = request.get("body_base64") or request.get("bodyBase64")
    body = base64.b64decode(encoded) if encoded else text(request).encode()
    is_broken = windows is not None and body != b"" and not any(_inflates(body, window) for window in windows)
    return is_broken == wanted


def _inflated(body, window):
    whole = b""
    while body:
        inflater = zlib.decompressobj(window)
        whole += inflater.decompress(body)
        body = inflater.unused_data
    return whole


def _inflates(body, window):
    try:
        while body:
            inflater = zlib.decompressobj(window)
            inflater.decompress(body)
            if not inflater.eof:
                return False
            body = inflater.unused_data
    except zlib.error:
        return False
    return True


def _valid(valid, result):
    return result.record.get("valid") == valid


def _refused(refused, result):
    return ("refused" in result.record) == refused


def _interim(wanted, result):
    return ("interim" in result.record.get("response", {})) == wanted


def _larger_than(bytes_max, result):
    return size(call(result)) > bytes_max


def _sealed_headers(wanted, result):
    names = [str(name) for name, _ in call(result).get("headers", [])]
    return any(SENSITIVE.fullmatch(name) for name in names) == wanted


def _mixed_case(wanted, result):
    """Header names that differ in case only."""
    names = {str(name) for name, _ in call(result).get("headers", [])}
    return (len({name.lower() for name in names}) < len(names)) == wanted


def _parameters(kind, result):
    """`bare` for a parameter without `=`, `nameless` for one without a name."""
    path = call(result).get("path", "").partition("#")[0]
    pieces = [piece for piece in re.split("[&;]", path.partition("?")[2]) if piece]
    return any(piece.startswith("=") if kind == "nameless" else "=" not in piece for piece in pieces)


def _json(kind, result):
    """What is special about a body: `nulls` in objects, `more` behind the first value, `numbers` that a double changes, long
    `names`, `deep` when Kestra still parses it and we do not."""
    request = call(result)
    if request["method"] in ("GET", "HEAD"):
        return False
    body = text(request).strip(" \t\r\n")
    if not body.startswith(("{", "[")):
        return False
    try:
        value, end = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_refuse).raw_decode(body)
    except (ValueError, RecursionError):
        return False
    is_more = end < len(body)
    if kind == "more" or is_more:
        return kind == "more" and is_more
    if kind == "deep":
        return DEPTH_OURS < _depth(value) <= DEPTH_KESTRAS
    if kind == "names":
        return _has_long_name(value)
    return _has_null(value) if kind == "nulls" else _has_changed(value)


def _depth(value):
    members = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, members), default=0) if isinstance(value, (dict, list)) else 0


def _refuse(name):
    raise ValueError(name)


class _Number(str):
    """A number as it is written."""


def _has_long_name(value):
    if isinstance(value, dict):
        return any(len(name) > NAME_CHARS_MAX or _has_long_name(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_has_long_name, value))


def _has_null(value):
    if isinstance(value, dict):
        return any(member is None or _has_null(member) for member in value.values())
    return isinstance(value, list) and any(map(_has_null, value))


def _has_changed(value):
    if isinstance(value, dict):
        return any(map(_has_changed, value.values()))
    if isinstance(value, list):
        return any(map(_has_changed, value))
    return isinstance(value, _Number) and _is_changed(value)


def _is_changed(number):
    if re.fullmatch(r"-?\d+", number):
        # Kestra takes whole numbers of up to 1 000 digits.
        return len(number.lstrip("-")) > 1000
    as_double = float(number)
    if as_double in (float("inf"), float("-inf")):
        return True
    return decimal.Decimal(repr(as_double)) != decimal.Decimal(number)


ALL = {
    "ids": _ids,
    "group": _group,
    "method": _method,
    "path": _path,
    "body": _body,
    "called_with": _called_with,
    "called_path": _called_path,
    "called_header": _called_header,
    "query": _query,
    "header": _header,
    "status": _status,
    "says": _says,
    "recorded": _recorded,
    "flow": _flow,
    "source": _source,
    "valid": _valid,
    "refused": _refused,
    "interim": _interim,
    "larger_than": _larger_than,
    "sealed_headers": _sealed_headers,
    "mixed_case": _mixed_case,
    "parameters": _parameters,
    "json": _json,
    "wrong_expression": _wrong_expression,
    "uses_later": _uses_later,
    "no_status": _no_status,
    "other_case": _other_case,
    "empty_body": _empty_body,
    "multipart": _multipart,
    "headers_over": _headers_over,
    "not_compressed": _not_compressed,
    "finds": _finds,
    "not_utf8": _not_utf8,
    "misses_inputs": _misses_inputs,
}
