"""The page of conformance tells what is, and the tables behind it know every key that azure-ai-ml knows."""

import logging

import pytest
from tests.mlops.spec.conformance import PAGE, page, shown, tables

from mlops.spec import automl, environment, flow, schemas


def test_the_page_is_what_the_tables_and_the_corpus_say():
    assert PAGE.read_text() == page(), "python -m tests.mlops.spec.conformance"


def test_every_key_is_shown_by_a_file_of_the_corpus():
    by = shown()
    assert [f"{title}: {name}" for title, table in tables().items() for name in table if (id(table), name) not in by] == []


@pytest.mark.slow  # imports azure-ai-ml
def test_the_tables_have_every_key_of_azure_ml():
    logging.disable(logging.CRITICAL)
    from azure.ai.ml._schema._sweep import SweepJobSchema
    from azure.ai.ml._schema.assets.environment import AnonymousEnvironmentSchema
    from azure.ai.ml._schema.automl.table_vertical.classification import AutoMLClassificationSchema
    from azure.ai.ml._schema.automl.table_vertical.regression import AutoMLRegressionSchema
    from azure.ai.ml._schema.automl.table_vertical.table_vertical_limit_settings import AutoMLTableLimitsSchema
    from azure.ai.ml._schema.automl.training_settings import ClassificationTrainingSettingsSchema
    from azure.ai.ml._schema.component.command_component import CommandComponentSchema
    from azure.ai.ml._schema.component.parallel_component import ParallelComponentSchema
    from azure.ai.ml._schema.component.spark_component import SparkComponentSchema
    from azure.ai.ml._schema.job import CommandJobSchema, SparkJobSchema
    from azure.ai.ml._schema.job.job_limits import DoWhileLimitsSchema
    from azure.ai.ml._schema.pipeline.automl_node import AutoMLClassificationNodeSchema, AutoMLRegressionNodeSchema
    from azure.ai.ml._schema.pipeline.component_job import CommandSchema, ParallelSchema, SparkSchema, SweepSchema
    from azure.ai.ml._schema.pipeline.condition_node import ConditionNodeSchema
    from azure.ai.ml._schema.pipeline.control_flow_job import DoWhileSchema, ParallelForSchema
    from azure.ai.ml._schema.pipeline.pipeline_component import PipelineComponentSchema, PipelineSchema
    from azure.ai.ml._schema.pipeline.pipeline_job import PipelineJobSchema
    from azure.ai.ml._schema.pipeline.settings import PipelineJobSettingsSchema

    theirs = {
        "jobs": {
            "command": CommandJobSchema,
            "pipeline": PipelineJobSchema,
            "automl": (AutoMLClassificationSchema, AutoMLRegressionSchema),
            "spark": SparkJobSchema,
            "sweep": SweepJobSchema,
        },
        "components": {
            "command": CommandComponentSchema,
            "parallel": ParallelComponentSchema,
            "pipeline": PipelineComponentSchema,
            "spark": SparkComponentSchema,
        },
        "nodes": {
            "command": CommandSchema,
            "automl": (AutoMLClassificationNodeSchema, AutoMLRegressionNodeSchema),
            "parallel": ParallelSchema,
            "pipeline": PipelineSchema,
            "spark": SparkSchema,
            "sweep": SweepSchema,
        },
        "flows": {"if_else": ConditionNodeSchema, "do_while": DoWhileSchema, "parallel_for": ParallelForSchema},
        "limits": {"do_while": DoWhileLimitsSchema, "automl": AutoMLTableLimitsSchema},
        "training": {"automl": ClassificationTrainingSettingsSchema},
        "others": {"environment": AnonymousEnvironmentSchema, "settings": PipelineJobSettingsSchema},
    }
    ours = {
        "jobs": schemas.JOBS,
        "components": schemas.COMPONENTS,
        "nodes": schemas.NODES,
        "flows": flow.FLOWS,
        "limits": {"do_while": flow.FLOWS["do_while"]["limits"].inner, "automl": automl.KEYS["limits"].inner},
        "training": {"automl": automl.KEYS["training"].inner},
        "others": {"environment": environment.ENVIRONMENT, "settings": schemas.SETTINGS},
    }
    missing = {
        f"{group} {kind}": lost
        for group, kinds in theirs.items()
        for kind, one in kinds.items()
        for schema in (one if isinstance(one, tuple) else (one,))
        if (
            lost := {field.data_key or name for name, field in schema._declared_fields.items() if not field.dump_only}
            - set(ours[group][kind])
        )
    }
    logging.disable(logging.NOTSET)
    assert missing == {}
