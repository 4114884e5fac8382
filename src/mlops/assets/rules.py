"""Where addresses of elsewhere lie on this machine: `data/paths.yml` maps the beginning of any reference to a local file or folder.

It is how examples and CI run with no network, and how a mounted share stands in for a datastore. The longest beginning that fits decides.
"""

from __future__ import annotations

import re
from pathlib import Path

from mlops.assets.reference import Reference, parse
from mlops.errors import UsageError
from mlops.records import dataclass
from mlops.spec.references import is_reference

RULES_FILE = Path("data/paths.yml")
_BLOB = r"https?://(?P<account>[^./]+)\.(?:blob|dfs)\.(?P<suffix>[^/]+)/(?P<container>[^/]+)/?(?P<path>.*)"
_CONTAINER = r"(?:wasbs?|abfss?)://(?P<container>[^@/]+)@(?P<account>[^./]+)\.(?:blob|dfs)\.(?P<suffix>[^/]+)/?(?P<path>.*)"


@dataclass(frozen=True)
class Rule:
    """One line of the file."""

    prefix: str
    target: Path
    place: str
    """File and line, for messages."""


@dataclass(frozen=True)
class Rules:
    """All lines, the longest beginning first."""

    rules: tuple[Rule, ...] = ()

    def apply(self, address: str) -> Path | None:
        """Return where `address` lies here; None where no rule is about it.

        Raises:
            UsageError: A rule is about it, and there is nothing.
        """
        rule, found = self._found(address)
        if rule and found and not found.exists():
            hint = f"The rule at {rule.place} leads to {found}: put it there, or mend the rule."
            raise UsageError(f"{address!r} is not on this machine", hint=hint)
        return found

    def place(self, address: str) -> Path | None:
        """Return where what is written to `address` goes; None where no rule is about it."""
        return self._found(address)[1]

    def _found(self, address: str) -> tuple[Rule | None, Path | None]:
        for rule in self.rules:
            rest = next((rest for one in spellings(address) if (rest := _rest(one, rule.prefix)) is not None), None)
            if rest is not None:
                return rule, _below(rule, rest, address)
        return None, None


def read_rules(root: Path) -> Rules:
    """Read the project's rules; a project without the file has none.

    Raises:
        SpecError: With every mistake at its line.
    """
    path = root / RULES_FILE
    if not path.is_file():
        return Rules()
    from mlops.settings import Reader
    from mlops.spec.source import read

    reader = Reader(read(path))
    rules = []
    for prefix in reader.mapping((), None):
        target = reader.text((prefix,))
        if not is_reference(str(prefix)):
            reader.note(
                (prefix,), f"{str(prefix)!r} does not begin as a reference does", "As azureml:NAME, azureml://..., https://...", at_key=True
            )
        line = reader.source.key_marks[prefix,][0] + 1
        rules.append(Rule(str(prefix), root / Path(target).expanduser(), f"{RULES_FILE}:{line}"))
    reader.done()
    return Rules(tuple(sorted(rules, key=lambda rule: -len(rule.prefix))))


def spellings(address: str) -> list[str]:
    """Return an address as written, without its query, and as the other names of the same place: a blob by https, wasbs and abfss."""
    bare = address.split("?", 1)[0]
    found = re.fullmatch(_BLOB, bare, re.IGNORECASE) or re.fullmatch(_CONTAINER, bare, re.IGNORECASE)
    if not found:
        return [address, bare]
    account, container, path, suffix = found["account"], found["container"], found["path"], found["suffix"]
    return [
        address,
        bare,
        f"https://{account}.blob.{suffix}/{container}/{path}",
        f"wasbs://{container}@{account}.blob.{suffix}/{path}",
        f"abfss://{container}@{account}.dfs.{suffix}/{path}",
    ]


def _rest(address: str, prefix: str) -> str | None:
    """Return what comes after `prefix`, where that ends with a whole name; nothing after an asset's name but which version it is."""
    if not address.startswith(prefix):
        return None
    rest = address[len(prefix) :]
    if rest and rest[0] in "/:@" and isinstance(parse(prefix), Reference):
        return ""
    return rest.lstrip("/:@") if not rest or rest[0] in "/:@" or prefix[-1] in "/:@" else None


def _below(rule: Rule, rest: str, address: str) -> Path:
    found = (rule.target / rest).resolve()
    if not found.is_relative_to(rule.target.resolve()):
        raise UsageError(f"{address!r} leads out of {rule.target}", where=rule.place)
    return found
