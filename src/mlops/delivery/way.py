"""The one way to production: train, compare, gate, register, staging, smoke and load, production.

Each station either hands on or ends the delivery with a reason. Nothing that serves is touched before the station that is about it, so a
delivery that ends early, or is killed, leaves production as it was; the same command goes on from what is there already.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.ci.host import current
from mlops.datasets.listing import DATA, version_among
from mlops.delivery import files, stations
from mlops.delivery.compare import Opponent, compare_step, read_evidence
from mlops.delivery.moves import put
from mlops.delivery.training import begin, follow, load
from mlops.engine.events import Failed, Finished, Started
from mlops.errors import JobFailed, MlopsError, UsageError
from mlops.files import locked, write_json
from mlops.local.runs import read_run
from mlops.registry.gate import Verdict, judge, on_a_sample
from mlops.registry.versions import FINGERPRINT
from mlops.release.provenance import MADE, made
from mlops.report.page import write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops.delivery.sample import Twin
    from mlops.delivery.training import Training
    from mlops.delivery.workspace import Workspace
    from mlops.engine.events import Event
    from mlops.registry.versions import ModelVersion
    from mlops.serving.endpoint import Served
    from mlops.spec.values import Step

OUTPUTS = ("model", "test", "evaluation")
_EMPTY = dict.fromkeys(("reason", "version", "digest", "champion", "verdict", "evidence", "staging", "production"))


@dataclass
class Delivery:
    """One model on its way.

    Args:
        workspace: The project, its model and environments, and where state is kept.
        tell: The reader of events.
        to: The last station: verdict (nothing is registered), registry, staging or production.
        force: Run every step of the pipeline, whatever is there already.
        settings: Inputs of the pipeline given on the command line.
    """

    workspace: Workspace
    tell: Callable[[Event], None]
    to: str = "production"
    force: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    twin: Twin | None = None
    """Whom to compare with instead of the champion: its own code, trained on the same sample; or that of the commit that a change goes to."""
    sampled: bool = False
    """Whether the settings made it a sample: what a model of all rows must reach is then only told."""
    facts: dict[str, Any] = field(default_factory=dict, init=False)
    _known: ModelVersion | None = field(default=None, init=False)

    def go(self) -> dict[str, Any]:
        """Deliver, and return the facts of it; the run folder has them as delivery.json.

        Raises:
            JobFailed: A step failed, a limit is broken, or staging did not pass its test.
            UsageError: The pipeline or the settings are wrong; nothing was started.
            PlatformError: Something could not be carried out.
        """
        clock = stations.Clock()
        ws = self.workspace
        with locked(ws.home / f"deliver-{ws.model.name}.lock", wait=False, busy=f"{ws.model.name} is being delivered already"):
            if self._made_before():
                return self.facts
            run = self._open()
            try:
                self._deliver(run)
            except MlopsError as error:
                self.facts["error"] = error.message
                self.facts["reason"] = self.facts["reason"] or error.message
                raise
            finally:
                self.facts["seconds"] = clock.seconds
                self._write(run)
        return self.facts

    def _made_before(self) -> bool:
        """Return whether a job before this one has made and judged this very model: on a machine that keeps nothing, nothing else would say so."""
        ws = self.workspace
        if not ws.shared or self.force or self.to != "registry":
            return False
        known = ws.registry.by_fingerprint(ws.model.name, files.fingerprint(ws, self.settings))
        if known is None:
            return False
        champion = ws.registry.resolve(ws.model.name, "champion")
        serves = champion.version if champion else None
        if known.approved and serves not in {known.version, known.against} and not known.rolled_back:
            return False  # it won against another champion than that of now: judged again
        goes_on = known.approved and known.version != serves and not known.rolled_back
        if goes_on and not ws.registry.whole(known):
            return False  # its files were dropped by now: made and registered again
        made = f"{ws.model.name} v{known.version} was made of the same data, code and parameters"
        self.facts.update(
            _EMPTY | {"model": ws.model.name, "version": known.version, "digest": known.digest, "champion": _champion_facts(champion)}
        )
        self.facts.update(outcome="promote" if goes_on else "unchanged", reason=known.rolled_back or made, seconds=0.0)
        return True

    def _open(self) -> Training:
        ws = self.workspace
        pipeline = load(ws, self.settings)
        missing = [name for name in OUTPUTS if name not in pipeline.outputs]
        if missing:
            hint = f"The gate needs the outputs {', '.join(OUTPUTS)}."
            raise UsageError(f"the pipeline has no output {missing[0]!r}", where=str(ws.model.pipeline), hint=hint)
        for environment in (ws.staging, ws.production):  # a mistake in a settings file is told before any work starts
            if environment.serve is None or (environment is ws.staging and environment.gate is None):
                lacking = "serve" if environment.serve is None else "gate"
                hint = "The file of the template has one that works."
                raise UsageError(f"there is no `{lacking}` section", where=f"environments/{environment.name}.yml", hint=hint)
        run = begin(ws, pipeline, self.settings, self._then, force=self.force)
        self.facts.update(_EMPTY | {"model": ws.model.name, "outcome": "failed", "run": run.record.facts["run"]})
        return run

    def _deliver(self, run: Training) -> None:
        follow(run, self.tell)
        if self.to == "verdict":
            self.facts["digest"] = run.record.facts["outputs"]["model"]["digest"]
            self._judged(run)
            return
        if self._is_there(run):
            return
        if self._known is None:
            verdict = self._judged(run)
            self._known = self._registered(run, verdict)
            if verdict.outcome == "keep":
                self._champion_serves(run)
                return
        if self.to != "registry":
            self._put(run, "staging")
        if self.to == "production":
            self._put(run, "production")

    def _is_there(self, run: Training) -> bool:
        """Return whether there is nothing left to do for this model, and say so in the facts."""
        digest = run.record.facts["outputs"]["model"]["digest"]
        self.facts["digest"] = digest
        ws = self.workspace
        served = _serving(ws, digest) if self.to == "production" else None
        if served is not None:
            self.facts.update(
                outcome="unchanged", version=served.version, reason=f"{ws.model.name} v{served.version} is this model, and serves"
            )
            self.facts["production"] = asdict(served)
            return True
        if self._known is not None and self.to == "registry":
            self.facts.update(
                outcome="unchanged", version=self._known.version, reason=f"{ws.model.name} v{self._known.version} is this model"
            )
            return True
        if self._known is not None and self._known.rolled_back:
            self.facts.update(outcome="keep", version=self._known.version, reason=self._known.rolled_back)
            self._champion_serves(run)
            return True
        return False

    def _then(self, run: Training) -> dict[str, Step]:
        """After the pipeline's own steps: compare its model with the champion, unless it has been through that already."""
        ws, name = self.workspace, self.workspace.model.name
        digest = run.record.facts["outputs"]["model"]["digest"]
        if self.to == "production" and _serving(ws, digest):
            return {}
        champion = None if ws.apart else ws.registry.resolve(name, "champion")
        if self.to == "verdict":
            return self._against(run, champion)
        same = ws.registry.by_digest(name, digest)
        serves = champion.version if champion else None
        may_go = same is not None and same.approved and same.against == serves and ws.registry.whole(same)  # else its files were dropped
        if same is not None and (same.rolled_back or same.version == serves or may_go):
            self._known = same
            return {}
        return self._against(run, champion)

    def _against(self, run: Training, champion: ModelVersion | None) -> dict[str, Step]:
        ws = self.workspace
        self.facts["champion"] = _champion_facts(champion)
        met: Opponent | None = None
        if self.twin and (champion or ws.apart):
            met = Opponent(self.twin.folder, self.twin.digest, self.twin.version, self.twin.commit[:7])
        elif champion:
            met = Opponent(ws.registry.fetch(champion), champion.digest, champion.version)
        return {"compare": compare_step(ws, run.record.folder / "gate", run.record.facts["outputs"], met)}

    def _judged(self, run: Training) -> Verdict:
        path, evidence = read_evidence(run.record.facts)
        rules = self.workspace.staging.gate
        assert rules is not None  # noqa: S101 - told in `_open`
        verdict = judge(evidence, on_a_sample(rules) if self.twin or self.sampled else rules)
        facts = asdict(verdict) | {"rules": [asdict(rule) for rule in verdict.rules]}
        self.facts.update(verdict=facts, evidence=str(path), outcome=verdict.outcome, reason=verdict.reason)
        write_json(run.record.folder / "gate" / "gate.json", facts)
        passed = sum(rule.passed is True for rule in verdict.rules)
        counted = sum(rule.mode != "off" for rule in verdict.rules)
        self.tell(Started("gate", "", 0.0))
        if verdict.outcome == "stop":
            self.tell(Failed("gate", 0.0, verdict.reason))
            hint = "Nothing was registered; production is as it was. The limits are in environments/staging.yml."
            raise JobFailed(f"the gate stopped the model: {verdict.reason}", hint=hint)
        self.tell(Finished("gate", 0.0, {}, f"{passed} of {counted} rules" if verdict.outcome == "promote" else "not promoted: see below"))
        return verdict

    def _registered(self, run: Training, verdict: Verdict) -> ModelVersion:
        ws, clock = self.workspace, stations.Clock()
        model = run.record.facts["outputs"]["model"]
        maker = _maker(ws.home, Path(model["path"])) or run.record.facts
        self.tell(Started("registered", "", clock.at))
        evidence = Path(self.facts["evidence"])
        version = ws.registry.register(
            ws.model.name,
            Path(model["path"]),
            model["digest"],
            maker.get("mlflow_run") or (maker.get("job") or {}).get("name"),
            evidence=evidence.parent,
            approved=verdict.outcome == "promote",
            against=self.facts["champion"]["version"] if self.facts["champion"] else None,
            tags={
                "slipway.run": str(maker["run"]),
                "slipway.commit": maker.get("commit") or "",
                "slipway.dirty": str(maker.get("dirty")).lower(),
                FINGERPRINT: files.fingerprint(ws, self.settings),
                MADE: made(ws.root, maker, current(os.environ).context.run_url),
                DATA: version_among(maker["inputs"]),
            },
        )
        self.facts["version"] = version.version
        self.tell(Finished("registered", clock.seconds, {}, f"{ws.model.name} v{version.version}   {version.digest[:19]}…"))
        return version

    def _champion_serves(self, run: Training) -> None:
        """Nothing was promoted: make sure that the champion serves, after a stop or a restart of the machine."""
        champion = self.workspace.registry.resolve(self.workspace.model.name, "champion")
        if self.to != "production" or champion is None or _serving(self.workspace, champion.digest):
            return
        clock = stations.Clock()
        self.tell(Started("production", "", clock.at))
        facts = put(self.workspace, "production", champion, reason=f"run {run.record.facts['run']}")
        self.tell(Finished("production", clock.seconds, {}, f"v{champion.version} serves again   {facts['address']}"))

    def _put(self, run: Training, environment: str) -> None:
        assert self._known is not None  # noqa: S101 - registered above
        clock = stations.Clock()
        self.facts.update(version=self._known.version)
        self.tell(Started(environment, "", clock.at))
        try:
            facts = put(self.workspace, environment, self._known, reason=f"run {run.record.facts['run']}", expected=self.facts["champion"])
        except MlopsError as error:
            self.tell(Failed(environment, clock.seconds, error.message))
            raise
        self.facts[environment] = facts | {"at": round(clock.at - run.record.began, 2)}
        self.facts["outcome"] = "promote"
        if environment == self.to:
            self.facts["reason"] = self.facts["reason"] or f"v{self._known.version} serves again"
        said = f"v{self._known.version} serves 100 %   {facts['address']}" if environment == "production" else stations.summary(facts)
        self.tell(Finished(environment, clock.seconds, {}, said))

    def _write(self, run: Training) -> None:
        folder = run.record.folder
        self.facts["report"] = str(folder / "report.html")
        write_json(folder / "delivery.json", self.facts)
        write_report(folder)


def _champion_facts(champion: ModelVersion | None) -> dict[str, Any] | None:
    if champion is None:
        return None
    run = champion.tags.get("slipway.run")
    return {"version": champion.version, "digest": champion.digest, "run": int(run) if run else None}


def _serving(workspace: Workspace, digest: str) -> Served | None:
    """Return production's endpoint where it is ready and serves exactly these files, or None."""
    served = workspace.serving("production").look()
    return served if served.health == "ready" and served.digest == digest else None


def _maker(home: Path, product: Path) -> dict[str, Any] | None:
    """Return the record of the run whose folder a product lies in: a reused model was made by an earlier run."""
    runs = home / "runs"
    if not product.is_relative_to(runs):
        return None
    return read_run(runs / product.relative_to(runs).parts[0])
