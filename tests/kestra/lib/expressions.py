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
TAGS = set("block endblock filter endfilter macro endmacro if elseif else endif for endfor set raw endraw verbatim endverbatim".split())
TESTS = set("defined empty even iterable json map null odd".split())
QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.S)
NAME = r"([A-Za-z_]\w*)"
# What needs something on both sides.
DANGLING = re.compile(r"(?:[-+*/%~|.]|[=!<>]=|[<>=]|\?\?|\b(?:and|or|is|contains|isIn|not))\s*$|^\s*(?:[*/%~|]|==|\b(?:and|or|is)\b)")


def is_wrong(text):
    """Whether one of the expressions in a text is wrong."""
    text = re.sub(r"\{#.*?#\}|\{% verbatim %\}.*?\{% endverbatim %\}", "", text, flags=re.S)
    openings, whole = len(re.findall(r"\{\{|\{%", text)), re.findall(r"\{\{(.*?)\}\}|\{%(.*?)%\}", text, re.S)
    if openings > len(whole):
        return True
    if len(re.findall(r"\{%-?\s*(?:if|for|filter|block|macro)\b", text)) != len(re.findall(r"\{%-?\s*end", text)):
        return True
    if any(tag and not set(re.findall(r"\w+", tag)[:1]) <= TAGS for _, tag in whole):
        return True
    return any(_is_wrong(printed or tag, bool(printed)) for printed, tag in whole)


def _is_wrong(expression, is_printed):
    code = QUOTED.sub("''", expression.strip("-"))
    if not code.strip() or any(quote in code.replace("''", "") for quote in "'\""):
        return True
    if any(code.count(left) != code.count(right) for left, right in ("()", "[]", "{}")):
        return True
    if is_printed and DANGLING.search(code):
        return True
    unknown = [name for name in re.findall(rf"\|\s*{NAME}", code) if name not in FILTERS]
    unknown += [name for name in re.findall(rf"(?<![.\w|]){NAME}\s*\(", re.sub(r"\|\s*\w+", "|", code)) if name not in FUNCTIONS]
    unknown += [name for name in re.findall(rf"\bis\s+(?:not\s+)?{NAME}", code) if name not in TESTS]
    return bool(unknown)
