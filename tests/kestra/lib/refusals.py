"""Whether two refusals of a flow say the same: the same property, and the same value of it."""

import re

# What a recorded message quotes beside the wrong value: the values or names that would have been right.
RIGHT_ONES = re.compile(r"\(\d+ known properties.*|not one of the values accepted.*|only \"true\" or \"false\".*|\n at \[Source.*?(?=\(through|$)", re.S)
# The validation itself broke.
UNABLE = re.compile(r"Unable to validate")
CHAIN = re.compile(r"\(through reference chain: (.*)\)\s*(?:\(at line.*)?$", re.S)
# Names of Kestra's own classes, and words that only its parser knows.
CLASSES = re.compile(r"\(class [^)]*\)|of type `[^`]*`|`java[^`]*`|`io\.kestra[^`]*`|\(token `[^`]*`\)|JsonToken\.\w+")


def names(message):
    """The property and the values that a recorded message names."""
    found = []
    if chain := CHAIN.search(message):
        steps = re.findall(r'\["([^"]+)"\]', chain[1])
        found += steps[-1:]
        message = message[: chain.start()]
    message = CLASSES.sub("", RIGHT_ONES.sub("", message))
    if message.startswith(("Illegal", "YAML")) or UNABLE.match(message):
        message = message.partition("error: ")[2] or message.partition("yaml: ")[2]
        # A text that is no YAML: where it stands is compared, not how the parser words it.
        if re.search(r"in \"?'reader'\"?, (?:line|position)", message):
            return found
    head = re.match(r"\s*:?\s*([\w.<> \[\]\-]+?): ", message)
    quoted = re.findall(r'"([^"\n]{1,120})"', message) + re.findall(r"'([^'\n]{1,120})'", message)
    # Several inputs that nobody gives stand in one pair of quotes.
    quoted = [name for text in quoted for name in text.split(" | ")]
    if head and not UNABLE.match(message):
        found += _property(head[1], bool(quoted))
    found += quoted
    found += re.findall(r"(?:label|type): ([\w.\-=]+)", message)
    found += [name for names in re.findall(r"with name \[([^\]]*)\]", message) for name in names.split(", ")]
    return [name.strip("_.") for name in found]


def _property(path, is_told):
    """The property that a path ends in, as a document has it."""
    path = re.sub(r"\.<list element>$", "", path)
    # A label of a list is a key and a value; a document mostly writes a map.
    path = re.sub(r"labels\[\d+\](\.(key|value))?$", "labels", path)
    last = re.sub(r"\[[^\]]*\]$", "", path).rpartition(".")[2]
    # A rule about two properties is named like a method, and its text names both.
    is_rule = is_told and re.search(r"[a-z][A-Z].*[a-z][A-Z]", last)
    return [] if is_rule or last == "Invalid Flow" or last == "Invalid type" else [last]


def missing(message, ours):
    """The names in a recorded message that our text does not have."""
    return [name for name in names(message) if name.lower() not in ours.lower()]
