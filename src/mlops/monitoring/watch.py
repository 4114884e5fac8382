"""Look at production: the newest data through the monitoring pipeline, the version's inputs and predictions on it, and the endpoint.

The newest rows are made by the components that made the training rows, so that a difference is one of the data and never of the code, and what
has been made already is reused. Nothing that serves is changed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.delivery import stations
from mlops.delivery.compare import asked_for
from mlops.errors import JobFailed, UsageError
from mlops.files import read_json, shown, write_json
from mlops.local.run import LocalRun, Options, why_not
from mlops.local.runs import now
from mlops.monitoring import health, newest
from mlops.monitoring.verdict import Finding, Verdict, judge
from mlops.registry.reference import FILE
from mlops.spec.program import program_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops.delivery.workspace import Workspace
    from mlops.engine.events import Event
    from mlops.registry.versions import ModelVersion
    from mlops.spec.values import Pipeline, Step

ROWS = "rows"
STEP = "measure"


@dataclass(frozen=True)
class Champion:
    """The version in production, with what it brings along."""

    version: ModelVersion
    folder: Path
    reference: Path | None
    smoke: Path | None


@dataclass
class Monitor:
    """One look at one model.

    Args:
        workspace: The project, its model and environments, and where state is kept.
        tell: The reader of events.
        settings: Inputs of the monitoring pipeline given on the command line.
    """

    workspace: Workspace
    tell: Callable[[Event], None]
    settings: Mapping[str, str] = field(default_factory=dict)
    _findings: list[Finding] = field(default_factory=list, init=False)
    _champion: Champion | None = field(default=None, init=False)

    def go(self) -> dict[str, Any]:
        """Look at everything, and return the facts; the run's folder has them as monitor.json.

        Raises:
            UsageError: The model has no monitoring pipeline, or that or the settings are wrong; nothing was started.
            PlatformError: Something could not be carried out.
        """
        ws, clock = self.workspace, stations.Clock()
        rules = ws.production.monitor  # a mistake in the settings file is told before any work starts
        pipeline = self._pipeline()
        self._champion = self._resolved()
        options = Options.of(ws.local, model=ws.model.name)
        run = LocalRun(pipeline, ws.home, ws.root, options, then=self._then)
        for event in run.events():
            self.tell(event)
        error = why_not(run)
        if error is not None and not isinstance(error, JobFailed):
            raise error
        self._findings += newest.findings(run.record.facts, run.record.folder, ws.root)
        if self._champion is not None:
            self._findings.append(health.look(ws, self._champion.version, self._champion.folder, self._champion.smoke))
        measures = _measures(run)
        if measures is None:
            said = "drift and performance were not looked at: see what else was found"
            self._findings.append(Finding("drift", "attention", "rows", said))
        verdict = judge(self._findings, measures, rules)
        facts = self._facts(run, verdict, measures) | {"seconds": clock.seconds}
        write_json(run.record.folder / "monitor.json", facts)
        return facts

    def _pipeline(self) -> Pipeline:
        ws = self.workspace
        if not ws.model.monitor:
            hint = (
                "Where no time orders the rows, none are newer than others: `make status` tells whether the endpoint answers. Else name a "
                f"pipeline that makes the newest rows, and their window: models.{ws.model.name}.monitor and .window."
            )
            raise UsageError(f"{ws.model.name} has no monitoring pipeline", where="src/project/project.yml", hint=hint)
        pipeline = ws.load(ws.model.monitor, self.settings)
        if ROWS not in pipeline.outputs:
            hint = f"The newest rows are its output `{ROWS}`: Parquet, with the model's inputs and the column {ws.model.window!r}."
            raise UsageError(f"the pipeline has no output {ROWS!r}", where=ws.model.monitor, hint=hint)
        return pipeline

    def _resolved(self) -> Champion | None:
        """Return the version in production; where there is none that is whole, that is a finding."""
        registry, name = self.workspace.registry, self.workspace.model.name
        version = registry.resolve(name, "champion")
        if version is None:
            said = "the registry knows no version in production"
            self._findings.append(Finding("endpoint", "attention", "production", said, evidence="make run brings the first one there"))
            return None
        try:
            attached = [registry.attachment(version, file) for file in (FILE, stations.SMOKE_FILE)]
            return Champion(version, registry.fetch(version), *attached)
        except JobFailed as error:
            self._findings.append(Finding("endpoint", "bad", "production", error.message, evidence=error.hint or ""))
            return None

    def _then(self, run: LocalRun) -> dict[str, Step]:
        """After the pipeline's own steps: measure its rows beside the reference of the version in production."""
        champion, ws = self._champion, self.workspace
        if champion is None:
            return {}
        if champion.reference is None:
            said = (
                f"v{champion.version.version} was registered without a reference to hold newer rows against; the next version will have one"
            )
            self._findings.append(Finding("drift", "attention", "reference", said))
            return {}
        rules, folder = ws.production.monitor, run.record.folder / "monitor"
        asked = {"columns": list(rules.columns), "min_rows": rules.min_rows, "metric": rules.performance.metric}
        write_json(folder / "settings.json", asked)
        write_json(folder / "trusted.json", list(ws.model.trusted_types))
        rows = Path(run.record.facts["outputs"][ROWS]["path"])
        files = {"model": champion.folder, "rows": rows, "reference": champion.reference}
        files |= {name: folder / f"{name}.json" for name in ("settings", "trusted")}
        words = {"window": ws.model.window, **asked_for(ws.model)}
        module = "mlops.monitoring.measure"
        return {STEP: program_step(STEP, module, "Measure the newest rows", files=files, words=words, output="measures")}

    def _facts(self, run: LocalRun, verdict: Verdict, measures: dict[str, Any] | None) -> dict[str, Any]:
        ws, found = self.workspace, measures or {}
        return {
            "model": ws.model.name,
            "version": self._champion.version.version if self._champion else None,
            "status": verdict.status,
            "findings": [asdict(finding) for finding in verdict.findings],
            "windows": found.get("windows", []),
            "reference": found.get("reference"),
            "metric": found.get("metric"),
            "rules": asdict(ws.production.monitor),
            "retrain": verdict.retrain,
            "why": verdict.why,
            "run": run.record.facts["run"],
            "folder": shown(run.record.folder, ws.root),
            "at": now(),
        }


def _measures(run: LocalRun) -> dict[str, Any] | None:
    made = run.record.facts["steps"].get(STEP, {}).get("outputs", {}).get("measures")
    return read_json(Path(made["path"], "measures.json")) if made else None
