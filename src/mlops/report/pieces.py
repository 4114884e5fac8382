"""The facts that a report is made of: the JSON files of a run, each there or missing with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import MlopsError, UsageError
from mlops.files import read_json
from mlops.local.logs import readable
from mlops.local.runs import read_run
from mlops.report.comparison import mapping, mappings
from mlops.report.figures import line, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TAIL_BYTES = 65536
_EVALUATED = ("metrics", "curves", "monthly", "importance", "slices")


@dataclass(frozen=True)
class Piece:
    """One file's value, or why it is not there."""

    value: Any = None
    missing: str = ""

    def __bool__(self) -> bool:
        return not self.missing


@dataclass(frozen=True)
class Pieces:
    """All that is known about a run."""

    folder: Path
    run: dict[str, Any]
    delivery: dict[str, Any]
    verdict: Piece
    evidence: Piece
    evaluation: Mapping[str, Piece]
    """metrics, curves, monthly, importance and slices, as the evaluate step wrote them."""
    baseline: str
    validation: Piece
    validated: str
    """What the step that checked the contract said of itself."""
    previous: Piece
    """The record of the champion's run."""
    previous_evidence: Piece


def read_pieces(folder: Path) -> Pieces:
    """Read a run folder.

    Raises:
        UsageError: It has no run.json.
        PlatformError: run.json is not JSON.
    """
    run = read_run(folder)
    if run is None:
        raise UsageError("this is not a run folder: it has no run.json", where=str(folder), hint="mlops runs lists the runs there are.")
    delivery = mapping(_read(folder / "delivery.json").value)
    evaluation = _evaluation(folder, run)

    evidence = _evidence(folder, run, delivery)
    previous = _previous(folder, run, delivery, evidence)
    evaluated = {name: _read(evaluation.value / f"{name}.json") if evaluation else evaluation for name in _EVALUATED}
    return Pieces(
        folder,
        run,
        delivery,
        _verdict(folder, run, delivery),
        evidence,
        evaluated,
        _baseline(evaluation),
        *_validation(folder, run),
        previous,
        _evidence_of(previous),
    )


def located(path: Any, folder: Path) -> Path:
    """Return where an output is: absolute as it stands, otherwise below the run's folder, or the place the command was given in."""
    place = Path(str(path))
    return place if place.is_absolute() or (not (folder / place).exists() and place.exists()) else folder / place


def log_tail(folder: Path, facts: Mapping[str, Any], lines: int = 30) -> list[str]:
    """Return the last lines of a step's log, from its file (below the run's folder only) or else from the run's record."""
    path = (folder / str(facts.get("log") or "none")).resolve()
    kept = facts.get("tail")
    tail = [plain(text) for text in kept] if isinstance(kept, list | tuple) else []
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return tail
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return tail
    return [plain(row) for row in readable(text.rstrip())[-lines:]]


def _read(path: Path) -> Piece:
    try:
        value = read_json(path)
    except (MlopsError, OSError) as error:
        return Piece(missing=f"{path.name} cannot be read: {error}")
    return Piece(missing=f"there is no {path.name}") if value is None else Piece(value)


def _ended(run: Mapping[str, Any], otherwise: str) -> str:
    return otherwise if run.get("state") == "completed" else "the run ended before this was made"


def _evaluation(folder: Path, run: Mapping[str, Any]) -> Piece:
    path = mapping(mapping(run.get("outputs")).get("evaluation")).get("path")
    if not path:
        return Piece(missing=_ended(run, "the pipeline has no output `evaluation`"))
    found = located(path, folder)
    return Piece(found) if found.is_dir() else Piece(missing="the evaluation's folder was removed")


def _evidence(folder: Path, run: Mapping[str, Any], delivery: Mapping[str, Any]) -> Piece:
    outputs = mapping(mapping(mapping(run.get("steps")).get("compare")).get("outputs"))
    candidates = [delivery.get("evidence"), *(mapping(output).get("path") for output in outputs.values())]
    for path in (located(candidate, folder) for candidate in candidates if candidate):
        found = _read(path / "evidence.json" if path.is_dir() else path)
        if found and isinstance(found.value, dict) and "metrics" in found.value:
            return found
    if delivery.get("outcome") == "unchanged":
        return Piece(missing="nothing changed since the model in production was compared")
    return Piece(missing=_ended(run, "the candidate was not compared with another model"))


def _verdict(folder: Path, run: Mapping[str, Any], delivery: Mapping[str, Any]) -> Piece:
    told = mapping(delivery.get("verdict")) or mapping(_read(folder / "gate" / "gate.json").value)
    if told:
        return Piece(told)
    if delivery.get("outcome") == "unchanged":
        return Piece(missing="nothing changed since the model in production passed the gate")
    return Piece(missing=_ended(run, "this run did not come to a gate"))


def _baseline(evaluation: Piece) -> str:
    try:
        return "" if evaluation.missing else plain((evaluation.value / "baseline.txt").read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _validation(folder: Path, run: Mapping[str, Any]) -> tuple[Piece, str]:
    """The contract's result, and what its step said: validation.json in an output of any step, one that failed included."""
    for name, facts in mapping(run.get("steps")).items():
        made = [mapping(output).get("path") for output in mapping(mapping(facts).get("outputs")).values()]
        places = [located(path, folder) for path in made if path] or [*(folder / "steps" / name / "outputs").glob("*")]
        found = next((place / "validation.json" for place in places if (place / "validation.json").is_file()), None)
        if found:
            return _read(found), line(mapping(facts).get("summary"))
    return Piece(missing=_ended(run, "no step of this run wrote a validation.json")), ""


def _previous(folder: Path, run: Mapping[str, Any], delivery: Mapping[str, Any], evidence: Piece) -> Piece:
    """The record of the run that made the champion, found by number, or else by the champion's version."""
    champion = mapping(delivery.get("champion"))
    if not champion.get("version"):
        return Piece(missing=_ended(run, "there was no champion before this run"))
    digest = champion.get("digest") or mapping(mapping(evidence.value).get("against")).get("digest")
    for other in _runs_before(folder, champion.get("run")):
        told = mapping(_read(other / "delivery.json").value)
        same = told.get("model") == delivery.get("model") and told.get("version") == champion["version"]
        if same and (not digest or told.get("digest") in {digest, None}) and told.get("outcome") != "unchanged":
            return Piece({**mapping(_read(other / "run.json").value), "folder": str(other), "evidence": told.get("evidence")})
    return Piece(missing=f"the run folder of the champion v{champion['version']} is no longer here")


def _runs_before(folder: Path, number: Any) -> Iterator[Path]:
    if number:
        yield folder.parent / str(int(number))
        return
    others = [path for path in folder.resolve().parent.iterdir() if path.name.isdigit() and path.name != folder.resolve().name]
    yield from sorted(others, key=lambda path: -int(path.name))


def _evidence_of(previous: Piece) -> Piece:
    if not previous:
        return previous
    return _evidence(Path(previous.value["folder"]), previous.value, {"evidence": previous.value.get("evidence")})


def rules(verdict: Any) -> list[dict[str, Any]]:
    """Return the rules of a verdict."""
    return mappings(mapping(verdict).get("rules"))
