"""Conditions of the list of accepted differences: what a line must have sent, or what must have been recorded for it.

Conditions about the call look at the request that started the execution, also for a later line that reads the execution.
"""

import base64
import decimal
import fnmatch
import json
import re

# Headers that are kept sealed.
SENSITIVE = re.compile(
    r"(proxy-)?authorization|cookie|.*signature.*|x-api-key|x-gitlab-token|paypal-transmission-sig|x-shopify-hmac-sha256"
    r"|x-telegram-bot-api-secret-token",
    re.I,
)


# Levels of nesting up to which a body is parsed.
DEPTH_OURS, DEPTH_KESTRAS = 500, 1000


def call(result):
    """The request that started the execution that a line is about; the line's own when it reads none."""
    request = result.record["request"]
    if name := re.search(r"^/api/v1/executions/\$\{(\w+)\}", request.get("path", "")):
        for step in result.scenario:
            if name[1] in step.get("capture", {}):
                return step["request"]
    return request


def text(request):
    """The body as text, as far as it is one."""
    if encoded := request.get("body_base64") or request.get("bodyBase64"):
        return base64.b64decode(encoded).decode("utf-8", "replace")
    return request.get("body") or ""


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


def _header(patterns, result):
    for name, pattern in patterns.items():
        values = [value for own, value in result.record["request"].get("headers", []) if str(own).lower() == name]
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
    """What is special about a body: `nulls` in objects, `more` behind the first value, `numbers` that a double changes, `deep`
    when Kestra still parses it and we do not."""
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
    return _has_null(value) if kind == "nulls" else _has_changed(value)


def _depth(value):
    members = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, members), default=0) if isinstance(value, (dict, list)) else 0


def _refuse(name):
    raise ValueError(name)


class _Number(str):
    """A number as it is written."""


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
}
