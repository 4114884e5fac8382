"""Rows to predictions: the quickest way that gives the same bits as the model does for a data frame."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mlops.errors import JobFailed
from mlops.registry.model import load
from mlops.serving import compiled
from mlops.serving.scoring import Scorer, prepare

MORE = ("numpy.asarray", "numpy.dtype")


def prepared(folder: Path, models: Any) -> tuple[Scorer, Any, Any]:
    model = load(folder, trusted=[*models.trusted, *MORE])
    return (*prepare(model, folder), model)


def assert_bits(models: Any, scorer: Scorer, form: Any, model: Any, table: Any) -> None:
    found = scorer.score(form.check(list(table), models.plain(table)))
    assert found.probabilities == model.predict_proba(table)[:, 1].tolist()
    assert found.predictions == model.predict(table).tolist()


def strange(models: Any, rows: int) -> Any:
    """Rows as they were never trained on: unknown categories, missing numbers, far away ones."""
    table = models.flights(rows, 5)
    table.loc[::3, "carrier"] = "no such carrier"
    table.loc[::5, "hour"] = None
    table.loc[::7, "temp"] = 1e300
    return table


@pytest.mark.parametrize("rows", [1, 2, 50, 1500])
def test_a_compiled_pipeline_gives_the_bits_of_the_data_frame(models: Any, rows: int) -> None:
    """Few rows are walked through one forest, many through each tree."""
    scorer, form, model = prepared(models.one, models)
    assert scorer.way == "compiled"
    assert_bits(models, scorer, form, model, strange(models, rows))


def test_columns_in_another_order_give_the_same_bits(models: Any) -> None:
    """D11."""
    scorer, form, model = prepared(models.one, models)
    table = strange(models, 20)
    turned = table[list(table)[::-1]]
    found = scorer.score(form.check(list(turned), models.plain(turned)))
    assert found.probabilities == model.predict_proba(table)[:, 1].tolist()


def test_the_project_s_own_pipeline_is_compiled(models: Any, tmp_path: Path) -> None:
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    def as_array(dtype: str) -> Any:
        return FunctionTransformer(np.asarray, kw_args={"dtype": dtype})

    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    columns = ColumnTransformer(
        [("words", make_pipeline(as_array("object"), encoder), [0, 1, 2]), ("numbers", as_array("float64"), [3, 4, 5, 6])]
    )
    table = models.flights(2000, 0)
    fitted = Pipeline([("columns", columns), ("trees", HistGradientBoostingClassifier(max_iter=20))]).fit(table, table["hour"] > 0)
    scorer, form, model = prepared(models.save(fitted, tmp_path / "model", trusted=(*models.trusted, *MORE)), models)
    assert scorer.way == "compiled"
    assert_bits(models, scorer, form, model, strange(models, 100))


def test_a_pipeline_with_an_unknown_part_is_scored_as_arrays(models: Any, tmp_path: Path) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression

    folder = models.save(models.fit(last=[SimpleImputer(), LogisticRegression()]), tmp_path / "model", trusted=(*models.trusted, *MORE))
    scorer, form, model = prepared(folder, models)
    assert scorer.way == "arrays"
    assert scorer.score(form.check(models.columns, models.plain(models.flights(3, 9)))).probabilities == pytest.approx(
        model.predict_proba(models.flights(3, 9))[:, 1], abs=1e-15
    )


def test_a_pipeline_that_needs_names_is_scored_as_frames(models: Any, tmp_path: Path) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression

    fitted = models.fit(last=[SimpleImputer(), LogisticRegression()], by=("carrier", "origin", "dest"))
    folder = models.save(fitted, tmp_path / "model", trusted=(*models.trusted, *MORE))
    scorer, form, model = prepared(folder, models)
    assert scorer.way == "frames"
    assert_bits(models, scorer, form, model, models.flights(3, 9))


def test_a_signature_in_another_order_than_training_is_not_taken_by_position(models: Any, tmp_path: Path) -> None:
    """D11: the data frame goes by name, and what would go by position gives other bits, and is not used."""
    fitted = models.fit(table=models.flights(2000, 0), by=(0, 1, 2))
    kinds = {"dest": "string", "carrier": "string", "origin": "string", "temp": "double", "hour": "double"}
    kinds |= {"wind_gust": "double", "distance": "double"}
    scorer, form, model = prepared(models.save(fitted, tmp_path / "model", types=kinds), models)
    table = models.flights(30, 3)
    assert scorer.way == "frames"
    assert scorer.score(form.check(list(table), models.plain(table))).probabilities == model.predict_proba(table)[:, 1].tolist()


def test_a_way_that_gives_other_bits_is_not_taken(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    right = compiled.compile_model(load(models.one, trusted=models.trusted), 7)
    monkeypatch.setattr(compiled, "compile_model", lambda model, width: lambda rows: right(rows) * (1 + 1e-15))
    scorer, _, _ = prepared(models.one, models)
    assert scorer.way == "arrays"


def test_several_classes_give_the_probability_of_each(models: Any) -> None:
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    from mlops.registry.model import Column

    numbers = np.random.default_rng(0).normal(size=(300, 2))
    model = HistGradientBoostingClassifier(max_iter=5).fit(numbers, np.digitize(numbers[:, 0], [-0.5, 0.5]))
    scorer = Scorer(model, [Column("a", "double"), Column("b", "double")], numbers[:2].tolist())
    found = scorer.score(numbers[:50].tolist())
    assert scorer.way == "compiled"
    assert found.probabilities == model.predict_proba(numbers[:50]).tolist()
    assert found.predictions == model.predict(numbers[:50]).tolist()


def test_a_model_without_probabilities_gives_predictions_only() -> None:
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor

    from mlops.registry.model import Column

    numbers = np.random.default_rng(0).normal(size=(300, 2))
    model = HistGradientBoostingRegressor(max_iter=5).fit(numbers, numbers[:, 0])
    scorer = Scorer(model, [Column("a", "double"), Column("b", "double")], numbers[:2].tolist())
    assert scorer.score(numbers[:5].tolist()).predictions == model.predict(numbers[:5]).tolist()
    assert scorer.score(numbers[:5].tolist()).probabilities is None


def test_a_model_whose_example_does_not_fit_is_told(models: Any, tmp_path: Path) -> None:
    """S5: it is found before the deployment is ready."""
    folder = Path(shutil.copytree(models.one, tmp_path / "model"))
    path = folder / "input_example.json"
    path.write_text(path.read_text().replace('"carrier"', '"airline"'))
    with pytest.raises(JobFailed, match="own example does not fit its signature: column 'carrier' is missing"):
        prepared(folder, models)
