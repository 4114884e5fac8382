"""A reader of Bicep: what a template would ask Azure for, without a compiler and without Azure.

It reads the part of the language that `infra/` uses, by the language's own rules of precedence, and evaluates it: parameters given, loops run,
conditions decided, modules followed. What only Azure knows (a principal id, say) stays a word, `<identity.properties.principalId>`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|//[^\n]*|/\*.*?\*/)|(?P<line>\n)|(?P<number>\d+)|(?P<word>[A-Za-z_]\w*)|(?P<text>')|(?P<sign>=>|==|!=|<=|>=|&&|\|\||\?\?|\.\?|[-+*/%<>!?:.,=@(){}\[\]])""",
    re.DOTALL,
)
BINARY = [("??",), ("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%")]


@dataclass(frozen=True)
class Token:
    kind: str
    text: Any
    fresh: bool = False
    """Whether it begins a line."""


@dataclass
class Resource:
    """A resource that is asked for: its type with version, where it is, and its body."""

    symbol: str
    kind: str
    version: str
    body: dict[str, Any]
    group: str
    existing: bool
    file: str
    parent: Resource | None = None

    @property
    def name(self) -> str:
        return self.body["name"]

    @property
    def id(self) -> str:
        scope = self.body.get("scope")
        if self.parent:
            return f"{self.parent.id}/{self.kind.rsplit('/', 1)[1]}/{self.name}"
        above = scope.id if isinstance(scope, Resource) else f"{SUBSCRIPTION}/resourceGroups/{self.group}"
        return f"{above}/providers/{self.kind}/{self.name}"


@dataclass
class Template:
    """What a file says, before any parameter has a value."""

    path: Path
    params: dict[str, tuple[str, Any]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, tuple[str, str, bool, Any]] = field(default_factory=dict)
    modules: dict[str, tuple[str, Any]] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)


def lex(source: str) -> list[Token]:
    tokens, at, fresh = [], 0, True
    while at < len(source):
        match = TOKEN.match(source, at)
        if not match:
            raise SyntaxError(f"cannot read {source[at : at + 30]!r}")
        kind, at = str(match.lastgroup), match.end()
        if kind == "text":
            parts, at = _string(source, at)
            tokens.append(Token("text", parts, fresh))
        elif kind not in {"space", "line"}:
            tokens.append(Token(kind, match[0], fresh))
        fresh = kind == "line" or (fresh and kind == "space")
    return tokens


def _string(source: str, at: int) -> tuple[list[Any], int]:
    """Read to the closing quote: texts, and the expressions between them."""
    parts: list[Any] = [""]
    while source[at] != "'":
        if source[at] == "\\":
            parts[-1] += {"n": "\n", "t": "\t"}.get(source[at + 1], source[at + 1])
            at += 2
        elif source.startswith("${", at):
            end, depth = at + 2, 1
            while depth:
                end = _string(source, end + 1)[1] if source[end] == "'" else end + 1
                depth += {"{": 1, "}": -1}.get(source[end] if depth and source[end] != "'" else "", 0)
            parts += [Reader(lex(source[at + 2 : end])).expression(), ""]
            at = end + 1
        else:
            parts[-1] += source[at]
            at += 1
    return parts, at + 1


class Reader:
    """A recursive descent over the tokens; an expression becomes a tuple whose first member says what it is."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at = [*tokens, Token("end", "", fresh=True)], 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> bool:
        if self.next.kind in {"sign", "word"} and self.next.text in texts:
            self.at += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.take(text):
            raise SyntaxError(f"expected {text!r}, not {self.next.text!r}, token {self.at}")

    def word(self) -> Any:
        self.at += 1
        return self.tokens[self.at - 1].text

    def expression(self, level: int = 0) -> Any:
        if level == 0:
            return self._ternary()
        if level > len(BINARY):
            return self._unary()
        left = self.expression(level + 1)
        while self.next.kind == "sign" and self.next.text in BINARY[level - 1]:
            left = ("binary", self.word(), left, self.expression(level + 1))
        return left

    def _ternary(self) -> Any:
        if self.next.kind == "word" and self.tokens[self.at + 1].text == "=>":
            name = self.word()
            self.need("=>")
            return ("lambda", name, self.expression())
        test = self.expression(1)
        if not self.take("?"):
            return test
        yes = self.expression()
        self.need(":")
        return ("if", test, yes, self.expression())

    def _unary(self) -> Any:
        if self.take("!"):
            return ("not", self._unary())
        if self.take("-"):
            return ("binary", "-", ("value", 0), self._unary())
        return self._postfix(self._primary())

    def _postfix(self, left: Any) -> Any:
        while self.next.kind == "sign" and not self.next.fresh:
            if self.take(".", ".?"):
                left = ("get", left, ("value", self.word()))
            elif self.take("["):
                self.take("?")
                left = ("get", left, self.expression())
                self.need("]")
            elif self.take("("):
                left = ("call", left, self._items(")"))
            else:
                break
        return left

    def _items(self, closing: str) -> list[Any]:
        items = []
        while not self.take(closing):
            items.append(self.expression())
            self.take(",")
        return items

    def _primary(self) -> Any:
        if self.take("("):
            inner = self.expression()
            self.need(")")
            return inner
        if self.take("["):
            return self._loop() if self.take("for") else ("array", self._items("]"))
        if self.take("{"):
            return self._object()
        token = self.next
        self.at += 1
        if token.kind == "text":
            return ("text", token.text)
        if token.kind == "number":
            return ("value", int(token.text))
        if token.kind != "word":
            raise SyntaxError(f"an expression cannot begin with {token.text!r}")
        constants = {"true": True, "false": False, "null": None}
        return ("value", constants[token.text]) if token.text in constants else ("name", token.text)

    def _object(self) -> Any:
        pairs = []
        while not self.take("}"):
            key = ("text", self.word()) if self.next.kind == "text" else ("value", self.word())
            self.need(":")
            pairs.append((key, self.expression()))
            self.take(",")
        return ("object", pairs)

    def _loop(self) -> Any:
        index = None
        if self.take("("):
            item = self.word()
            self.need(",")
            index = self.word()
            self.need(")")
        else:
            item = self.word()
        self.need("in")
        over = self.expression()
        self.need(":")
        body = self.body()
        self.need("]")
        return ("for", item, index, over, body)

    def body(self) -> Any:
        """An object, a loop over objects, or either on a condition."""
        if not self.take("if"):
            return self.expression()
        self.need("(")
        test = self.expression()
        self.need(")")
        return ("when", test, self.expression())

    def template(self, path: Path) -> Template:
        found = Template(path)
        while self.next.kind != "end":
            while self.take("@"):
                self.expression()
            self._statement(found, self.word())
        return found

    def _statement(self, found: Template, word: str) -> None:
        if word in {"targetScope", "using"}:
            self.take("=")
            self.expression()
            return
        name = self.word()
        if word == "param":
            kind = "" if self.next.text == "=" else self.word()
            found.params[name] = (kind, self.expression() if self.take("=") else None)
        elif word == "var":
            self.need("=")
            found.variables[name] = self.expression()
        elif word == "output":
            self.word()
            self.need("=")
            found.outputs[name] = self.expression()
        elif word in {"resource", "module"}:
            target = "".join(self.word())
            existing = self.take("existing")
            self.need("=")
            body = self.body()
            if word == "module":
                found.modules[name] = (target, body)
            else:
                kind, version = target.split("@")
                found.resources[name] = (kind, version, existing, body)
        else:
            raise SyntaxError(f"a statement cannot begin with {word!r}")


def read(path: Path) -> Template:
    return Reader(lex(path.read_text(encoding="utf-8"))).template(path)


def evaluate(path: Path, given: Mapping[str, Any], group: str = "rg-flights-staging") -> list[Resource]:
    """Every resource that the template asks for with these parameters, those of its modules among them."""
    template = read(path)
    missing = [name for name, (_, default) in template.params.items() if default is None and name not in given]
    unknown = sorted(set(given) - set(template.params))
    if missing or unknown:
        raise ValueError(f"{path.name}: missing {missing}, unknown {unknown}")
    return Scope(template, given, group).resources()


def parameters(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """What a .bicepparam file gives, under these environment variables."""
    template = read(path)
    scope = Scope(template, {}, "")
    scope.environ = environ
    return {name: scope.value(expression) for name, (_, expression) in template.params.items()}


def digest(*parts: Any) -> bytes:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).digest()


class Scope:
    """The names of one template, and their values, each computed when it is first asked for."""

    def __init__(self, template: Template, given: Mapping[str, Any], group: str, local: Mapping[str, Any] | None = None) -> None:
        self.template, self.group, self.local = template, group, dict(local or {})
        self.given, self.environ = given, {}
        self.known: dict[str, Any] = {}

    def resources(self) -> list[Resource]:
        found = []
        for name in self.template.resources:
            found += [one for one in self._listed(self.name(name)) if one and not one.existing]
        for target, body in self.template.modules.values():
            for settled in self._bodies(body):
                inside = settled.get("scope")
                found += evaluate(self.template.path.parent / target, settled.get("params", {}), inside["name"] if inside else self.group)
        return found

    @staticmethod
    def _listed(value: Any) -> list[Any]:
        return value if isinstance(value, list) else [value]

    def _bodies(self, body: Any) -> list[dict[str, Any]]:
        return [one for one in self._listed(self.value(body)) if one is not None]

    def name(self, name: str) -> Any:
        if name in self.local:
            return self.local[name]
        if name not in self.known:
            self.known[name] = self._settle(name)
        return self.known[name]

    def _settle(self, name: str) -> Any:
        template = self.template
        if name in self.given:
            return self.given[name]
        if name in template.params:
            return self.value(template.params[name][1])
        if name in template.variables:
            return self.value(template.variables[name])
        if name in template.modules:
            return {"outputs": Later(f"{name}.outputs")}
        if name in template.resources:
            kind, version, existing, body = template.resources[name]
            settled = self.value(body)

            def make(one: dict[str, Any] | None) -> Resource | None:
                elsewhere = one.get("scope") if one and existing else None
                group = elsewhere["name"] if isinstance(elsewhere, dict) else self.group
                return one and Resource(name, kind, version, one, group, existing, template.path.name, one.get("parent"))

            return [make(one) for one in settled] if isinstance(settled, list) else make(settled)
        raise NameError(f"{template.path.name}: nothing is called {name!r}")

    def inner(self, **local: Any) -> Scope:
        scope = Scope(self.template, self.given, self.group, {**self.local, **local})
        scope.known, scope.environ = self.known, self.environ
        return scope

    def value(self, node: Any) -> Any:
        return getattr(self, f"_{node[0]}")(*node[1:])

    def _value(self, value: Any) -> Any:
        return value

    def _name(self, name: str) -> Any:
        return self.name(name)

    def _text(self, parts: list[Any]) -> str:
        return "".join(part if isinstance(part, str) else _words(self.value(part)) for part in parts)

    def _array(self, items: list[Any]) -> list[Any]:
        return [self.value(item) for item in items]

    def _object(self, pairs: list[Any]) -> dict[str, Any]:
        return {self.value(key): [one[1] for one in value[1]] if key[1] == "dependsOn" else self.value(value) for key, value in pairs}

    def _for(self, item: str, index: str | None, over: Any, body: Any) -> list[Any]:
        return [self.inner(**{item: one, **({index: at} if index else {})}).value(body) for at, one in enumerate(self.value(over))]

    def _when(self, test: Any, body: Any) -> Any:
        return self.value(body) if self.value(test) else None

    def _if(self, test: Any, yes: Any, no: Any) -> Any:
        return self.value(yes if self.value(test) else no)

    def _not(self, inner: Any) -> bool:
        return not self.value(inner)

    def _lambda(self, name: str, body: Any) -> Callable[[Any], Any]:
        return lambda one: self.inner(**{name: one}).value(body)

    def _binary(self, sign: str, left: Any, right: Any) -> Any:
        first = self.value(left)
        if sign == "??":
            return self.value(right) if first is None else first
        if sign in {"&&", "||"}:
            return bool(self.value(right)) if bool(first) == (sign == "&&") else bool(first)
        second = self.value(right)
        table: dict[str, Callable[[], Any]] = {
            "==": lambda: first == second,
            "!=": lambda: first != second,
            "<": lambda: first < second,
            ">": lambda: first > second,
            "<=": lambda: first <= second,
            ">=": lambda: first >= second,
            "+": lambda: first + second,
            "-": lambda: first - second,
            "*": lambda: first * second,
            "/": lambda: first // second,
            "%": lambda: first % second,
        }
        return table[sign]()

    def _get(self, left: Any, key: Any) -> Any:
        owner, at = self.value(left), self.value(key)
        if isinstance(owner, Resource):
            return getattr(owner, at) if at in {"id", "name"} else Later(f"{owner.symbol}.{at}")
        if isinstance(owner, Later):
            return owner.get(at)
        return owner.get(at) if isinstance(owner, dict) else owner[at]

    def _call(self, called: Any, arguments: list[Any]) -> Any:
        function = called[1] if called[0] == "name" else called[2][1]  # az.environment() is environment()
        if function == "loadJsonContent":
            return json.loads((self.template.path.parent / self.value(arguments[0])).read_text(encoding="utf-8"))
        if function == "readEnvironmentVariable":
            name, default = (self.value(one) for one in arguments)
            return self.environ.get(name, default)
        return _FUNCTIONS[function](self, *[self.value(one) for one in arguments])


@dataclass(frozen=True)
class Later:
    """What only Azure knows."""

    path: str

    def get(self, name: str) -> Later:
        return Later(f"{self.path}.{name}")

    def __str__(self) -> str:
        return f"<{self.path}>"


def _words(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resource_id(scope: Scope, kind: str, *names: str) -> str:
    provider, *kinds = kind.split("/")
    path = "/".join(itertools.chain(*zip(kinds, names, strict=True)))
    return f"{SUBSCRIPTION}/resourceGroups/{scope.group}/providers/{provider}/{path}"


def _unique(_: Scope, *parts: Any) -> str:
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[byte % 32] for byte in digest(*parts)[:13])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concat": lambda _, *lists: list(itertools.chain(*lists)),
    "contains": lambda _, box, one: one in box,
    "description": lambda *_: None,
    "empty": lambda _, box: not box,
    "environment": lambda _: {"suffixes": {"storage": "core.windows.net", "acrLoginServer": ".azurecr.io"}},
    "filter": lambda _, box, keep: [one for one in box if keep(one)],
    "guid": lambda _, *parts: str(uuid.UUID(bytes=digest(*parts)[:16])),
    "items": lambda _, box: [{"key": key, "value": box[key]} for key in sorted(box)],
    "length": lambda _, box: len(box),
    "replace": lambda _, text, old, new: text.replace(old, new),
    "resourceGroup": lambda scope, name="": {
        "id": f"{SUBSCRIPTION}/resourceGroups/{name or scope.group}",
        "name": name or scope.group,
        "location": "westeurope",
    },
    "resourceId": _resource_id,
    "subscription": lambda _: {"id": SUBSCRIPTION, "tenantId": Later("tenant")},
    "subscriptionResourceId": lambda _, kind, name: f"{SUBSCRIPTION}/providers/{kind}/{name}",
    "take": lambda _, box, count: box[:count],
    "toLower": lambda _, text: text.lower(),
    "union": lambda _, first, *others: {**first, **{key: value for other in others for key, value in other.items()}},
    "uniqueString": _unique,
}
