"""The page about a run: one HTML file that needs nothing else, made from the JSON files of the run's folder.

Everything that comes from data is escaped: by the template (autoescape), or in `svg` for what stands in a picture. Each part of the page is
there or says why it is not, so that a run that failed at its first step has a page too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.files import write_atomic
from mlops.report import charts, comparison, figures, pieces, preparation
from mlops.report.changes import since_champion
from mlops.report.comparison import mapping, mappings
from mlops.report.contract import read_contract
from mlops.report.gantt import bars, gantt
from mlops.report.headline import champion, failed_step, headline, name
from mlops.report.task import told
from mlops.report.tiles import tiles
from mlops.settings import METRICS

if TYPE_CHECKING:
    from mlops.report.pieces import Piece, Pieces
    from mlops.report.svg import Svg
    from mlops.report.task import Told

WIDE, NARROW = 860.0, 340.0


def write_report(run_folder: Path) -> Path:
    """Write `report.html` into a run's folder, and return its path.

    Raises:
        UsageError: The folder has no run.json.
        PlatformError: run.json is not JSON, or the disk is full or not writable.
    """
    path = run_folder / "report.html"
    write_atomic(path, render(pieces.read_pieces(run_folder)))
    return path


def render(found: Pieces) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shown = (
        figures.count,
        figures.decimal,
        figures.measured,
        figures.line,
        figures.moment,
        figures.percent,
        figures.seconds,
        figures.short,
        figures.signed,
    )
    environment.filters |= {function.__name__: function for function in shown}
    environment.filters |= {"picture": _markup, "metric": figures.metric}
    style = (here / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(style=_markup(style), **_view(found))


def _markup(trusted: str) -> str:
    """Mark our own CSS, and SVG that escaped its data itself, as safe."""
    from markupsafe import Markup

    return Markup(trusted)  # noqa: S704 - never called with data


def _view(found: Pieces) -> dict[str, Any]:
    delivery, run = found.delivery, found.run
    steps = bars(run, delivery)
    return {
        "run": run,
        "delivery": delivery,
        "headline": headline(run, delivery),
        "tiles": tiles(found, steps),
        "version": _version(delivery),
        "champion": champion(delivery),
        "baseline": found.baseline,
        "verdict": found.verdict,
        "rules": pieces.rules(found.verdict.value),
        "unreached": run.get("state") != "completed" and not (found.evidence or found.verdict or found.evaluation["metrics"]),
        "contract": read_contract(found.validation, found.validated),
        "preparation": preparation.parts(run, found.folder),
        "previous": found.previous,
        "changes": since_champion(found),
        "steps": steps,
        "gantt": _both(lambda width: gantt(steps, width)),
        "failure": _failure(found),
        "lineage": _lineage(found),
        **_compared(found),
        **_evaluated(found),
    }


def _compared(found: Pieces) -> dict[str, Any]:
    """What the page says of candidate and champion."""
    evidence = found.evidence.value
    met, slices = comparison.opponent(evidence), comparison.slices(evidence)
    telling, sliced = comparison.telling(slices), comparison.slice_metric(evidence)
    return {
        "evidence": found.evidence,
        "met": met,
        "metrics": comparison.metrics(evidence),
        "worst": comparison.worst_slice(evidence),
        "slices": slices,
        "small": len(slices) - len(telling),
        "few": comparison.FEW,
        "whiskers": _both(lambda width: charts.whiskers(telling, width, met.short, sliced)),
        "sliced": sliced,
        "columns": mapping(mapping(evidence).get("model")).get("inputs") or [],
    }


def _evaluated(found: Pieces) -> dict[str, Any]:
    """What the page says of the candidate alone, from what its evaluate step wrote."""
    said = told(found)
    months = charts.months(found.evaluation["monthly"].value, said)
    return {
        "own_metrics": _own_metrics(found.evaluation["metrics"]),
        "own_slices": mappings(found.evaluation["slices"].value),
        "plots": _plots(found, said),
        "months": months,
        "monthly": _both(lambda width: charts.monthly(months, width, said)),
        "monthly_missing": found.evaluation["monthly"].missing or "monthly.json has fewer than two months",
        "told": said,
    }


def _version(delivery: dict[str, Any]) -> str:
    return f"v{delivery['version']}" if delivery.get("version") else "candidate"


def _both(draw: Any) -> list[tuple[str, Svg]]:
    """One picture for wide screens and paper, one for phones: text in it stays readable on both."""
    drawn = [("wide", draw(WIDE)), ("narrow", draw(NARROW))]
    return [(kind, svg) for kind, svg in drawn if svg is not None]


def _own_metrics(metrics: Piece) -> list[tuple[str, Any, Any]]:
    """Name, the candidate's value and the baseline's, as the evaluate step wrote them: `auc` beside `baseline_auc`."""
    told = mapping(metrics.value)
    of_baseline = [key for key in told if key.startswith("baseline_") and key.removeprefix("baseline_") in told]
    return [(figures.metric(key), value, told.get(f"baseline_{key}")) for key, value in told.items() if key not in of_baseline]


def _plots(found: Pieces, said: Told) -> list[tuple[str, Svg | None, str]]:
    """Heading, picture, and why it is not there."""
    curves, own = found.evaluation["curves"], mapping(found.evaluation["metrics"].value)
    known = {entry.get("name"): figures.real(entry.get("candidate")) for entry in mappings(mapping(found.evidence.value).get("metrics"))}
    number = {key: known.get(key, figures.real(own.get(key))) for key in METRICS}
    who, missing, weights = _version(found.delivery), curves.missing or "curves.json does not hold it", found.evaluation["importance"]
    plots = [(title, svg, missing) for title, svg in _own_plots(said.task, curves.value, number, _share(found), who)]
    return [
        *plots,
        ("Permutation importance", charts.importance(weights.value, said.lost), weights.missing or "importance.json is empty"),
    ]


def _own_plots(task: str, curves: Any, number: dict[str, float | None], share: float | None, who: str) -> list[tuple[str, Svg | None]]:
    """The pictures that a task has: of probabilities, of classes, or of numbers."""
    if task == "multiclass":
        return [("Confusion matrix", charts.confusion(curves, who))]
    if task == "regression":
        return [
            ("Predicted and actual", charts.predicted_actual(curves, number["r2"], who)),
            ("Residuals", charts.residuals(curves, who)),
        ]
    return [
        ("ROC", charts.roc(curves, number["auc"], who)),
        ("Precision and recall", charts.precision_recall(curves, number["average_precision"], share, who)),
        ("Calibration", charts.calibration(curves, number["calibration_error"], who)),
    ]


def _share(found: Pieces) -> float | None:
    share = figures.real(mapping(mapping(found.evidence.value).get("rows")).get("positive_share"))
    return figures.real(mapping(found.evaluation["metrics"].value).get("positive_share")) if share is None else share


def _failure(found: Pieces) -> dict[str, Any] | None:
    step = failed_step(found.run)
    if step is None:
        return None
    title, facts = step
    return {"step": title, "facts": facts, "tail": pieces.log_tail(found.folder, facts)}


def _lineage(found: Pieces) -> list[tuple[str, str, str]]:
    """From what serves back to the data: what, its name, and a remark."""
    run, delivery = found.run, found.delivery
    links: list[tuple[str, str, str]] = []
    for environment in ("production", "staging"):
        served = mapping(delivery.get(environment))
        if served and not links:
            links.append(("endpoint", figures.line(served.get("address")), environment))
    if delivery.get("version"):
        links.append(("model version", name(delivery), ""))
    digest = delivery.get("digest") or mapping(mapping(run.get("outputs")).get("model")).get("digest")
    if digest:
        links.append(("model digest", figures.line(digest), ""))
    links.append(("run", f"{run.get('run')} ({figures.line(run.get('name'))})", f"by {figures.line(run.get('user')) or 'unknown'}"))
    links.append(("pipeline", figures.line(run.get("pipeline")) or "unknown", ""))
    links.append(("commit", figures.line(run.get("commit")) or "no commit", "with uncommitted changes" if run.get("dirty") else ""))
    given = [(key, mapping(value)) for key, value in mapping(run.get("inputs")).items()]
    return links + [
        (f"data: {figures.line(key)}", figures.line(value["digest"]), figures.line(value.get("path")))
        for key, value in given
        if value.get("digest")
    ]
