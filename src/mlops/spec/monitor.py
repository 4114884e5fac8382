"""What Azure ML's own monitor may be asked for: `create_monitor` of a schedule (schema: `monitorSchedule`), each key with its line.

The monitor is computed by the service, never here; what this machine watches is `monitor:` in environments/production.yml.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops.spec import keys
from mlops.spec.keys import Key, Table
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.spec.reading import Here

INSTANCES = tuple(f"standard_e{cores}s_v3" for cores in (4, 8, 16, 32, 64))
"""The machines of serverless Spark that a monitor runs on."""
RUNTIMES = ("3.4", "3.5")
TASKS = ("classification", "regression", "question_answering")
CONTEXTS = ("model_inputs", "model_outputs", "training", "test", "validation", "ground_truth")
NUMERICAL = (
    "jensen_shannon_distance",
    "normalized_wasserstein_distance",
    "population_stability_index",
    "two_sample_kolmogorov_smirnov_test",
)
CATEGORICAL = ("jensen_shannon_distance", "population_stability_index", "pearsons_chi_squared_test")
QUALITY = ("null_value_rate", "data_type_error_rate", "out_of_bounds_rate")
_PERIOD = re.compile(r"P(?:\d+[YMWD])+(?:T(?:\d+[HMS])+)?|PT(?:\d+[HMS])+|default")
_DEPLOYMENT = re.compile(r"(?:azureml:)?(?:[^:/\s]+:[^:/\s]+|/subscriptions/.+/onlineEndpoints/[^/]+/deployments/[^/]+)")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _runtime(value: Any) -> str | None:
    if value in RUNTIMES:
        return None
    quoted = f": put it in quotes, as '{value}'" if str(value) in RUNTIMES else f" is not one of {', '.join(RUNTIMES)}"
    return f"{value!r}{quoted}"


def _period(value: Any) -> str | None:
    return None if isinstance(value, str) and _PERIOD.fullmatch(value) else f"{value!r} is no duration of ISO 8601, such as P7D"


def _deployment(value: Any) -> str | None:
    return None if isinstance(value, str) and _DEPLOYMENT.fullmatch(value) else f"{value!r} is not azureml:ENDPOINT:DEPLOYMENT"


def _features(value: Any) -> str | None:
    """all_features, a list of names, or the most important ones."""
    if isinstance(value, str):
        return None if value.lower() == "all_features" else f"{value!r} is not all_features, a list, or top_n_feature_importance: NUMBER"
    if isinstance(value, dict):
        return None if list(value) == ["top_n_feature_importance"] else "a mapping here has top_n_feature_importance alone"
    return keys.texts(value)


def _mails(value: Any) -> str | None:
    bad = keys.texts(value) or (None if value else "nobody is named")
    return bad or next((f"{one!r} is no address" for one in value if not _MAIL.fullmatch(one)), None)


def _share(value: Any) -> str | None:
    return keys.number(value) or (None if 0 <= float(value) <= 1 else f"{value!r} is not from 0 to 1")


def _one(names: tuple[str, ...], takes: keys.Check = keys.number) -> dict[str, Key]:
    return {name: Key(takes) for name in names}


_INPUT = {
    "type": Key(keys.one_of("uri_file", "uri_folder", "mltable")),
    "path": Key(keys.text, required=True),
    "mode": Key(keys.text),
    "version": Key(keys.word),
}
_WINDOW = {
    "window_start": Key(keys.text),
    "window_end": Key(keys.text),
    "lookback_window_size": Key(_period),
    "lookback_window_offset": Key(_period),
}
DATA: Table = {
    "input_data": Key(keys.mapping, inner=_INPUT, required=True),
    "data_context": Key(keys.one_of(*CONTEXTS)),
    "pre_processing_component": Key(keys.text),
    "data_window": Key(keys.mapping, inner=_WINDOW),
    "data_column_names": Key(keys.strings),
}
_EVERY = {
    "type": Key(keys.text, required=True),
    "production_data": Key(keys.mapping, inner=DATA),
    "reference_data": Key(keys.mapping, inner=DATA),
    "alert_enabled": Key(keys.truth),
    "properties": Key(keys.strings),
}
_OF_FEATURES = {**_EVERY, "features": Key(_features), "feature_type_override": Key(keys.strings)}
_DRIFT = {"numerical": Key(keys.mapping, inner=_one(NUMERICAL)), "categorical": Key(keys.mapping, inner=_one(CATEGORICAL))}
_SEGMENT = {"feature_name": Key(keys.text), "feature_values": Key(keys.texts)}


def _thresholds(table: Table) -> Key:
    return Key(keys.mapping, inner=table, required=True)


SIGNALS: Mapping[str, Table] = {
    "data_drift": {**_OF_FEATURES, "metric_thresholds": _thresholds(_DRIFT), "data_segment": Key(keys.mapping, inner=_SEGMENT)},
    "prediction_drift": {**_EVERY, "metric_thresholds": _thresholds(_DRIFT)},
    "data_quality": {
        **_OF_FEATURES,
        "metric_thresholds": _thresholds({kind: Key(keys.mapping, inner=_one(QUALITY, _share)) for kind in ("numerical", "categorical")}),
    },
    "feature_attribution_drift": {
        **_EVERY,
        "production_data": Key(),
        "reference_data": Key(keys.mapping, inner=DATA, required=True),
        "metric_thresholds": _thresholds(_one(("normalized_discounted_cumulative_gain",), _share)),
    },
    "model_performance": {
        **_EVERY,
        "metric_thresholds": _thresholds(
            {
                "classification": Key(keys.mapping, inner=_one(("accuracy", "precision", "recall"), _share)),
                "regression": Key(keys.mapping, inner=_one(("mae", "mse", "rmse"))),
            }
        ),
        "data_segment": Key(keys.mapping, inner=_SEGMENT),
    },
}
"""The signals of tables, by their type."""
_GENERATION: Table = {
    "type": Key(keys.text, required=True),
    "production_data": Key(),
    "metric_thresholds": Key(keys.mapping, required=True),
    "alert_enabled": Key(keys.truth),
    "properties": Key(keys.strings),
    "sampling_rate": Key(_share),
}
OTHER_SIGNALS: Mapping[str, Table] = {
    "custom": {
        "type": Key(keys.text, required=True),
        "component_id": Key(keys.text, required=True),
        "connection": Key(keys.mapping),
        "inputs": Key(keys.mapping),
        "input_data": Key(keys.mapping),
        "metric_thresholds": Key(),
        "alert_enabled": Key(keys.truth),
    },
    "generation_safety_quality": {**_GENERATION, "connection_id": Key(keys.text)},
    "generation_token_statistics": _GENERATION,
}
"""Those of your own component, and of text models: their keys are known, and what is below them is azure-ai-ml's to judge."""
MONITOR: Table = {
    "compute": Key(
        keys.mapping,
        inner={"instance_type": Key(keys.one_of(*INSTANCES), required=True), "runtime_version": Key(_runtime, required=True)},
        required=True,
    ),
    "monitoring_target": Key(
        keys.mapping,
        inner={"ml_task": Key(keys.one_of(*TASKS)), "endpoint_deployment_id": Key(_deployment), "model_id": Key(keys.text)},
    ),
    "monitoring_signals": Key(keys.mapping),
    "alert_notification": Key(),
}


def judge_monitor(here: Here, body: Any) -> None:
    """Note every mistake of a monitor's definition."""
    if not isinstance(body, dict):
        here.note("`create_monitor` is a mapping: compute, monitoring_target, monitoring_signals", at_key=True)
        return
    here.judge(body, MONITOR, "a monitor")
    _judge_alert(here.at("alert_notification"), body.get("alert_notification"))
    signals = here.at("monitoring_signals").mapping(body.get("monitoring_signals"))
    target = here.at("monitoring_target").mapping(body.get("monitoring_target"))
    if not signals and not target.get("endpoint_deployment_id"):
        hint = "monitoring_target: {endpoint_deployment_id: azureml:ENDPOINT:DEPLOYMENT}, of a deployment that collects (online: collect: true)"
        here.note("a monitor without signals needs a deployment whose rows are collected", hint, at_key=True)
    for name, signal in signals.items():
        _judge_signal(here.at("monitoring_signals", str(name)), signal, collected=bool(target.get("endpoint_deployment_id")))


def _judge_alert(here: Here, alert: Any) -> None:
    if isinstance(alert, dict):
        here.judge(alert, {"emails": Key(_mails, required=True)}, "`alert_notification`")
    elif alert is not None and str(alert).lower() != "azmonitoring":
        here.note(f"{alert!r} is neither `azmonitoring` nor a mapping with `emails`")


def _judge_signal(here: Here, signal: Any, *, collected: bool) -> None:
    if not isinstance(signal, dict):
        here.note("a signal is a mapping with a `type`")
        return
    kind = keys.plain(signal.get("type", ""), (*SIGNALS, *OTHER_SIGNALS))
    if kind in OTHER_SIGNALS:
        here.judge(signal, OTHER_SIGNALS[kind], f"a {kind} signal")
        return
    if kind not in SIGNALS:
        known = (*SIGNALS, *OTHER_SIGNALS)
        here.at("type").note(f"{signal.get('type')!r} is no type of signal", did_you_mean(str(signal.get("type")), known))
        return
    here.judge(signal, SIGNALS[kind], f"a {kind} signal")
    _judge_data(here, signal, kind, collected=collected)


def _judge_data(here: Here, signal: Mapping[str, Any], kind: str, *, collected: bool) -> None:
    """Note data that a signal needs and has not."""
    reference = signal.get("reference_data")
    if kind == "feature_attribution_drift" and isinstance(reference, dict):
        if reference.get("data_context") != "training":
            here.at("reference_data").note("feature attribution is held against training rows: data_context: training", at_key=True)
        if "target_column" not in (reference.get("data_column_names") or {}):
            here.at("reference_data").note("feature attribution needs the target: data_column_names: {target_column: ...}", at_key=True)
    important = isinstance(signal.get("features"), dict)
    if important and "target_column" not in ((reference or {}).get("data_column_names") or {}):
        here.at("features").note("the most important features are those of training rows with a target", _IMPORTANT, at_key=True)
    if not collected and not signal.get("production_data"):
        here.note("nothing says where production's rows are", "production_data, or a deployment that collects as the target", at_key=True)
    for name in ("production_data", "reference_data"):
        given = signal.get(name)
        for at, one in ((name, given),) if isinstance(given, dict) else ():
            if (one.get("input_data") or {}).get("type") == "uri_folder" and not one.get("pre_processing_component"):
                here.at(at).note("a folder is made into a table by a `pre_processing_component`", "Or name an mltable.", at_key=True)


_IMPORTANT = "reference_data with data_context: training and data_column_names: {target_column: ...}"
