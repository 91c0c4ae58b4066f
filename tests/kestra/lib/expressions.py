"""Whether a text holds an expression that nobody could render: the names that Kestra has, and the plainest rules of syntax."""

import re

FILTERS = set(
    "abbreviate abs base64decode base64encode capitalize chunk className date dateAdd default distinct endsWith escapeChar first"
    " flatten format indent join jq keys last length lower md5 merge nindent nl2br number numberFormat regexExtract regexMatch"
    " regexReplace replace reverse rsort sha1 sha256 sha512 slice slugify sort split startsWith string substringAfter"
    " substringAfterLast substringBefore substringBeforeLast timestamp timestampMicro timestampMilli timestampNano title toIon"
    " toJson trim upper urldecode urlencode values yaml json".split()
)
FUNCTIONS = set(
    "dayOfMonth dayOfWeek decrypt encrypt env errorLogs fetchContext fileExists fileSize fileURI fromIon fromJson hourOfDay http"
    " i18n id isDayWeekInMonth isFileEmpty isLastWorkingDay isPublicHoliday isWeekend ksuid kv loopOutputs max min monthOfYear"
    " nanoId now printContext randomInt randomPort range read render renderOnce secret subflow tasksWithState uuid yaml json"
    " currentEachOutput block parent and or not is isIn contains equals if elseif for in set macro".split()
)
TAGS = set(
    "block endblock filter endfilter macro endmacro if elseif else endif for endfor set raw endraw verbatim"
    " endverbatim".split()
)
TESTS = set("defined empty even iterable json map null odd".split())
QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.S)
NAME = r"([A-Za-z_]\w*)"
# What needs something on both sides.
DANGLING = re.compile(
    r"(?:[-+*/%~|.]|[=!<>]=|[<>=]|\?\?|\b(?:and|or|is|contains|isIn|not))\s*$"
    r"|^\s*(?:[*/%~|;]|\?\?|==|\b(?:and|or|is)\b|\(\s*\))"
    r"|===|<>|\*\*|[?][.:]|[$]|\b\d+(?!L\b)[A-Za-z_]"
)


# Words between two values, or before one.
OPERATORS = re.compile(r"\b(?:and|or|not|is|in|isIn|contains|equals)\b")
# What is printed as it is.
PLAIN = re.compile(r"\{#.*?#\}|\{%-?\s*(verbatim|raw)\s*-?%\}.*?\{%-?\s*end\1\s*-?%\}", re.S)
# Values of YAML in quotes, on one line.
SINGLE, DOUBLE = re.compile(r"(?<=[:-] )'((?:[^'\n]|'')*)'"), re.compile(r'(?<=[:-] )"((?:[^"\\\n]|\\.)*)"')
OPENING = re.compile(r"\{\{|\{%")


def is_wrong(text):
    """Whether one of the expressions in a document, or in a text, is wrong."""
    text = SINGLE.sub(lambda value: value[1].replace("''", "'"), text)
    text = DOUBLE.sub(lambda value: value[1].replace('\\"', '"'), text)
    found = _expressions(PLAIN.sub("", text))
    if None in found:
        return True
    tags = [code.strip("-") for is_printed, code in found if not is_printed]
    names = [re.findall(r"^\s*(\w+)", tag) for tag in tags]
    if any(name and name[0] not in TAGS for name in names):
        return True
    if sum(name[:1] in (["if"], ["for"], ["filter"], ["block"], ["macro"]) for name in names) != sum(
        name != [] and name[0].startswith("end") for name in names
    ):
        return True
    own = {name for tag in tags for name in re.findall(r"^\s*macro\s+(\w+)", tag)}
    return any(_is_wrong(code, is_printed, own) for is_printed, code in found)


def _expressions(text):
    """Each expression or tag of a text, with whether it is printed; None for one that does not end."""
    found, place = [], 0
    while opening := OPENING.search(text, place):
        # A quote begins a text and nothing else, so that there is one way only to read on.
        end = "}}" if opening[0] == "{{" else "%}"
        closing = re.compile(rf"(?:{QUOTED.pattern}|[^'\"])*?({end})", re.S)
        inner = closing.match(text, opening.end())
        if inner is None:
            return [*found, None]
        found.append((opening[0] == "{{", text[opening.end() : inner.start(1)]))
        place = inner.end()
    return found


def _is_wrong(expression, is_printed, own):
    code = QUOTED.sub("''", expression.strip("-"))
    if not code.strip() or any(quote in code.replace("''", "") for quote in "'\""):
        return True
    if any(code.count(left) != code.count(right) for left, right in ("()", "[]", "{}")):
        return True
    if is_printed and (DANGLING.search(code) or _has_gap(code)):
        return True
    code = re.sub(r"^\s*filter\s", "|", code)
    unknown = [name for name in re.findall(rf"\|\s*{NAME}", code) if name not in FILTERS]
    called = re.findall(rf"(?<![.\w|]){NAME}\s*\(", re.sub(r"\|\s*\w+", "|", code))
    unknown += [name for name in called if name not in FUNCTIONS | own]
    unknown += [name for name in re.findall(rf"\bis\s+(?:not\s+)?{NAME}", code) if name not in TESTS]
    return bool(unknown)


def _has_gap(code):
    """Whether two values stand side by side with nothing between them."""
    return re.search(r"[\w'\])]\s+[\w']", OPERATORS.sub("+", code)) is not None
