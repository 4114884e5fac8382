"""One pipeline, run on this machine: from the frozen `Pipeline` to a stream of events and a run folder."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import deque
from functools import cached_property
from pathlib import Path

from mlops.assets.surroundings import Surroundings
from mlops.engine.events import Canceled, Event, Failed, Finished, Product, Reused, RunFinished, RunStarted, Skipped
from mlops.engine.freshness import Fresh, Recipe, Stale
from mlops.engine.loop import More, Products, Verdict, execute
from mlops.engine.order import Task
from mlops.errors import JobFailed, MlopsError, PlatformError
from mlops.files import shown
from mlops.local.ahead import Ahead
from mlops.local.digests import Digests
from mlops.local.executor import UNMADE, Launch, Nobody, ProcessExecutor
from mlops.local.flow import Flows, Grown
from mlops.local.includes import with_includes
from mlops.local.kinds.code import read_driven
from mlops.local.packages import installs, own_packages
from mlops.local.runs import Origin, RunRecord, ask_origin, facts_of, open_run
from mlops.local.snapshot import Code, Snapshot
from mlops.local.store import Store
from mlops.records import dataclass, field, replace
from mlops.spec import expressions
from mlops.spec.values import LITERAL_TYPES, TRUTHS, Asset, Binding, Component, FromPipeline, FromStep, Input, Literal, Pipeline, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from mlops.assets.interpreters import Interpreter
    from mlops.assets.lookup import LocalAssets
    from mlops.local.warm import Spawner
    from mlops.settings import Environment
    from mlops.tracking.loopback import Loopback
    from mlops.tracking.reader import Tracker


@dataclass(frozen=True)
class Options:
    """How to run, as opposed to what.

    Args:
        workers: Steps at the same time.
        warm: Fork plain Python steps from a process that has their imports.
        force: Run every step, whatever is there already.
        model: The model of the project that the run belongs to, if any.
        packages: Which packages steps have: `project`, or `conda_file` (see assets/interpreters.py).
        settings: The inputs that were given on the command line, for the record.
    """

    workers: int = 2
    warm: bool = True
    force: bool = False
    model: str | None = None
    packages: str = "project"
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, local: Environment, **more: Any) -> Options:
        """Return the options that `environments/local.yml` says, and `more` of them by name."""
        return cls(**{"workers": local.workers, "warm": local.warm, "packages": local.packages, **more})


@dataclass(frozen=True)
class _Bound:
    """What the ports of one step are in this run: what its expressions can name."""

    step: str
    assets: Mapping[str, tuple[Path, str]]
    """Input -> where it is, and its digest."""
    literals: Mapping[str, str]
    outputs: Mapping[str, tuple[Path, str]]
    """Output -> where it is to be written, and its type."""

    def look_up(self, parts: tuple[str, ...]) -> str | None:
        """Return what an expression is filled in with; None for an optional input that is not there."""
        name = ".".join(parts[1:])
        if parts[0] == "search_space":  # each trial's own
            return f"${{{{{'.'.join(parts)}}}}}"
        if parts[0] == "inputs":
            return str(self.assets[name][0]) if name in self.assets else self.literals.get(name)
        return str(self.outputs[name][0]) if parts[0] == "outputs" else self.step


@dataclass
class LocalRun:
    """A pipeline on its way. Iterate over `events()`; the run's record is complete when they end."""

    pipeline: Pipeline
    home: Path
    root: Path
    options: Options
    track: Callable[[RunRecord, Pipeline, Origin], Tracker] | None = None
    then: Callable[[LocalRun], Mapping[str, Step]] | None = None
    """Asked when every step has ended well: the steps to run in addition, in the same run and the same warm process."""
    assets: LocalAssets | None = None
    """Who found the files that the pipeline's references name."""
    resumes: Mapping[str, Any] | None = None
    """The record of a run that did not complete: what is done there need not be done again, whatever the component says of itself."""
    asked: Callable[[], Origin] | None = None
    """Who runs it, from which commit, where that was asked for already."""
    early: Spawner | None = None
    """The process that will start the steps, where it was started already; the run ends it."""
    beside: RunRecord | None = None
    """The record of a run elsewhere that these steps are added to: ask for `added()` alone."""
    dry: bool = False
    """Ask for a `forecast()` alone: no folder is made, and `events()` has no place to write."""
    record: RunRecord = field(init=False)
    _tracker: Tracker | None = field(default=None, init=False)
    _loopback: Loopback | None = field(default=None, init=False)
    _launches: dict[str, Launch] = field(default_factory=dict, init=False)
    _ahead: Ahead = field(init=False)
    _needed: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)
    _untold: deque[Event] = field(default_factory=deque, init=False)
    _expectations: dict[int, Code] = field(default_factory=dict, init=False)
    _recipes: dict[int, tuple[Component, Mapping[str, str]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.places = Surroundings(self.root, self.home, self.options.packages, self.assets, building=not self.dry)
        for component in self.pipeline.components:
            self.places.of(component)
        self.digests = Digests(self.home / "digests.json")
        self.snapshot = Snapshot(self.digests.of)
        self.store = Store(self.home / "cache", str(self.pipeline.path), self.digests)
        dry = RunRecord(self.home / "runs" / "(dry)", {"steps": {}}) if self.dry else None
        self.record = self.beside or dry or open_run(self.home, self._facts())
        self._ahead = Ahead(self.pipeline.steps, self.record.step_folder, self._expected, self.snapshot)
        self.flows = Flows(self._resolve, self.store, self.digests, self.record.step_folder, self.dry)

    @cached_property
    def origin(self) -> Origin:
        """Who runs it, from which commit."""
        return (self.asked or ask_origin(self.root))()

    def forecast(self) -> Iterator[tuple[str, Fresh | Stale | Skipped | Finished | Failed]]:
        """Yield what a run would do with each step, in an order in which they can run; nothing is started or written down.

        What a control step decides is told where all that it reads is there already; the iterations of a loop are told as far as that is so.
        """
        told: dict[str, Verdict] = {}
        runs: set[str] = set()
        nothing: Mapping[str, Product] = {}

        def foresee(task: Task, products: Products) -> Verdict:
            told[task.name] = verdict = self._foreseen(task, products, runs)
            if not isinstance(verdict, Stale):
                return verdict
            runs.add(task.name)
            return Finished(task.name, 0.0, nothing)

        for event in execute({name: self._task(step) for name, step in self.pipeline.steps.items()}, foresee, Nobody()):
            if isinstance(event, Skipped | Failed):
                yield event.step, event
            elif isinstance(event, Finished | Reused) and isinstance(verdict := told.pop(event.step), Fresh | Stale | Finished):
                yield event.step, verdict

    def _foreseen(self, task: Task, products: Products, runs: Collection[str]) -> Verdict:
        step: Step = task.work
        open_branch = next((f"runs if {branch} is {str(truth).lower()}" for branch, truth in step.when if branch in runs), None)
        if open_branch:
            return Stale(open_branch)
        reads = step.inputs.values() if step.flow is None else step.flow.reads
        waited = [*(bound.step for bound in reads if isinstance(bound, FromStep)), *(() if step.flow is None else self.flows.grown(step))]
        made = next((name for name in waited if name in runs), None)
        reason = f"needs {made}, which runs" if made else self._first(step)
        return Stale(reason) if reason else self._verdict(step, products)

    def _first(self, step: Step) -> str:
        """Return what a run would have to bring here before the step could even be compared with an earlier one, or the empty string."""
        interpreter = self.places.of(step.component)
        if interpreter.unbuilt:
            return f"the packages of {interpreter.asked} would be installed first"
        bound = {name: self.pipeline.values.get(one.name) if isinstance(one, FromPipeline) else one for name, one in step.inputs.items()}
        missing = [name for name, one in bound.items() if isinstance(one, Asset) and not one.path.exists()]
        return f"its input {missing[0]!r} would be fetched first" if missing else ""

    def events(self) -> Iterator[Event]:
        """Run, and yield what happens; interrupting it (KeyboardInterrupt) ends every child first.

        Raises:
            PlatformError: The state folder is full or not writable.
        """
        began = time.monotonic()
        state = "canceled"
        executor = self._executor()
        try:
            yield self._tell(RunStarted(self.record.facts["run"], self.record.facts["name"], self._title(), self._needs()))
            for event in self._steps(executor):
                yield self._tell(event)
            state = "failed" if self.failed else "completed"
        except KeyboardInterrupt:
            for event in self._interrupted(executor):
                yield self._tell(event)
            raise
        except GeneratorExit:
            for event in self._interrupted(executor):
                self._tell(event)
            raise
        finally:
            with contextlib.ExitStack() as ending:
                ending.callback(self.record.close)
                if self._loopback:
                    ending.callback(self._loopback.close)
                if self._tracker:
                    ending.callback(self._tracker.close)
                self._close(executor)
                self._outputs()
                end = self._tell(RunFinished(self.record.facts["run"], state, time.monotonic() - began))
        yield end

    def added(self) -> Iterator[Event]:
        """Run the steps for a run that is elsewhere, and yield what happens, which that run tells."""
        executor = self._executor()
        try:
            yield from self._execute(self.pipeline.steps, executor)
        finally:
            self._close(executor)

    def _close(self, executor: ProcessExecutor) -> None:
        """End what runs and take back what was laid out for nothing; what was learnt is written."""
        executor.close()
        self._ahead.close()
        self.digests.save()
        self.store.save()

    def _executor(self) -> ProcessExecutor:
        made = ProcessExecutor(self._launches, self._variables, self.digests, self.snapshot, self.options.workers, self.options.warm)
        made.imports, made.early, made.idle = self._imports(), self.early, self._ahead.make
        made.measured = lambda: self._tracker.measured() if self._tracker else {}
        return made

    def _steps(self, executor: ProcessExecutor) -> Iterator[Event]:
        last = self.pipeline.on_finalize
        yield from self._execute({name: step for name, step in self.pipeline.steps.items() if name != last}, executor)
        if last:  # whatever became of the others
            yield from self._execute({last: self.pipeline.steps[last]}, executor)
        if self.then and not self.failed:
            self._outputs()
            more = self.then(self)
            self.pipeline = replace(self.pipeline, steps={**self.pipeline.steps, **more})
            yield from self._execute(more, executor)

    def _execute(self, steps: Mapping[str, Step], executor: ProcessExecutor) -> Iterator[Event]:
        tasks = {name: self._task(step) for name, step in steps.items()}
        go_on = self.pipeline.continue_on_step_failure
        for event in execute(tasks, self._judge, executor, go_on=go_on, taken=self._take, untold=self._untold):
            if isinstance(event, Finished) and event.step in self._launches:
                self._keep(event)
            yield self._handed_on(event) if isinstance(event, Finished | Reused) else event

    @property
    def failed(self) -> str | None:
        """The name of the first step that failed, or None."""
        return self.record.failed

    def _interrupted(self, executor: ProcessExecutor) -> Iterator[Event]:
        """End every running step; a second interrupt does not wait for them to end well."""
        executor.cancel("interrupted")
        while self._untold:
            yield self._untold.popleft()
        while executor.busy:
            try:
                yield executor.next()
            except KeyboardInterrupt:
                executor.cancel("interrupted")

    def _task(self, step: Step, waits: tuple[str, ...] = ()) -> Task:
        """Return the engine's task for a step, which also waits for `waits`, whatever becomes of them."""
        can_miss = step.can_miss if self.pipeline.continue_on_failed_optional_input else ()
        return Task(step.name, (*self._needs_of(step), *waits), step, (*can_miss, *waits))

    def _judge(self, task: Task, products: Products) -> Verdict:
        verdict = self._verdict(task.work, products)
        launch = self._launches.get(task.name)
        self._ahead.begin(task.name, launch.code if launch and isinstance(verdict, Stale) else None)
        if isinstance(verdict, Fresh) and launch:
            self.store.remember(task.name, launch.recipe)
            del self._launches[task.name]
        elif launch and self.track and not self._tracker:
            self._tracker = self.track(self.record, self.pipeline, self.origin)
            if any(map(self._may_log, self.snapshot.codes)):
                self._tracker.open()
        return verdict

    def _verdict(self, step: Step, products: Products) -> Verdict:
        """Return what is to become of a step whose needs are met."""
        unwanted = self.flows.unwanted(step, products)
        if unwanted is not None:
            return unwanted
        if step.flow is None:
            launch = self._launches[step.name] = self._prepare(step, products)
            return self._freshness(step.component, launch)
        self.record.describe_step(step.name, control=step.component.kind, needs=list(step.needs))
        decided = self.flows.decide(step, products)
        return self._grow(decided) if isinstance(decided, Grown) else decided

    def _grow(self, grown: Grown) -> More:
        self.pipeline = replace(self.pipeline, steps={**self.pipeline.steps, **grown.steps})
        return More({name: self._task(step, grown.waits.get(name, ())) for name, step in grown.steps.items()}, grown.reason)

    def _freshness(self, component: Component, launch: Launch) -> Fresh | Stale:
        done = (self.resumes or {}).get("steps", {}).get(launch.step, {})
        if done.get("state") in {"finished", "reused"} and done.get("recipe") == launch.recipe.key:
            outputs = {name: Product(**product) for name, product in done["outputs"].items()}
            if all(map(self.store.whole, outputs.values())):
                return Fresh(f"done in run {(self.resumes or {})['run']}", outputs, done.get("summary", ""))
        if self.options.force or self.pipeline.force_rerun:
            return Stale("forced")
        if not component.is_deterministic:
            return Stale("is_deterministic is false")
        return self.store.judge(launch.step, launch.recipe)

    def _variables(self, launch: Launch) -> Mapping[str, str]:
        needs_run = self._may_log(launch.code) or "mlflow" in f"{launch.command} {launch.job}"
        needs_run = needs_run or (launch.job is not None and self.snapshot.mentions(launch.code, b"mlflow"))
        given = self._tracker.variables(launch.step, wait=needs_run) if self._tracker else {}
        other = self.places.of(self.pipeline.steps[launch.step].component).logs or (needs_run and launch.installs_over is not None)
        if other and given.get("MLFLOW_TRACKING_URI", "").startswith("sqlite"):
            from mlops.tracking.loopback import Loopback

            self._loopback = self._loopback or Loopback(self.home, given["MLFLOW_TRACKING_URI"])
            return {**given, "MLFLOW_TRACKING_URI": self._loopback.address(), "MLFLOW_REGISTRY_URI": self._loopback.address()}
        return given

    def _may_log(self, code: Code) -> bool:
        """Return whether what a command runs may log to MLflow: it imports it, or is no plain Python and has the word somewhere."""
        if code.argv:
            return any(name.split(".")[0] == "mlflow" for name in code.imports)
        return self.snapshot.mentions(code, b"mlflow")

    def _take(self, event: Event) -> None:
        """Note what an event means for steps that are judged before it is told."""
        if isinstance(event, Skipped | Canceled):
            self._ahead.begin(event.step, None)
        elif isinstance(event, Finished) and event.step in self._launches and self.pipeline.steps[event.step].component.is_deterministic:
            self.store.note(self._launches[event.step].recipe, event.outputs, event.summary)

    def _keep(self, event: Finished) -> None:
        launch = self._launches.pop(event.step)
        if self.pipeline.steps[event.step].component.is_deterministic:
            self.store.keep(launch.step, launch.recipe, event.outputs, event.summary)

    def _handed_on(self, event: Finished | Reused) -> Event:
        """Register and publish the outputs that say so; return the event, or the failure of a step whose output cannot be registered."""
        where = f"run {self.record.facts['run']}, step {event.step}"
        name = f"{self.record.facts['run']}-{self.record.facts['name']}-{event.step}"
        try:
            handed = self.places.hand_on(
                self.pipeline.steps[event.step].component, event.outputs, where, name, again=isinstance(event, Reused)
            )
        except MlopsError as error:
            return Failed(event.step, getattr(event, "seconds", 0.0), str(error), ours=isinstance(error, PlatformError))
        if handed:
            self.record.describe_step(event.step, assets=handed)
        return event

    def _tell(self, event: Event) -> Event:
        self.record.apply(event)
        if self._tracker:
            self._tracker.apply(event)
        return event

    def _prepare(self, step: Step, products: Products) -> Launch:
        """Resolve a step whose needs are met: its inputs, its command, its code, and the recipe of all that."""
        component, folder = step.component, self.record.step_folder(step.name)
        bound = self._bound(step, products, folder / "outputs")
        assets, literals = bound.assets, bound.literals
        command = expressions.fill(component.command, bound.look_up)
        interpreter = self.places.of(component)
        code = self._code(component, command)
        over = self._installs_over(component, code, interpreter)
        alone = over is not None or interpreter.python is not None
        if alone and component.job is None:
            code = replace(code, argv=())  # the warm process is another Python
        recipe = self._recipe(component, code, literals, {name: digest for name, (_, digest) in assets.items()})
        self._describe(step.name, command, literals, assets, recipe)
        if interpreter.asked:
            self.record.describe_step(step.name, environment=interpreter.asked)
        variables = {key: expressions.fill(text, bound.look_up) for key, text in component.environment_variables.items()}
        variables |= interpreter.variables()
        variables |= own_packages(folder, over, variables)
        launch = Launch(
            step.name,
            command,
            code,
            folder,
            variables,
            bound.outputs,
            assets,
            recipe,
            component.timeout,
            artifacts=_artifacts(component),
            installs_over=over,
            differs=interpreter.differs,
        )
        return launch if component.job is None else self._driven(launch, component, literals, warm=self.options.warm and not alone)

    def _bound(self, step: Step, products: Products, made: Path) -> _Bound:
        inputs = step.component.inputs
        values = {name: self._resolve(binding, products, inputs[name].type) for name, binding in step.inputs.items()}
        return _Bound(
            step.name,
            {name: value for name, value in values.items() if isinstance(value, tuple)},
            {name: _as_text(value, inputs[name].type) for name, value in values.items() if not isinstance(value, tuple | None)},
            {name: (made / name, declared.file_type) for name, declared in step.component.outputs.items()},
        )

    def _installs_over(self, component: Component, code: Code, interpreter: Interpreter) -> Path | None:
        """Return the environment that a step sees, where it is to have an own one over it, to install packages into."""
        text = component.command or str((component.job or {}).get("command", ""))
        if not installs(text, code, self.snapshot):
            return None
        return Path(sys.prefix) if interpreter.python is None else interpreter.python.parent.parent

    def _code(self, component: Component, command: str) -> Code:
        driven = component.job is not None
        code = read_driven(component, self.snapshot.code) if driven else self.snapshot.code(command, component.code)
        return with_includes(code, component.includes, self.home / "cache" / "includes")

    def _driven(self, launch: Launch, component: Component, literals: Mapping[str, str], *, warm: bool) -> Launch:
        """Return the launch of a step that a driver of `kinds/` runs.

        The driver itself always has the project's packages; where what it starts has others, that starts cold.
        """
        given = {name: {"value": value} for name, value in literals.items()}
        given |= {name: {"path": str(path)} for name, (path, _) in launch.inputs.items()}
        job = {
            "kind": component.kind,
            "step": launch.step,
            "code": str(launch.folder / "code"),
            "folder": str(launch.folder),
            "state": str(self.home / "cache" / "unfinished" / launch.recipe.key),
            "workers": self.options.workers,
            "warm": warm,
            "inputs": {name: {"type": component.inputs[name].type, **facts} for name, facts in given.items()},
            "outputs": {name: {"type": kind, "path": str(path)} for name, (path, kind) in launch.outputs.items()},
            "environment_variables": dict(component.environment_variables),
            "job": dict(component.job or {}),
        }
        made_here = component.kind != "spark"  # Spark refuses to write where something is
        outputs = {name: (path, kind if made_here else UNMADE) for name, (path, kind) in launch.outputs.items()}
        return replace(launch, command=f"python {' '.join(launch.code.argv)}", job=job, outputs=outputs)

    def _resolve(self, bound: Binding, products: Products, kind: str) -> Any:
        """Return a literal, or a path and its digest, or None for an optional input that was not given or could not be made."""
        if isinstance(bound, FromPipeline):
            given = self.pipeline.values.get(bound.name)
            return None if given is None else self._resolve(given, products, kind)
        if isinstance(bound, FromStep):
            product = products[bound.step].get(bound.output) if bound.step in products else None
            if product is None:
                return None
            path = Path(product.path)
            return _value_in(path, kind, bound) if kind in LITERAL_TYPES and path.is_file() else (path, product.digest)
        if isinstance(bound, Asset):
            return bound.path, self.digests.of(bound.path)
        return bound.value if isinstance(bound, Literal) else None

    def _recipe(self, component: Component, code: Code, literals: Mapping[str, str], digests: Mapping[str, str]) -> Recipe:
        return Recipe(
            {
                **self._declared(component),
                "the lock file": self.places.of(component).packages or self._lock_digest,
                **{f"parameter {name}": value for name, value in literals.items()},
                **{f"input {name}": digest for name, digest in digests.items()},
                **{f"code {name}": self.snapshot.digest(path) for name, path in {**code.files, **code.ours}.items()},
            }
        )

    def _declared(self, component: Component) -> Mapping[str, str]:
        """Return the parts of a recipe that a component itself says: the same for all steps that are one."""
        if id(component) not in self._recipes:
            parts = {
                "the command": component.command,
                "the environment": json.dumps(component.environment, sort_keys=True, default=str),
                **{f"variable {name}": value for name, value in component.environment_variables.items()},
                **{f"output {name}": declared.type for name, declared in component.outputs.items()},
            }
            job = {} if component.job is None else {"the job": json.dumps(component.job, sort_keys=True)}
            self._recipes[id(component)] = component, parts | job
        return self._recipes[id(component)][1]

    @cached_property
    def _lock_digest(self) -> str:
        lock = self.root / "requirements.lock"
        return f"{sys.version.split()[0]} {self.digests.of(lock) if lock.is_file() else ''}"

    def _imports(self) -> list[str]:
        """Return the modules that the steps import, in the order of the steps, read from their scripts."""
        names: dict[str, None] = {}
        for component in {id(component): component for component in self.pipeline.components}.values():
            names.update(dict.fromkeys(self._expected(component).imports))
        return list(names)

    def _expected(self, component: Component) -> Code:
        """Return what a component's code will be, as far as can be told before its inputs are there."""
        known = self._expectations.get(id(component))
        if known is None:
            known = self._expectations[id(component)] = self._code(component, component.command.replace("${{", "").replace("}}", ""))
        return known

    def _describe(
        self, step: str, command: str, literals: Mapping[str, str], assets: Mapping[str, tuple[Path, str]], recipe: Recipe
    ) -> None:
        inputs = {name: {"value": value} for name, value in literals.items()}
        inputs |= {name: {"path": str(path), "digest": digest, **self.places.facts(path)} for name, (path, digest) in assets.items()}
        log = f"steps/{step}/log.txt"
        self.record.describe_step(
            step, command=command, inputs=inputs, needs=list(self._needs_of(self.pipeline.steps[step])), log=log, recipe=recipe.key
        )

    def _needs(self) -> dict[str, tuple[str, ...]]:
        return {name: self._needs_of(step) for name, step in self.pipeline.steps.items()}

    def _needs_of(self, step: Step) -> tuple[str, ...]:
        """Return what a step needs, found out once."""
        known = self._needed.get(step.name)
        if known is None:
            known = self._needed[step.name] = step.needs
        return known

    def _title(self) -> str:
        commit = f"commit {self.origin.commit[:7]}{' + changes' if self.origin.dirty else ''}" if self.origin.commit else "no commit"
        return f"{self.pipeline.path.name}  {self.pipeline.experiment} · {commit}"

    def _facts(self) -> dict[str, Any]:
        options = self.options
        told = facts_of(self.pipeline, self.root, self.origin, options.settings, force=options.force, asset=self._asset)
        return {"model": options.model, **told, "environments": self.places.environments()}

    def _asset(self, path: Path) -> dict[str, str]:
        """Return where an input is, its digest, and the version of the data set that it is, where it is one."""
        from mlops.datasets.change import settle_before_reading
        from mlops.datasets.listing import version_of

        folder = path if path.is_dir() else path.parent if path.name == "source.yml" else None
        if folder is not None:
            settle_before_reading(folder)
        facts = {"path": shown(path, self.root), "digest": self.digests.of(path)}
        version = version_of(folder, self.digests.of, self.home) if folder is not None else None
        return facts | ({"version": version} if version else {}) | self.places.facts(path)

    def _outputs(self) -> None:
        """Bind the pipeline's own outputs to what the steps wrote, where they did."""
        for name, bound in self.pipeline.outputs.items():
            made = self.record.facts["steps"].get(bound.step, {}).get("outputs", {}).get(bound.output)
            if made:
                self.record.facts["outputs"][name] = made
        if self.failed:
            self.record.facts["error"] = f"{self.failed}: {self.record.facts['steps'][self.failed].get('reason')}"


def _artifacts(component: Component) -> str | None:
    """Return the output that stands for all that a step leaves in `./outputs`: Azure ML has these two names for it."""
    names = [name for name in ("artifacts", "default") if name in component.outputs]
    used = set(expressions.used(component.command)) if names else ()
    return next((name for name in names if ("outputs", name) not in used), None)


def _value_in(path: Path, kind: str, bound: FromStep) -> str:
    """Return the value that a step wrote as a literal output.

    Raises:
        JobFailed: It is not of the type that the next step takes.
    """
    value = path.read_text(encoding="utf-8", errors="replace").strip()
    wrong = Input(bound.output, kind).complaint(value)
    if wrong:
        raise JobFailed(
            f"{bound.step} wrote its output {bound.output!r}, and {wrong}", where=str(path), hint="Write the value alone into the file."
        )
    return value


def _as_text(value: Any, kind: str) -> str:
    """Return a literal as it stands in a command: booleans as Azure ML writes them, whole numbers without a point."""
    if kind == "boolean":
        return str(value if isinstance(value, bool) else TRUTHS[str(value).lower()])
    if kind == "integer":
        return str(int(float(value)))
    return str(value)


def why_not(run: LocalRun) -> MlopsError | None:
    """Return the error of a run that did not complete, for the exit code of the command; None where it did."""
    name = run.failed
    if name is None:
        return None
    facts = run.record.facts["steps"][name]
    kind = PlatformError if facts.get("ours") else JobFailed
    return kind(
        f"{name} failed: {facts['reason']}",
        hint=f"The whole log: {facts.get('log', '')}\nMend it and run the same command again: it starts at {name}.",
    )
