"""Azure Pipelines YAML made plain: templates put in, `${{ }}` evaluated, every key known, every name that a condition leans on there.

`load(read, file)` gives a `Pipeline` of frozen values. A key, a type, a task or a form that is not known here is `NotUnderstood`, with the file and where in
it: so a change of the YAML that the tests would not really run cannot pass. Scalars are strings, as the service takes them, but for typed parameters.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace

import yaml
from tests.contract.azure_expressions import NotUnderstood, Strict, evaluate, parse, text, truth, walk

NAME = re.compile(r"[A-Za-z_]\w*")
CONTROL = re.compile(r"\$\{\{\s*(if|elseif|else|each|insert)\b(.*?)\}\}", re.DOTALL)
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
RUNTIME = re.compile(r"\s*\$\[(.*)\]\s*", re.DOTALL)
ROOT = {"name", "trigger", "pr", "schedules", "parameters", "variables", "pool", "lockBehavior", "appendCommitMessageToRunName"}
LISTS = {"stages", "jobs", "steps"}
STAGE = {"stage", "displayName", "dependsOn", "condition", "variables", "pool", "jobs", "lockBehavior"}
COMMON = {
    "displayName",
    "dependsOn",
    "condition",
    "continueOnError",
    "pool",
    "timeoutInMinutes",
    "cancelTimeoutInMinutes",
    "variables",
    "strategy",
}
JOB = COMMON | {"job", "steps", "workspace"}
DEPLOYMENT = COMMON | {"deployment", "environment"}
STEP = {"displayName", "name", "condition", "continueOnError", "enabled", "env", "timeoutInMinutes", "retryCountOnTaskFailure", "target"}
KINDS = {
    "script": {"workingDirectory", "failOnStderr"},
    "bash": {"workingDirectory", "failOnStderr"},
    "checkout": {"clean", "fetchDepth", "fetchTags", "persistCredentials", "lfs"},
    "publish": {"artifact"},
    "download": {"artifact", "patterns", "path"},
    "task": {"inputs"},
}
TYPES = {"string", "number", "boolean", "object", "step", "stepList", "job", "jobList", "stage", "stageList"}
PREDEFINED = {"build.reason", "build.sourcebranch", "build.sourcebranchname", "build.repository.provider", "system.pullrequest.isfork"}
"""Of the predefined variables those that `${{ }}` is asked about; the rest is only known when a job runs."""


@dataclass(frozen=True)
class Step:
    kind: str
    body: str
    name: str = ""
    display: str = ""
    condition: str = "succeeded()"
    goes_on: bool = False
    env: dict = field(default_factory=dict)
    minutes: str = ""
    tries: int = 1
    settable: tuple[str, ...] | None = None
    """The variables that its output may set; None: any."""
    more: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    name: str
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    condition: str = "succeeded()"
    environment: str = ""
    """Of a deployment job; empty of any other."""
    matrix: str | dict | None = None
    variables: tuple[tuple[str, str], ...] = ()
    minutes: str = "60"
    goes_on: bool = False


@dataclass(frozen=True)
class Stage:
    name: str
    jobs: tuple[Job, ...]
    needs: tuple[str, ...] = ()
    condition: str = "succeeded()"
    variables: tuple[tuple[str, str], ...] = ()
    lock: str = ""


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    default: object = None
    required: bool = True
    values: tuple = ()


@dataclass(frozen=True)
class Pipeline:
    file: str
    stages: tuple[Stage, ...]
    parameters: tuple[Parameter, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    trigger: object = None
    pr: object = None
    schedules: tuple[dict, ...] = ()
    lock: str = ""


class _Loader(yaml.BaseLoader):
    """Scalars stay strings; a key given twice is a mistake."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {', '.join(sorted(twice))} is given twice")
        return super().construct_mapping(node, deep=True)


@dataclass(frozen=True)
class _Scope:
    """What `${{ }}` may name in one file."""

    read: object
    file: str
    parameters: dict
    variables: dict
    groups: dict
    names: dict = field(default_factory=dict)

    def evaluate(self, expression):
        contexts = {"parameters": Strict("parameter", self.parameters), "variables": self.variables, **self.names}
        try:
            return evaluate(parse(expression), contexts)
        except NotUnderstood as error:
            raise NotUnderstood(f"{self.file}: {error}") from error

    def wrong(self, message):
        return NotUnderstood(f"{self.file}: {message}")


def load(read, file, parameters=None, variables=None, groups=None):
    """Return a pipeline with its templates put in.

    Args:
        read: From a path in the repository to the text of the file.
        file: The pipeline's path.
        parameters: Of a manual run; the others have their defaults.
        variables: Predefined ones that `${{ }}` may ask for.
        groups: Variable groups: name to variables.
    """
    tree = _read(read, file)
    start = _Scope(read, file, {}, {key: value for key, value in (variables or {}).items() if key.lower() in PREDEFINED}, groups or {})
    _keys(start, tree, ROOT | LISTS | {"extends"}, "the pipeline")
    declared = _declared(start, tree)
    scope = replace(start, parameters=_bound(start, declared, parameters or {}))
    given = _variables(scope, _expanded(tree.get("variables", []), scope))
    scope = _with(scope, given)
    stages = _extended(scope, tree) if "extends" in tree else _body(scope, tree)
    _lock(scope, tree)
    pipeline = Pipeline(
        file=file,
        stages=tuple(_after_the_one_before(stages)),
        parameters=declared,
        variables=given,
        trigger=tree.get("trigger"),
        pr=tree.get("pr"),
        schedules=tuple(tree.get("schedules", ())),
        lock=tree.get("lockBehavior", ""),
    )
    _check(scope, pipeline)
    return pipeline


def possible(read, file):
    """Return a value for each parameter of a pipeline that must be given: for who looks at a pipeline and does not run it."""
    scope = _Scope(read, file, {}, {}, {})
    samples = {"string": "any", "number": "1", "boolean": "true"}
    return {one.name: (*one.values, samples.get(one.type, []))[0] for one in _declared(scope, _read(read, file)) if one.required}


def _read(read, file):
    try:
        tree = yaml.load(read(file), Loader=_Loader)
    except yaml.YAMLError as error:
        raise NotUnderstood(f"{file}: not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise NotUnderstood(f"{file}: no mapping")
    return tree


def _keys(scope, value, known, what):
    if not isinstance(value, dict):
        raise scope.wrong(f"{what} is no mapping but {value!r}")
    unknown = set(value) - known
    if unknown:
        raise scope.wrong(f"{what} has {', '.join(sorted(unknown))}, which is not known here")


def _declared(scope, tree):
    found = []
    entries = tree.get("parameters", [])
    if not isinstance(entries, list):
        raise scope.wrong("parameters is no list")
    for entry in entries:
        _keys(scope, entry, {"name", "type", "default", "values", "displayName"}, "a parameter")
        kind = entry.get("type", "string")
        if kind not in TYPES:
            raise scope.wrong(f"parameter {entry['name']}: the type {kind} is not known here")
        values = tuple(_typed(scope, entry["name"], kind, one) for one in entry.get("values", ()))
        default = _typed(scope, entry["name"], kind, entry["default"]) if "default" in entry else None
        parameter = Parameter(entry["name"], kind, default, "default" not in entry, values)
        if "default" in entry:
            _allowed(scope, parameter, default)
        found.append(parameter)
    return tuple(found)


def _typed(scope, name, kind, value):
    if kind == "boolean":
        if str(value).lower() not in {"true", "false"}:
            raise scope.wrong(f"parameter {name}: {value!r} is neither true nor false")
        return str(value).lower() == "true"
    if kind == "number":
        try:
            return float(value) if "." in str(value) else int(value)
        except (TypeError, ValueError):
            raise scope.wrong(f"parameter {name}: {value!r} is no number") from None
    if kind == "string" and isinstance(value, (dict, list)):
        raise scope.wrong(f"parameter {name}: {value!r} is no string")
    if kind.endswith("List") and not isinstance(value, list):
        raise scope.wrong(f"parameter {name}: {value!r} is no list")
    return text(value) if kind == "string" else value


def _allowed(scope, parameter, value):
    if parameter.values and value not in parameter.values:
        raise scope.wrong(f"parameter {parameter.name}: {value!r} is none of {', '.join(map(str, parameter.values))}")


def _bound(scope, declared, given):
    known = {parameter.name for parameter in declared}
    if set(given) - known:
        raise scope.wrong(f"no parameter {', '.join(sorted(set(given) - known))}; there are: {', '.join(sorted(known)) or 'none'}")
    bound = {}
    for parameter in declared:
        if parameter.name not in given and parameter.required:
            raise scope.wrong(f"parameter {parameter.name} is not given and has no default")
        value = _typed(scope, parameter.name, parameter.type, given[parameter.name]) if parameter.name in given else parameter.default
        _allowed(scope, parameter, value)
        bound[parameter.name] = value
    return bound


def _expanded(value, scope):
    """A YAML value with every `${{ }}` in it evaluated."""
    if isinstance(value, str):
        whole = re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", value, re.DOTALL)
        if whole:
            return scope.evaluate(whole[1])
        return EXPRESSION.sub(lambda found: text(scope.evaluate(found[1])), value)
    if isinstance(value, list):
        return _expanded_list(value, scope)
    if isinstance(value, dict):
        return _expanded_mapping(value, scope)
    return value


def _expanded_list(items, scope):
    found, chain = [], None
    for item in items:
        control = CONTROL.fullmatch(next(iter(item)).strip()) if isinstance(item, dict) and len(item) == 1 else None
        if not control:
            chain, one = None, _expanded(item, scope)
            found += one if isinstance(item, str) and isinstance(one, list) else [one]
            continue
        parts, chain = _chosen(control, next(iter(item.values())), scope, chain)
        for part in parts:
            if not isinstance(part, list):
                raise scope.wrong(f"{next(iter(item))}: in a list stands a list, not {part!r}")
            found += part
    return found


def _expanded_mapping(value, scope):
    found, chain = {}, None
    if "variables" in value and {"stage", "job", "deployment"} & set(value):
        scope = _with(scope, _variables(scope, _expanded(value["variables"], scope)))
    for key, entry in value.items():
        control = CONTROL.fullmatch(key.strip())
        if not control:
            chain, parts = None, [{text(_expanded(key, scope)): _expanded(entry, scope)}]
        else:
            parts, chain = _chosen(control, entry, scope, chain)
        for part in parts:
            if not isinstance(part, dict) or set(part) & set(found):
                raise scope.wrong(f"{key}: cannot be put in: {part!r}")
            found.update(part)
    return found


def _chosen(control, entry, scope, chain):
    """What an if, each or insert puts in, and whether the chain of ifs that it stands in has been decided."""
    word, rest = control[1], control[2].strip()
    if word == "if":
        yes = truth(scope.evaluate(rest))
        return ([_expanded(entry, scope)] if yes else []), yes
    if word in {"elseif", "else"}:
        if chain is None:
            raise scope.wrong(f"{control[0]} without an if before it")
        yes = not chain and (word == "else" or truth(scope.evaluate(rest)))
        return ([_expanded(entry, scope)] if yes else []), chain or yes
    if word == "insert":
        return [_expanded(entry, scope)], None
    found = re.fullmatch(r"(\w+)\s+in\s+(.+)", rest, re.DOTALL)
    if not found:
        raise scope.wrong(f"cannot read {control[0]}")
    over = scope.evaluate(found[2])
    if not isinstance(over, (list, dict)):
        raise scope.wrong(f"{control[0]}: {over!r} is no list and no mapping")
    values = over if isinstance(over, list) else [{"key": key, "value": one} for key, one in over.items()]
    return [_expanded(entry, replace(scope, names={**scope.names, found[1]: one})) for one in values], None


def _variables(scope, entries):
    """Variables as pairs, in order; `entries` is expanded already."""
    if isinstance(entries, dict):
        entries = [{"name": name, "value": value} for name, value in entries.items()]
    found = []
    for entry in entries:
        if "template" in entry:
            inner, tree = _template(scope, entry, "variables")
            found += _variables(inner, _expanded(tree, inner))
        elif "group" in entry:
            _keys(scope, entry, {"group"}, "a variable group")
            if entry["group"] not in scope.groups:
                raise scope.wrong(f"the variable group {entry['group']} is not known here")
            found += scope.groups[entry["group"]].items()
        else:
            _keys(scope, entry, {"name", "value", "readonly"}, "a variable")
            found.append((entry["name"], text(entry.get("value", ""))))
    return tuple(found)


def _with(scope, variables):
    return replace(scope, variables={**scope.variables, **{name: None if RUNTIME.fullmatch(value) else value for name, value in variables}})


def _template(scope, entry, kind):
    """The scope and the list of a template that an entry names."""
    _keys(scope, entry, {"template", "parameters"}, "a use of a template")
    name = text(entry["template"]).removesuffix("@self")
    if "@" in name:
        raise scope.wrong(f"{name}: templates of other repositories are not known here")
    file = name.lstrip("/") if name.startswith("/") else posixpath.normpath(posixpath.join(posixpath.dirname(scope.file), name))
    try:
        tree = _read(scope.read, file)
    except FileNotFoundError:
        raise scope.wrong(f"no template {file}") from None
    inner = replace(scope, file=file, parameters={}, names={})
    _keys(inner, tree, {"parameters", kind}, f"a template of {kind}")
    inner = replace(inner, parameters=_bound(inner, _declared(inner, tree), entry.get("parameters", {})))
    return inner, tree.get(kind, [])


def _extended(scope, tree):
    if LISTS & set(tree):
        raise scope.wrong("extends stands beside stages, jobs or steps")
    entry = _expanded(tree["extends"], scope)
    inner, stages = _template(scope, entry, "stages")
    return _stages(inner, stages)


def _body(scope, tree):
    kinds = LISTS & set(tree)
    if len(kinds) != 1:
        raise scope.wrong(f"one of stages, jobs and steps is wanted, not {sorted(kinds)}")
    if "stages" in kinds:
        return _stages(scope, tree["stages"])
    return [Stage("__default", tuple(_jobs(scope, tree["jobs"] if "jobs" in kinds else [{"job": "Job", "steps": tree["steps"]}])))]


def _entries(scope, items, kind, expanded=False):
    """Put templates into a list, expanded once and never twice: pairs of the scope that an entry was written in, and the entry."""
    for entry in items if expanded else _expanded(items, scope):
        if isinstance(entry, dict) and "template" in entry:
            inner, tree = _template(scope, entry, kind)
            yield from _entries(inner, tree, kind)
        else:
            yield scope, entry


def _stages(scope, items):
    return [_stage(inner, entry) for inner, entry in _entries(scope, items, "stages")]


def _stage(scope, entry):
    _keys(scope, entry, STAGE, "a stage")
    variables = _variables(scope, entry.get("variables", []))
    _lock(scope, entry)
    return Stage(
        name=_name(scope, entry.get("stage"), "a stage"),
        jobs=tuple(_jobs(_with(scope, variables), entry.get("jobs", []), expanded=True)),
        needs=_needs(scope, entry["dependsOn"]) if "dependsOn" in entry else None,
        condition=_condition(scope, entry),
        variables=variables,
        lock=entry.get("lockBehavior", ""),
    )


def _after_the_one_before(stages):
    """A stage that says nothing of what it depends on depends on the stage that stands before it."""
    for number, stage in enumerate(stages):
        yield stage if stage.needs is not None else replace(stage, needs=(stages[number - 1].name,) if number else ())


def _jobs(scope, items, expanded=False):
    found = [_job(inner, entry) for inner, entry in _entries(scope, items, "jobs", expanded)]
    if not found:
        raise scope.wrong("a stage without jobs")
    return found


def _job(scope, entry):
    deployment = isinstance(entry, dict) and "deployment" in entry
    _keys(scope, entry, DEPLOYMENT if deployment else JOB, "a job")
    variables = _variables(scope, entry.get("variables", []))
    inner = _with(scope, variables)
    name = _name(scope, entry["deployment" if deployment else "job"], "a job")
    steps = _deploy_steps(scope, name, entry) if deployment else entry.get("steps", [])
    return Job(
        name=name,
        steps=tuple(_step(where, step) for where, step in _entries(inner, steps, "steps", expanded=True)),
        needs=_needs(scope, entry.get("dependsOn", [])),
        condition=_condition(scope, entry),
        environment=_environment(scope, name, entry) if deployment else "",
        matrix=None if deployment else _matrix(scope, name, entry.get("strategy")),
        variables=variables,
        minutes=text(entry.get("timeoutInMinutes", "60")),
        goes_on=_yes(scope, entry.get("continueOnError", "false")),
    )


def _deploy_steps(scope, name, entry):
    strategy = entry.get("strategy")
    if not (isinstance(strategy, dict) and set(strategy) == {"runOnce"} and set(strategy["runOnce"]) == {"deploy"}):
        raise scope.wrong(f"deployment {name}: of the strategies only runOnce with deploy is known here")
    _keys(scope, strategy["runOnce"]["deploy"], {"steps"}, f"deployment {name}")
    return strategy["runOnce"]["deploy"].get("steps", [])


def _environment(scope, name, entry):
    value = entry.get("environment", "")
    if isinstance(value, dict):
        _keys(scope, value, {"name"}, f"the environment of {name}")
        value = value["name"]
    if not value or "$" in value:
        raise scope.wrong(f"deployment {name}: the environment {value!r} is not known before the run, so it cannot be guarded")
    return value


def _matrix(scope, name, strategy):
    if strategy is None:
        return None
    _keys(scope, strategy, {"matrix", "maxParallel"}, f"the strategy of {name}")
    matrix = strategy.get("matrix")
    if isinstance(matrix, str) and not RUNTIME.fullmatch(matrix):
        raise scope.wrong(f"job {name}: the matrix {matrix!r} is neither a mapping nor $[ ]")
    return matrix


def _step(scope, entry):
    kinds = set(KINDS) & set(entry) if isinstance(entry, dict) else set()
    if len(kinds) != 1:
        raise scope.wrong(f"a step that is none of {', '.join(KINDS)}: {entry!r}")
    (kind,) = kinds
    _keys(scope, entry, STEP | KINDS[kind] | {kind}, f"a step ({kind})")
    if not _yes(scope, entry.get("enabled", "true")):
        raise scope.wrong("a step that is not enabled: leave it out")
    for key, value in entry.get("env", {}).items():
        if RUNTIME.fullmatch(text(value)):
            raise scope.wrong(f"env {key}: {value!r} is not evaluated there; put it into variables, and $(name) here")
    settable = None
    if "target" in entry:
        _keys(scope, entry["target"], {"settableVariables"}, "the target of a step")
        chosen = entry["target"]["settableVariables"]
        settable = () if chosen == "none" else tuple(chosen)
    return Step(
        kind=kind,
        body=text(entry[kind]),
        name=_name(scope, entry["name"], "a step") if "name" in entry else "",
        display=text(entry.get("displayName", "")) or text(entry[kind]).split("\n", 1)[0],
        condition=_condition(scope, entry),
        goes_on=_yes(scope, entry.get("continueOnError", "false")),
        env={key: text(value) for key, value in entry.get("env", {}).items()},
        minutes=text(entry.get("timeoutInMinutes", "")),
        tries=1 + int(entry.get("retryCountOnTaskFailure", 0)),
        settable=settable,
        more={key: _plain(entry[key]) for key in KINDS[kind] if key in entry},
    )


def _plain(value):
    return {key: text(one) for key, one in value.items()} if isinstance(value, dict) else text(value)


def _name(scope, value, what):
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise scope.wrong(f"{what} has the name {value!r}: letters, digits and _ only")
    return value


def _needs(scope, value):
    found = [value] if isinstance(value, str) and value else list(value or [])
    return tuple(_name(scope, one, "what is depended on") for one in found)


def _condition(scope, entry):
    value = entry.get("condition", "succeeded()")
    value = text(value)
    if "$(" in value:
        raise scope.wrong(f"the condition {value!r} has a macro, which is not put in there: variables['...']")
    try:
        parse(value)
    except NotUnderstood as error:
        raise scope.wrong(error) from error
    return value


def _yes(scope, value):
    if text(value).lower() not in {"true", "false"}:
        raise scope.wrong(f"{value!r} is neither true nor false")
    return text(value).lower() == "true"


def _lock(scope, entry):
    if entry.get("lockBehavior", "sequential") not in {"sequential", "runLatest"}:
        raise scope.wrong(f"lockBehavior {entry['lockBehavior']!r} is not known here")


def _check(scope, pipeline):
    """Names are there and only once, nobody waits for himself, and every output that is asked for has a step that could set it."""
    stages = _unique(scope, pipeline.stages, "stages")
    for stage in pipeline.stages:
        _there(scope, stage, stages)
        jobs = _unique(scope, stage.jobs, f"jobs of {stage.name}")
        _references(scope, stage.condition, f"stage {stage.name}", {name: stages[name] for name in stage.needs}, {})
        for job in stage.jobs:
            _there(scope, job, jobs)
            near = {name: jobs[name] for name in job.needs}
            far = {name: stages[name] for name in stage.needs}
            expressions = [found[1] for _, value in (*stage.variables, *job.variables) if (found := RUNTIME.fullmatch(value))]
            matrix = RUNTIME.fullmatch(job.matrix)[1] if isinstance(job.matrix, str) else "true"
            for expression in (job.condition, matrix, *expressions):
                _references(scope, expression, f"job {stage.name}.{job.name}", near, far)
            _unique(scope, [step for step in job.steps if step.name], f"steps of {job.name}")


def _unique(scope, values, what):
    names = [value.name for value in values]
    if len(set(names)) != len(names):
        raise scope.wrong(f"{what} with the same name: {names}")
    return dict(zip(names, values, strict=True))


def _there(scope, value, known):
    for name in value.needs:
        if name not in known:
            raise scope.wrong(f"{value.name} depends on {name}, which is not there")
    seen, waiting = set(), [*value.needs]
    while waiting:
        name = waiting.pop()
        if name == value.name:
            raise scope.wrong(f"{value.name} depends on itself")
        if name not in seen:
            seen.add(name)
            waiting += known[name].needs


def _references(scope, expression, where, near, far):
    """Refuse an output, or a result, that nothing can have set: on the service it would be empty, without a word."""
    for part in walk(parse(expression)):
        tree, steps = part, []
        while tree[0] == "index" and tree[2][0] == "literal":
            steps.insert(0, tree[2][1])
            tree = tree[1]
        context = tree[1].lower() if tree[0] == "name" and steps else ""
        if context == "dependencies":
            _known(scope, where, near, steps)
        elif context == "stagedependencies":
            _known(scope, where, far, steps[:1])
            _known(scope, where, {job.name: job for job in far[steps[0]].jobs}, steps[1:])


def _known(scope, where, there, steps):
    if not steps:
        return
    if steps[0] not in there:
        raise scope.wrong(f"{where} asks for {steps[0]!r} without depending on it; it depends on: {', '.join(there) or 'nothing'}")
    if len(steps) > 1 and steps[1] not in {"outputs", "result"}:
        raise scope.wrong(f"{where} asks for {steps[0]}.{steps[1]}: there are outputs and result")
    if len(steps) > 2:
        _output(scope, where, there[steps[0]], steps[2])


def _output(scope, where, of, key):
    """`job.step.name` of a stage, `step.name` of a job; before that a deployment job has its own name, a leg of a matrix the leg's."""
    if isinstance(of, Stage):
        name, _, key = key.partition(".")
        found = [job for job in of.jobs if job.name == name]
        if not found:
            raise scope.wrong(f"{where} asks for an output of the job {name!r}, which stage {of.name} has not")
        of = found[0]
        if of.environment:
            raise scope.wrong(f"{where} asks for an output of the deployment job {of.name}: for a stage's condition no form is documented")
    parts = key.split(".")
    if of.environment and parts.pop(0) != of.name:
        raise scope.wrong(f"{where} asks for the output {key!r} of the deployment job {of.name}: that is '{of.name}.step.name'")
    if of.matrix is not None:
        parts.pop(0)
    if len(parts) < 2 or parts[0] not in {step.name for step in of.steps if step.name}:
        raise scope.wrong(
            f"{where} asks for the output {key!r} of {of.name}, whose steps with a name are: {[s.name for s in of.steps if s.name]}"
        )
