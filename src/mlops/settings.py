"""What the project's settings files say, as frozen values: `src/project/project.yml` and `environments/*.yml`.

Every mistake is told with its file and line: an unknown key, a missing one, a value of another kind. Nothing has a default that a reader of
the file could not guess.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from mlops.errors import Problem, SpecError, UsageError
from mlops.place import PROJECT_FILE
from mlops.spec.source import Keys, Source, did_you_mean, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

MODES = ("on", "dry-run", "off")
MODEL_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
PLACES = ("local", "azure")
"""Where an environment may run."""
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_IDS = {
    "tenant": ("a tenant", "az account show prints it: tenantId."),
    "subscription": ("a subscription", "az account show prints it: id."),
    "ci_client": ("an identity", "make infra prints it: ciClientId."),
    "ci_connection": ("a service connection", "It is the resourceId in the address of the connection's page."),
}
"""What each is the id of, and where it stands."""
PACKAGES = ("project", "conda_file")
AUTH = ("aad_token", "key", "aml_token")
NETWORKS = ("public", "private")
SCALE_BY = ("cpu", "latency")
METRICS_OF: Mapping[str, Mapping[str, str]] = {
    "binary": {"auc": "higher", "average_precision": "higher", "log_loss": "lower", "brier": "lower", "calibration_error": "lower"},
    "multiclass": {"log_loss": "lower", "accuracy": "higher", "balanced_accuracy": "higher", "f1_macro": "higher", "auc_ovr": "higher"},
    "regression": {"rmse": "lower", "mae": "lower", "r2": "higher", "median_absolute_error": "lower"},
}
"""What a gate may ask of a model, by its task, and which way is better."""
TASKS = tuple(METRICS_OF)
METRICS: Mapping[str, str] = {name: way for metrics in METRICS_OF.values() for name, way in metrics.items()}
SLICE_METRICS = tuple(name for name in METRICS if name not in ("average_precision", "calibration_error"))
"""What a slice is judged by."""
USUAL_METRICS = {"binary": "auc", "multiclass": "accuracy", "regression": "r2"}
"""What is watched where `monitor.performance` names no metric: none of them has a unit, so that the usual allowance fits any target."""
WITHOUT_CHAMPION = ("baseline", "limits")
SECTIONS = ("gate", "monitor", "model_monitor", "test", "watch", "serve", "online", "batch", "shift", "pull_request", "approval")
"""What a model may have otherwise than its environment says, in `environments/<model>/<environment>.yml`."""
BUDGETS = ("latency_ms", "size_mb")


@dataclass(frozen=True)
class ModelSettings:
    """One model of the project: where its code, pipeline and contract are, and what its rows are called."""

    name: str
    package: str
    pipeline: str
    contract: str
    target: str
    positive: int | float | str
    """The class whose probability is judged, of a binary task."""
    keys: tuple[str, ...]
    trusted_types: tuple[str, ...]
    task: str = "binary"
    """binary, multiclass or regression."""
    sample: Mapping[str, str] = field(default_factory=dict)
    """Inputs of the pipeline that make it quick, for a first word on a pull request; without any, all is trained on."""
    all_when_changed: tuple[str, ...] = ()
    """Files (patterns as in .gitignore) whose change is looked at on all rows, not on the sample."""
    monitor: str = ""
    """The pipeline that makes the newest rows for `mlops monitor`, and the column that says which window each belongs to."""
    window: str = ""


@dataclass(frozen=True)
class Project:
    """The repository: its name and its models."""

    name: str
    description: str
    models: Mapping[str, ModelSettings]
    root: Path


@dataclass(frozen=True)
class ServeSettings:
    """How an endpoint listens. The port is a wish: where it is taken another is chosen, and remembered."""

    port: int
    max_body_mb: float = 8.0
    timeout_seconds: float = 10.0


@dataclass(frozen=True)
class ScaleSettings:
    """How many machines a deployment on Azure ML has: more where the mean of `by` is above `above` for five minutes, fewer where it is below `below`."""

    least: int
    most: int
    by: str = "cpu"
    """cpu: percent of the machines' processors; latency: the endpoint's 95th percentile in milliseconds."""
    above: float = 70.0
    below: float = 30.0


@dataclass(frozen=True)
class OnlineSettings:
    """The endpoint on Azure ML that an environment is, where `where` is azure: what its deployments run on, and who may call them."""

    endpoint: str = ""
    """Its name; without one, the workspace's endpoint that is tagged with the model's name, as `make infra` makes it."""
    compute: str = ""
    """The Kubernetes compute of the workspace that it runs on; without one, the service's own machines."""
    instance_type: str = "Standard_DS3_v2"
    """A size of machines; on Kubernetes an instance type of the cluster, and its default where it is empty."""
    instances: int = 1
    auth: str = "aad_token"
    """aad_token: callers sign in with Entra, on the service's own machines only; key; aml_token: a short-lived one of Azure ML."""
    network: str = "public"
    scoring: str = ""
    """A scoring script of yours, below the project; without one, the service serves the MLflow model by itself."""
    environment: str = ""
    """What the script runs in: azureml:NAME:VERSION, or a file of environments/images."""
    collect: bool = False
    """Whether rows and answers are kept. They may hold personal data."""
    scale: ScaleSettings | None = None


@dataclass(frozen=True)
class BatchSettings:
    """How rows are scored in batches with the version that an environment serves: here by a run, on Azure ML by a batch endpoint."""

    pipeline: str = ""
    """The scoring pipeline, below the project; without one, `batch.yml` beside the model's own pipeline."""
    endpoint: str = ""
    """The batch endpoint's name; without one, the workspace's that is tagged with the model's name, made by a promotion."""
    compute: str = ""
    """The compute that it runs on; without one, the pipeline's `default_compute`."""


@dataclass(frozen=True)
class ShiftSettings:
    """How a new version gets its traffic on Azure ML, and what puts it back: bounds on all that it answers at each stage, as Azure Monitor tells."""

    mirror: int = 10
    """Percent of the requests that it is asked as well before it answers any; 0: none."""
    stages: tuple[int, ...] = (10, 50, 100)
    seconds: float = 300.0
    """At the mirror, and at each stage. Azure Monitor tells minutes, and these up to three minutes late."""
    error_rate: float = 0.0
    p95_ms: float | None = None


@dataclass(frozen=True)
class TestSettings:
    """What an endpoint must show before it goes on: held-out rows equal to the offline predictions, and load within bounds."""

    __test__ = False

    smoke_requests: int
    load_seconds: float = 0.0
    connections: int = 16
    p95_ms: float | None = None
    error_rate: float | None = None


@dataclass(frozen=True)
class WatchSettings:
    """How long a new version is watched once it serves, and what takes it back: bounds on all requests that it answers in that time."""

    seconds: float
    error_rate: float = 0.0
    p95_ms: float | None = None


@dataclass(frozen=True)
class ApprovalSettings:
    """Whether CI may put a version here without a person's word, and whether that person may be the author of the change."""

    required: bool = True
    by_author: bool = False


@dataclass(frozen=True)
class PullRequestSettings:
    """What a pull request's verdict is red for, beyond a broken limit."""

    red_when: str = "worse"
    """worse: the interval of the difference lies wholly on the worse side; never: that is only told."""


@dataclass(frozen=True)
class CompareRule:
    """The challenger wins where the lower end of the interval of the metric's difference is above `must_gain`."""

    mode: str
    metric: str
    must_gain: float = 0.0
    confidence: float = 0.95
    resamples: int = 1000
    seed: int = 7
    without_champion: str = "baseline"
    """Whom a first version must beat: the baseline; or nobody, and the limits alone decide (where the rows are too few to show a gain)."""


@dataclass(frozen=True)
class SlicesRule:
    """No slice may fall by more than `may_fall_by` against the champion, where its own interval confirms the fall."""

    mode: str
    columns: tuple[str, ...]
    metric: str
    may_fall_by: float
    min_rows: int = 500


@dataclass(frozen=True)
class Limit:
    """A bound on one number of the evidence; `leakage` has none, it is broken by the first column."""

    name: str
    mode: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class GateRules:
    """What a model must show to be promoted."""

    compare: CompareRule
    slices: SlicesRule | None
    limits: tuple[Limit, ...]


@dataclass(frozen=True)
class DriftRule:
    """A window drifts where `share_of_columns` of the columns have a stability index above `at_most`; `windows` of the `of_last` must."""

    mode: str = "on"
    at_most: float = 0.2
    share_of_columns: float = 0.3
    windows: int = 2
    of_last: int = 3


@dataclass(frozen=True)
class FallRule:
    """A window is worse where the metric falls by more than `may_fall_by` below the held-out rows, and the interval confirms a fall."""

    mode: str = "on"
    metric: str = "auc"
    may_fall_by: float = 0.03
    windows: int = 2
    of_last: int = 3


@dataclass(frozen=True)
class MonitorSettings:
    """What the version in production is watched for. An environment without the section has these values."""

    columns: tuple[str, ...] = ()
    """Which inputs of the model are looked at; none named: all."""
    min_rows: int = 500
    drift: DriftRule = DriftRule()
    performance: FallRule = FallRule()
    endpoint: str = "on"
    retrain: str = "on"


@dataclass(frozen=True)
class ModelMonitorSettings:
    """Azure ML's own monitor of a deployment that collects its rows: when it looks, on what machine, its bounds, and who is written to.

    Columns and the bound of drift are those of `monitor`.
    """

    every: str = "day"
    """day, week or month: also how far back it looks each time."""
    hour: int = 5
    """Of the day, in UTC."""
    instance_type: str = "standard_e4s_v3"
    emails: tuple[str, ...] = ()
    missing: float = 0.05
    """Data quality: the share of a column's values that may be missing."""
    out_of_bounds: float = 0.05
    """Data quality: the share that may be outside of what the training rows had."""
    attribution: float = 0.9
    """Feature attribution: how alike the order of the columns' importance must stay (normalized discounted cumulative gain)."""


@dataclass(frozen=True)
class AzureSettings:
    """Which Azure ML workspace an environment is: nothing is changed in another one, whoever is signed in and wherever."""

    tenant: str
    subscription: str
    resource_group: str
    workspace: str
    queue_limit_minutes: float = 60.0
    """How long a job may wait for a machine while none of its steps runs; 0 is for ever."""
    registry: str = ""
    """The Azure ML registry that versions go through from one environment to the next; empty: none."""
    ci_client: str = ""
    """Whom CI signs in as there: the client id of an identity that believes the tokens of its jobs. No secret."""
    ci_connection: str = ""
    """Azure Pipelines: the id of the service connection whose tokens that identity believes."""
    cost_owner: str = ""
    """Who pays: the tag `cost-owner` of every job, endpoint and deployment."""


@dataclass(frozen=True)
class Environment:
    """One file of `environments/`."""

    name: str
    where: str
    azure: AzureSettings | None = None
    """Where `where` is azure."""
    workers: int = 2
    warm: bool = True
    packages: str = "project"
    """Which packages steps have here: the project's, or those that each step's conda file asks for."""
    serve: ServeSettings | None = None
    gate: GateRules | None = None
    test: TestSettings | None = None
    watch: WatchSettings | None = None
    online: OnlineSettings = OnlineSettings()
    batch: BatchSettings | None = None
    """None: on Azure ML a promotion makes no batch endpoint."""
    shift: ShiftSettings = ShiftSettings()
    approval: ApprovalSettings = ApprovalSettings()
    pull_request: PullRequestSettings = PullRequestSettings()
    monitor: MonitorSettings = MonitorSettings()
    model_monitor: ModelMonitorSettings = ModelMonitorSettings()

    def gate_facts(self) -> dict[str, Any] | None:
        """Return the gate's rules as JSON values (see `gate_rules`); None where the environment has no gate."""
        return asdict(self.gate) if self.gate is not None else None


def gate_rules(facts: Mapping[str, Any]) -> GateRules:
    """Return the rules that `Environment.gate_facts` turned into JSON."""
    slices = facts["slices"] and SlicesRule(**{**facts["slices"], "columns": tuple(facts["slices"]["columns"])})
    return GateRules(CompareRule(**facts["compare"]), slices or None, tuple(Limit(**limit) for limit in facts["limits"]))


def read_project(root: Path) -> Project:
    """Read the project's own file.

    Raises:
        SpecError: With every mistake at its line.
    """
    reader = Reader(read(root / PROJECT_FILE))
    body = reader.mapping((), {"name", "description", "models"})
    models = {}
    for name in reader.mapping(("models",), None):
        at: Keys = ("models", name)
        if not MODEL_NAME.fullmatch(str(name)):
            reader.note(
                at,
                f"{str(name)!r} cannot be a model's name",
                "Small letters, digits and dashes, a letter first: it names branches too.",
                at_key=True,
            )
        entry = reader.mapping(at, set(ModelSettings.__dataclass_fields__) - {"name"})
        task = reader.choice((*at, "task"), TASKS, "binary")
        if task != "binary" and "positive" in entry:
            reader.note((*at, "positive"), f"a {task} model has no positive class", "Take it out, or say task: binary.", at_key=True)
        models[str(name)] = ModelSettings(
            name=str(name),
            package=reader.text((*at, "package")),
            pipeline=reader.file((*at, "pipeline"), root),
            contract=reader.file((*at, "contract"), root),
            target=reader.text((*at, "target")),
            positive=reader.label((*at, "positive"), 1),
            keys=reader.words((*at, "keys")),
            trusted_types=reader.words((*at, "trusted_types")),
            task=task,
            sample={str(key): _text_of(value) for key, value in reader.mapping((*at, "sample"), None).items()},
            all_when_changed=reader.words((*at, "all_when_changed")),
            monitor=reader.file((*at, "monitor"), root) if "monitor" in entry else "",
            window=reader.text((*at, "window")) if "monitor" in entry or "window" in entry else "",
        )
    if not models and not reader.problems:
        reader.note(("models",), "a project has at least one model")
    reader.done()
    return Project(str(body.get("name", root.name)), str(body.get("description", "")), models, root)


def choose_model(project: Project, name: str | None) -> ModelSettings:
    """Return the model called `name`; without a name, the only one.

    Raises:
        UsageError: There is none of that name, or several and no name.
    """
    if name is None and len(project.models) == 1:
        return next(iter(project.models.values()))
    if name is None:
        raise UsageError("which model?", hint=f"Name one with --model (make: MODEL=): {', '.join(project.models)}")
    if name not in project.models:
        raise UsageError(f"there is no model {name!r}", hint=did_you_mean(name, project.models, label="models"))
    return project.models[name]


def read_environment(root: Path, name: str, model: ModelSettings | None = None) -> Environment:
    """Read `environments/<name>.yml`, and the sections that `environments/<model>/<name>.yml` puts in place of its own.

    Args:
        root: The project.
        name: Of the environment.
        model: Whose it is: its gate and its monitoring ask for metrics of its task. None where no model is meant, and any metric is taken.

    Raises:
        SpecError: With every mistake at its line.
        UsageError: There is no such file.
    """
    path = root / "environments" / f"{name}.yml"
    if not path.is_file():
        known = [p.stem for p in path.parent.glob("*.yml")]
        raise UsageError(f"there is no environment {name!r}", where=str(path), hint=did_you_mean(name, known, label="environments"))
    reader, own = Reader(read(path)), _own(root, name, model)
    reader.mapping((), set(Environment.__dataclass_fields__) - {"name"})
    parts = {section: own if own and own.get((section,), None) is not None else reader for section in SECTIONS}
    given = {section for section, part in parts.items() if part.get((section,), None) is not None}
    task, where = model.task if model else None, reader.choice(("where",), PLACES, "local")
    made = Environment(
        name=name,
        where=where,
        azure=_azure(reader) if where == "azure" or reader.get(("azure",), None) is not None else None,
        workers=reader.whole(("workers",), 2, least=1),
        warm=reader.truth(("warm",), default=True),
        packages=reader.choice(("packages",), PACKAGES, "project"),
        serve=_serve(parts["serve"]) if "serve" in given else None,
        gate=_gate(parts["gate"], task) if "gate" in given else None,
        test=_test(parts["test"]) if "test" in given else None,
        watch=_watch(parts["watch"]) if "watch" in given else None,
        online=_online(parts["online"]),
        batch=_batch(parts["batch"], root) if "batch" in given else None,
        shift=_shift(parts["shift"]),
        approval=_approval(parts["approval"], name),
        pull_request=_pull_request(parts["pull_request"]),
        monitor=_monitor(parts["monitor"], task),
        model_monitor=_model_monitor(parts["model_monitor"]),
    )
    reader.problems += own.problems if own else []
    reader.done()
    return made


def check_environment(root: Path, name: str) -> None:
    """Read an environment as every model of the project does.

    Raises:
        SpecError: With every mistake of the first model that has one, at its line.
        UsageError: There is no such file.
    """
    read_environment(root, name)
    for model in read_project(root).models.values():
        read_environment(root, name, model)


def _own(root: Path, name: str, model: ModelSettings | None) -> Reader | None:
    """Return the reader of what a model has otherwise; None where it has nothing."""
    path = root / "environments" / model.name / f"{name}.yml" if model else None
    if path is None or not path.is_file():
        return None
    reader = Reader(read(path))
    reader.mapping((), SECTIONS)
    return reader


def read_approval(root: Path, name: str) -> ApprovalSettings:
    """Read the approval of `environments/<name>.yml` alone, whatever else is wrong there; without a file it is the usual one.

    Raises:
        SpecError: With every mistake of the section at its line; or the file is not YAML.
    """
    reader = _part(root, name)
    if reader is None:
        return ApprovalSettings(required=name == "production")
    approval = _approval(reader, name)
    reader.done()
    return approval


def read_place(root: Path, name: str) -> str:
    """Read where `environments/<name>.yml` says that it runs, whatever else is wrong there; without a file, or a place that is known: here.

    Raises:
        SpecError: The file is not YAML.
    """
    reader = _part(root, name)
    return reader.choice(("where",), PLACES, "local") if reader is not None else "local"


def _part(root: Path, name: str) -> Reader | None:
    path = root / "environments" / f"{name}.yml"
    return Reader(read(path)) if path.is_file() else None


def _azure(reader: Reader) -> AzureSettings:
    body = reader.mapping(("azure",), AzureSettings.__dataclass_fields__)
    names = {name: reader.text(("azure", name)) for name in ("tenant", "subscription", "resource_group", "workspace")}
    names |= {name: reader.text(("azure", name)) for name in ("ci_client", "ci_connection", "cost_owner") if name in body}
    minutes = reader.number(("azure", "queue_limit_minutes"), 60.0, least=0)
    made = AzureSettings(**names, queue_limit_minutes=minutes, registry=_registry(reader))
    for name, (what, where) in _IDS.items():
        value = getattr(made, name)
        if value and not _GUID.fullmatch(value):
            reader.note(("azure", name), f"{value!r} is no id of {what}", where)
    return made


def _registry(reader: Reader) -> str:
    at: Keys = ("azure", "registry")
    return reader.text(at) if reader.get(at, None) is not None else ""


def _serve(reader: Reader) -> ServeSettings:
    at: Keys = ("serve",)
    reader.mapping(at, ServeSettings.__dataclass_fields__)
    return ServeSettings(
        reader.whole((*at, "port"), 0, least=0, most=65535),
        reader.number((*at, "max_body_mb"), 8.0, least=0.001),
        reader.number((*at, "timeout_seconds"), 10.0, least=0.1),
    )


def _online(reader: Reader) -> OnlineSettings:
    at, usual = ("online",), OnlineSettings()
    body = reader.mapping(at, OnlineSettings.__dataclass_fields__)
    words = {name: reader.text((*at, name)) for name in ("endpoint", "compute", "instance_type", "scoring", "environment") if name in body}
    kubernetes = "compute" in words
    made = OnlineSettings(
        **{"instance_type": "" if kubernetes else usual.instance_type, **words},
        instances=reader.whole((*at, "instances"), usual.instances, least=1),
        auth=reader.choice((*at, "auth"), AUTH, "aml_token" if kubernetes else usual.auth),
        network=reader.choice((*at, "network"), NETWORKS, usual.network),
        collect=reader.truth((*at, "collect"), default=usual.collect),
        scale=_scale(reader, (*at, "scale")) if "scale" in body else None,
    )
    if made.scoring and not made.environment:
        reader.note(
            (*at, "scoring"), "a scoring script needs an `environment` to run in", "azureml:NAME:VERSION, or a file of environments/images."
        )
    if kubernetes:
        _kubernetes(reader, at, made)
    return made


def _kubernetes(reader: Reader, at: Keys, made: OnlineSettings) -> None:
    """Note what a Kubernetes compute cannot do, which the service would refuse late or take without a word."""
    if made.auth == "aad_token":
        hint = "aml_token (a short-lived token of Azure ML, the default there), or key."
        reader.note((*at, "auth"), "callers of an endpoint on Kubernetes cannot sign in with Entra", hint)
    if made.network == "private":
        hint = "Take `network` out: who reaches the cluster is the cluster's affair."
        reader.note((*at, "network"), "an endpoint on Kubernetes has no private address of the service", hint)
    if made.scale and made.scale.by != "cpu":
        reader.note((*at, "scale", "by"), "on Kubernetes machines come and go by `cpu` alone", "by: cpu")
    if made.scale and reader.get((*at, "scale", "below"), None) is not None:
        hint = "Take `below` out: the cluster holds the processors at `above` percent, both ways."
        reader.note((*at, "scale", "below"), "on Kubernetes one percentage says when machines come and when they go", hint)


def _batch(reader: Reader, root: Path) -> BatchSettings:
    at: Keys = ("batch",)
    body = reader.mapping(at, BatchSettings.__dataclass_fields__)
    words = {name: reader.text((*at, name)) for name in ("endpoint", "compute") if name in body}
    return BatchSettings(reader.file((*at, "pipeline"), root) if "pipeline" in body else "", **words)


def _scale(reader: Reader, at: Keys) -> ScaleSettings:
    reader.mapping(at, {"min", "max", "by", "above", "below"})
    least, by = reader.whole((*at, "min"), 1, least=1), reader.choice((*at, "by"), SCALE_BY, "cpu")
    above = reader.number((*at, "above"), 70.0 if by == "cpu" else None, least=0)
    below = reader.number((*at, "below"), 30.0 if by == "cpu" else None, least=0)
    if below >= above:
        reader.note(
            (*at, "below"), f"`below` is {below:g}, and must be less than `above`, {above:g}", "Else machines come and go without end."
        )
    return ScaleSettings(least, reader.whole((*at, "max"), None, least=least), by, above, below)


def _shift(reader: Reader) -> ShiftSettings:
    at, usual = ("shift",), ShiftSettings()
    body = reader.mapping(at, ShiftSettings.__dataclass_fields__)
    return ShiftSettings(
        reader.whole((*at, "mirror"), usual.mirror, least=0, most=50),
        _stages(reader, (*at, "stages"), usual.stages),
        reader.number((*at, "seconds"), usual.seconds, least=0, most=86400),
        reader.number((*at, "error_rate"), usual.error_rate, least=0, most=1),
        reader.number((*at, "p95_ms"), None, least=0) if "p95_ms" in body else None,
    )


def _stages(reader: Reader, at: Keys, usual: tuple[int, ...]) -> tuple[int, ...]:
    """Read percentages of the traffic, which must rise and end with all of it."""
    value = reader.get(at, list(usual))
    rises = isinstance(value, list) and all(type(one) is int for one in value) and value == sorted({*value, 100}) and value[0] > 0
    if not rises:
        reader.note(at, f"`stages` is {value!r}, and must be percentages that rise, to 100", "[10, 50, 100]")
        return usual
    return tuple(value)


def _test(reader: Reader) -> TestSettings:
    at: Keys = ("test",)
    body = reader.mapping(at, TestSettings.__dataclass_fields__)
    return TestSettings(
        reader.whole((*at, "smoke_requests"), None, least=1),
        reader.number((*at, "load_seconds"), 0.0, least=0),
        reader.whole((*at, "connections"), 16, least=1),
        reader.number((*at, "p95_ms"), None, least=0) if "p95_ms" in body else None,
        reader.number((*at, "error_rate"), None, least=0) if "error_rate" in body else None,
    )


def _watch(reader: Reader) -> WatchSettings:
    at: Keys = ("watch",)
    body = reader.mapping(at, WatchSettings.__dataclass_fields__)
    return WatchSettings(
        reader.number((*at, "seconds"), None, least=0.5, most=3600),
        reader.number((*at, "error_rate"), 0.0, least=0, most=1),
        reader.number((*at, "p95_ms"), None, least=0) if "p95_ms" in body else None,
    )


def _approval(reader: Reader, name: str) -> ApprovalSettings:
    """Read it; what goes to production needs somebody's word unless the file says otherwise."""
    at: Keys = ("approval",)
    reader.mapping(at, ApprovalSettings.__dataclass_fields__)
    return ApprovalSettings(reader.truth((*at, "required"), default=name == "production"), reader.truth((*at, "by_author"), default=False))


def _pull_request(reader: Reader) -> PullRequestSettings:
    at: Keys = ("pull_request",)
    reader.mapping(at, PullRequestSettings.__dataclass_fields__)
    return PullRequestSettings(reader.choice((*at, "red_when"), ("worse", "never"), "worse"))


def _text_of(value: Any) -> str:
    """Return an input's value as `--set` would give it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _monitor(reader: Reader, task: str | None) -> MonitorSettings:
    at: Keys = ("monitor",)
    body, usual = reader.mapping(at, MonitorSettings.__dataclass_fields__), MonitorSettings()
    return MonitorSettings(
        reader.words((*at, "columns")),
        reader.whole((*at, "min_rows"), usual.min_rows, least=1),
        _drift(reader, (*at, "drift"), usual.drift),
        _fall(reader, (*at, "performance"), replace(usual.performance, metric=USUAL_METRICS[task or "binary"]), task),
        reader.mode((*at, "endpoint")) if "endpoint" in body else usual.endpoint,
        reader.mode((*at, "retrain")) if "retrain" in body else usual.retrain,
    )


def _model_monitor(reader: Reader) -> ModelMonitorSettings:
    from mlops.spec.monitor import INSTANCES  # which every run would import with the settings

    at, usual = ("model_monitor",), ModelMonitorSettings()
    reader.mapping(at, ModelMonitorSettings.__dataclass_fields__)
    return ModelMonitorSettings(
        reader.choice((*at, "every"), ("day", "week", "month"), usual.every),
        reader.whole((*at, "hour"), usual.hour, least=0, most=23),
        reader.choice((*at, "instance_type"), INSTANCES, usual.instance_type),
        reader.words((*at, "emails")),
        *(reader.number((*at, name), getattr(usual, name), least=0, most=1) for name in ("missing", "out_of_bounds", "attribution")),
    )


def _drift(reader: Reader, at: Keys, usual: DriftRule) -> DriftRule:
    body = reader.mapping(at, DriftRule.__dataclass_fields__)
    return DriftRule(
        reader.mode((*at, "mode")) if "mode" in body else usual.mode,
        reader.number((*at, "at_most"), usual.at_most, least=0),
        reader.number((*at, "share_of_columns"), usual.share_of_columns, least=0.001, most=1),
        *_windows(reader, at, usual),
    )


def _fall(reader: Reader, at: Keys, usual: FallRule, task: str | None) -> FallRule:
    body = reader.mapping(at, FallRule.__dataclass_fields__)
    return FallRule(
        reader.mode((*at, "mode")) if "mode" in body else usual.mode,
        _metric(reader, (*at, "metric"), task) if "metric" in body else usual.metric,
        reader.number((*at, "may_fall_by"), usual.may_fall_by, least=0),
        *_windows(reader, at, usual),
    )


def _windows(reader: Reader, at: Keys, usual: DriftRule | FallRule) -> tuple[int, int]:
    """Read how many of the last windows must say so. More of them than are looked at would never happen."""
    last = reader.whole((*at, "of_last"), usual.of_last, least=1)
    return reader.whole((*at, "windows"), min(usual.windows, last), least=1, most=last), last


def _metric(reader: Reader, at: Keys, task: str | None, known: Iterable[str] = METRICS) -> str:
    """Read a metric's name, which must be one of the task's."""
    name, own = reader.word(at, known), METRICS_OF[task] if task else METRICS
    if name in METRICS and name not in own:
        reader.note(at, f"{name} is no metric of a {task} model", f"One of {', '.join(one for one in own if one in known)}. {OWN_HINT}")
    return name


OWN_HINT = "Where the models of a repository differ in task, each has a file of its own: environments/<model>/<environment>.yml"


def _gate(reader: Reader, task: str | None) -> GateRules:
    reader.mapping(("gate",), GateRules.__dataclass_fields__)
    at: Keys = ("gate", "compare")
    reader.mapping(at, CompareRule.__dataclass_fields__)
    compare = CompareRule(
        reader.mode((*at, "mode")),
        _metric(reader, (*at, "metric"), task),
        reader.number((*at, "must_gain"), 0.0),
        reader.number((*at, "confidence"), 0.95, least=0.5, most=0.9999),
        reader.whole((*at, "resamples"), 1000, least=100),
        reader.whole((*at, "seed"), 7),
        reader.choice((*at, "without_champion"), WITHOUT_CHAMPION, "baseline"),
    )
    slices = _slices(reader, task) if reader.get(("gate", "slices"), None) is not None else None
    names = reader.mapping(("gate", "limits"), (*METRICS, *BUDGETS, "leakage"))
    limits = tuple(_limit(reader, str(name), task) for name in names)
    if compare.without_champion == "limits" and not any(limit.mode == "on" and limit.name in METRICS for limit in limits):
        message = "`without_champion: limits` lets a first version in by its limits alone, and no limit on a metric is on"
        reader.note((*at, "without_champion"), message, "Add one to gate.limits, such as r2: {mode: on, at_least: 0.3}.")
    return GateRules(compare, slices, limits)


def _limit(reader: Reader, name: str, task: str | None) -> Limit:
    """Read one limit. A bound on the wrong side would let everything through, so it is a mistake."""
    at: Keys = ("gate", "limits", name)
    body = reader.mapping(at, {"mode", "at_least", "at_most"})
    bounds = {key: reader.number((*at, key), None) for key in ("at_least", "at_most") if key in body}
    mode = reader.mode((*at, "mode"))
    if name == "leakage" and bounds:
        reader.note(at, "the limit 'leakage' has no bound: the first such column breaks it", "Only its mode can be chosen.", at_key=True)
    elif name in METRICS and task and name not in METRICS_OF[task]:
        reader.note(at, f"{name} is no metric of a {task} model", f"One of {', '.join(METRICS_OF[task])}. {OWN_HINT}", at_key=True)
    elif name in METRICS or name in BUDGETS:
        higher = METRICS.get(name) == "higher"
        wanted = "at_least" if higher else "at_most"
        if wanted not in bounds:
            reader.note(at, f"the limit {name!r} needs {wanted}: {'higher' if higher else 'lower'} is better", at_key=True)
    return Limit(name, mode, **bounds)


def _slices(reader: Reader, task: str | None) -> SlicesRule:
    at: Keys = ("gate", "slices")
    reader.mapping(at, SlicesRule.__dataclass_fields__)
    return SlicesRule(
        reader.mode((*at, "mode")),
        reader.words((*at, "columns")),
        _metric(reader, (*at, "metric"), task, SLICE_METRICS),
        reader.number((*at, "may_fall_by"), None, least=0),
        reader.whole((*at, "min_rows"), 500, least=1),
    )


_MISSING = object()


@dataclass
class Reader:
    """Takes typed values out of a file, and notes every mistake with its line."""

    source: Source
    problems: list[Problem] = field(default_factory=list)

    def note(self, keys: Keys, message: str, hint: str | None = None, *, at_key: bool = False) -> None:
        self.problems.append(self.source.problem(keys, message, hint, at_key=at_key))

    def done(self) -> None:
        if self.problems:
            raise SpecError(self.problems)

    def get(self, keys: Keys, default: Any) -> Any:
        value: Any = self.source.value
        for key in keys:
            value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
        return default if value is _MISSING or value is None else value

    def mapping(self, keys: Keys, known: Iterable[str] | None) -> Mapping[str, Any]:
        """Return the mapping at `keys`; every key must be `known`, unless that is None."""
        value = self.get(keys, {})
        if not isinstance(value, dict):
            self.note(keys, f"`{keys[-1] if keys else 'the file'}` is a mapping of keys, not {value!r}")
            return {}
        allowed = set(value) if known is None else set(known)
        for key in value.keys() - allowed:
            self.note((*keys, key), f"unknown key {str(key)!r}", did_you_mean(str(key), allowed), at_key=True)
        return value

    def text(self, keys: Keys) -> str:
        return str(self._typed(keys, _MISSING, lambda v: isinstance(v, str) and bool(v.strip()), "a word or a text", ""))

    def file(self, keys: Keys, root: Path) -> str:
        path = self.text(keys)
        if path and not (root / path).is_file():
            self.note(keys, f"there is no file {path!r}", "The path is relative to the project's folder.")
        return path

    def label(self, keys: Keys, default: int | str) -> int | float | str:
        value = self._typed(keys, default, lambda v: isinstance(v, int | float | str), "a class of the target: a number or a word", default)
        return value if isinstance(value, str) or (isinstance(value, float) and not value.is_integer()) else int(value)

    def words(self, keys: Keys) -> tuple[str, ...]:
        value = self._typed(keys, [], lambda v: isinstance(v, list) and all(isinstance(w, str) for w in v), "a list of words", [])
        return tuple(value)

    def whole(self, keys: Keys, default: int | None, *, least: float = float("-inf"), most: float = float("inf")) -> int:
        fits = lambda v: isinstance(v, int) and not isinstance(v, bool) and least <= v <= most  # noqa: E731
        return int(self._typed(keys, _MISSING if default is None else default, fits, f"a whole number{_between(least, most)}", 0))

    def number(self, keys: Keys, default: float | None, *, least: float = float("-inf"), most: float = float("inf")) -> float:
        fits = lambda v: isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) and least <= v <= most  # noqa: E731
        return float(self._typed(keys, _MISSING if default is None else default, fits, f"a number{_between(least, most)}", 0.0))

    def word(self, keys: Keys, known: Iterable[str]) -> str:
        """Return one of the `known` words; another is a mistake that the nearest of them is named for."""
        value = self.text(keys)
        if value and value not in known:
            self.note(keys, f"unknown {keys[-1]} {value!r}", did_you_mean(value, known))
        return value

    def day(self, keys: Keys) -> date:
        value = self._typed(keys, _MISSING, lambda v: type(v) is date, "a day: 2027-01-31", date.max)
        return value if isinstance(value, date) else date.max

    def truth(self, keys: Keys, *, default: bool) -> bool:
        return bool(self._typed(keys, default, lambda v: isinstance(v, bool), "true or false", default))

    def choice(self, keys: Keys, known: tuple[str, ...], default: str) -> str:
        value = self._typed(keys, default, lambda v: v in known, f"one of {', '.join(known)}", default)
        return str(value)

    def mode(self, keys: Keys) -> str:
        """Return a rule's mode; bare `on` and `off` are booleans to YAML 1.1."""
        value = self.get(keys, _MISSING)
        if isinstance(value, bool):
            return "on" if value else "off"
        return str(self._typed(keys, _MISSING, lambda v: v in MODES, f"one of {', '.join(MODES)}", "on"))

    def _typed(self, keys: Keys, default: Any, fits: Callable[[Any], bool], wanted: str, instead: Any) -> Any:
        value = self.get(keys, default)
        if value is _MISSING:
            self.note(keys[:-1], f"`{keys[-1]}` is missing: {wanted}", at_key=True)
            return instead
        if not fits(value):
            self.note(keys, f"`{keys[-1]}` is {value!r}, and must be {wanted}")
            return instead
        return value


def _between(least: float, most: float) -> str:
    if least == float("-inf"):
        return ""
    return f" of at least {least:g}" if most == float("inf") else f" from {least:g} to {most:g}"
