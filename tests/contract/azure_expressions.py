"""The expressions of Azure Pipelines: what stands in `${{ }}`, in `$[ ]` and in a `condition:`; what is not known here is refused, never guessed.

As documented: strings compare without regard to case, the right side of a comparison becomes the type of the left, a name that is not there is null.
Stricter than the service in one thing: a string 'true' or 'false' where a yes or no is wanted is refused, for there both count as yes.
"""

from __future__ import annotations

import json
import re

TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])|(?P<name>[A-Za-z_]\w*)|(?P<sign>[().,\[\]]))")


class NotUnderstood(Exception):
    """This is not in the part of the language that is known here; a person must look."""


class Strict(dict):
    """A context in which a name that is not there is a mistake and not null."""

    def __init__(self, what, values):
        super().__init__(values)
        self.what = what

    def __missing__(self, name):
        raise NotUnderstood(f"no {self.what} named {name!r}; there are: {', '.join(sorted(self)) or 'none'}")


def parse(text):
    """Return an expression as nested tuples: ("literal", v), ("name", n), ("index", of, key), ("call", function, arguments)."""
    tokens, place = [], 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        if not found:
            raise NotUnderstood(f"cannot read {text[place:]!r} in the expression {text!r}")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        place = found.end()
    tree = _value(tokens, text)
    if tokens:
        raise NotUnderstood(f"{tokens[0][1]!r} is too much in the expression {text!r}")
    return tree


def _take(tokens, text, sign=None):
    if not tokens or (sign and tokens[0][1] != sign):
        raise NotUnderstood(f"the expression {text!r} lacks {sign or 'a value'}")
    return tokens.pop(0)


def _value(tokens, text):
    kind, word = _take(tokens, text)
    if kind == "string":
        return ("literal", word[1:-1].replace("''", "'"))
    if kind == "number":
        return ("literal", float(word) if "." in word else int(word))
    if kind != "name":
        raise NotUnderstood(f"{word!r} has no place in the expression {text!r}")
    if tokens and tokens[0][1] == "(":
        return _index(("call", _known(word), _arguments(tokens, text)), tokens, text)
    if word.lower() in {"true", "false", "null"}:
        return ("literal", {"true": True, "false": False, "null": None}[word.lower()])
    return _index(("name", word), tokens, text)


def _arguments(tokens, text):
    _take(tokens, text, "(")
    found = []
    while tokens and tokens[0][1] != ")":
        if found:
            _take(tokens, text, ",")
        found.append(_value(tokens, text))
    _take(tokens, text, ")")
    return tuple(found)


def _index(of, tokens, text):
    while tokens and tokens[0][1] in {".", "["}:
        if tokens.pop(0)[1] == ".":
            kind, word = _take(tokens, text)
            if kind != "name":
                raise NotUnderstood(f"{word!r} is no name, in the expression {text!r}")
            of = ("index", of, ("literal", word))
        else:
            of = ("index", of, _value(tokens, text))
            _take(tokens, text, "]")
    return of


def _known(name):
    if name.lower() not in {*FUNCTIONS, *STATUS, "and", "or"}:
        raise NotUnderstood(f"the function {name}() is not known here")
    return name.lower()


def walk(tree):
    """Every part of an expression, itself first."""
    yield tree
    for part in {"index": tree[1:], "call": tree[-1]}.get(tree[0], ()):
        yield from walk(part)


def evaluate(tree, names, status=None):
    """Return the value of an expression.

    Args:
        tree: What `parse` returned.
        names: Contexts: parameters, variables, dependencies, ...
        status: The functions succeeded, failed, ... where the expression is a condition.
    """
    kind = tree[0]
    if kind == "literal":
        return tree[1]
    if kind == "name":
        return _of(Strict("context", names), tree[1])
    if kind == "index":
        return _of(evaluate(tree[1], names, status), evaluate(tree[2], names, status))
    function, arguments = tree[1:]
    if function == "and":
        return all(truth(evaluate(one, names, status)) for one in arguments)
    if function == "or":
        return any(truth(evaluate(one, names, status)) for one in arguments)
    values = [evaluate(one, names, status) for one in arguments]
    if function in STATUS:
        if status is None:
            raise NotUnderstood(f"{function}() has a meaning in a condition only")
        return status[function](*values)
    try:
        return FUNCTIONS[function](*values)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise NotUnderstood(f"{function}({', '.join(map(repr, values))}): {error}") from error


def _of(value, key):
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, list):
        return value[int(key)] if str(key).isdigit() and int(key) < len(value) else None
    if not isinstance(value, dict):
        raise NotUnderstood(f"{value!r} has no part {key!r}")
    same = [one for one in value if str(one).lower() == str(key).lower()]
    return value[same[0]] if same else value[key] if isinstance(value, Strict) else None


def truth(value):
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        raise NotUnderstood(f"the string {value!r} always counts as true: compare it, eq(..., 'true')")
    return value not in (None, "", 0, False) or isinstance(value, (dict, list))


def text(value):
    """Return a value as the service writes it into text."""
    if isinstance(value, (dict, list)):
        raise NotUnderstood(f"{value!r} is no text: convertToJson(...)")
    return "" if value is None else str(value)


def _number(value):
    return float(value) if value not in (None, "") else 0.0


def equal(left, right):
    if isinstance(left, bool):
        right = bool(right) if not isinstance(right, str) else right != ""
        return left == right
    if isinstance(left, (int, float)):
        try:
            return float(left) == _number(right)
        except (TypeError, ValueError):
            return False
    if isinstance(left, str):
        return not isinstance(right, (dict, list)) and left.lower() == text(right).lower()
    if left is None:
        return right in (None, "")
    return left is right


def _order(left, right):
    if isinstance(left, str):
        low, high = left.lower(), text(right).lower()
        return (low > high) - (low < high)
    return (float(left) > _number(right)) - (float(left) < _number(right))


def _contains(whole, part):
    return text(part).lower() in text(whole).lower()


def _format(form, *values):
    return re.sub(r"\{(\d+)\}", lambda found: text(values[int(found[1])]), form).replace("{{", "{").replace("}}", "}")


def _length(value):
    return len(value if isinstance(value, (dict, list)) else text(value))


STATUS = {"always", "succeeded", "failed", "succeededorfailed", "canceled"}
FUNCTIONS = {
    "eq": equal,
    "ne": lambda left, right: not equal(left, right),
    "gt": lambda left, right: _order(left, right) > 0,
    "ge": lambda left, right: _order(left, right) >= 0,
    "lt": lambda left, right: _order(left, right) < 0,
    "le": lambda left, right: _order(left, right) <= 0,
    "not": lambda value: not truth(value),
    "xor": lambda left, right: truth(left) != truth(right),
    "in": lambda value, *others: any(equal(value, other) for other in others),
    "notin": lambda value, *others: not any(equal(value, other) for other in others),
    "contains": _contains,
    "containsvalue": lambda whole, part: any(equal(one, part) for one in (whole.values() if isinstance(whole, dict) else whole)),
    "startswith": lambda whole, part: text(whole).lower().startswith(text(part).lower()),
    "endswith": lambda whole, part: text(whole).lower().endswith(text(part).lower()),
    "coalesce": lambda *values: next((value for value in values if value not in (None, "")), ""),
    "format": _format,
    "join": lambda between, values: text(between).join(map(text, values)),
    "split": lambda whole, between: text(whole).split(text(between)),
    "replace": lambda whole, old, new: text(whole).replace(text(old), text(new)),
    "lower": lambda value: text(value).lower(),
    "upper": lambda value: text(value).upper(),
    "trim": lambda value: text(value).strip(),
    "length": _length,
    "converttojson": lambda value: json.dumps(value, indent=2),
}
