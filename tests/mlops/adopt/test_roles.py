"""What each column is found to be."""

import pandas as pd
import pytest


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("x", lambda i: i / 7, "number"),
        ("x", lambda i: "", "empty"),
        ("x", lambda i: "same", "constant"),
        ("x", lambda i: ["yes", "no"][i % 2], "boolean"),
        ("x", lambda i: i % 2, "boolean"),
        ("x", lambda i: ["red", "blue", "green"][i % 3], "category"),
        ("x", lambda i: ["low", "medium", "high"][i % 3], "ordinal"),
        ("x", lambda i: ["18-24", "25-34", "65+", "35-64"][i % 4], "ordinal"),
        ("x", lambda i: f"town {i % 80}", "high-cardinality"),
        ("x", lambda i: f"2020-01-{1 + i % 28:02d}", "date"),
        ("x", lambda i: f"it rained for {i} days and then the sun came out again", "text"),
        ("x", lambda i: f"KX-{i}", "identifier"),
        ("x", lambda i: i + 1, "identifier"),
        ("order_id", lambda i: (i * 7919) % 10007, "identifier"),
        ("population", lambda i: (i * 7919) % 10007, "number"),
        ("patient_id", lambda i: 100 + i % 50, "group"),
        ("userId", lambda i: f"u{i % 60}", "group"),
        ("cow", lambda i: i // 20, "group"),
        ("school", lambda i: [12, 8, 12, 16, 12, 10, 11, 9, 14, 12, 13][i * i % 11], "number"),
        ("n_children", lambda i: i % 5, "number"),
        ("region_code", lambda i: 10 * (i % 6), "category"),
    ],
)
def test_a_column_is_what_its_values_say_and_then_its_name(roles, base, name, values, role):
    assert roles(base.assign(**{name: [values(i) for i in range(200)]}))[name] == role


def test_an_ordinal_has_its_values_in_their_order(plan, base):
    found = plan(base.assign(grade=["Gd", "TA", "Po", "Ex"] * 50))
    assert found.columns[-1].values == ("Po", "TA", "Gd", "Ex")  # noqa: PD011


def test_a_column_that_says_the_same_in_other_words_is_a_duplicate(roles, base):
    found = roles(base.assign(pclass=[1, 2, 3, 1] * 50, **{"class": ["First", "Second", "Third", "First"] * 50}))
    assert (found["pclass"], found["class"]) == ("number", "duplicate")


def test_keys_of_rows_are_no_duplicates_of_each_other(roles, base):
    found = roles(base.assign(u=[f"a{i}" for i in range(200)], v=[f"b{i}" for i in range(200)], w=base["a"] * 2))
    assert (found["u"], found["v"], found["w"]) == ("identifier", "identifier", "number")


def test_what_the_person_says_goes_before(roles, base):
    found = roles(base.assign(id=range(200)), drop=("b",), keep=("id",))
    assert (found["b"], found["id"]) == ("dropped", "number")


def test_a_column_that_is_half_missing_says_so(plan, base):
    column = plan(base.assign(h=[None, 1.5] * 100)).columns[-1]
    assert column.missing == 0.5


def test_names_may_be_anything(plan, base):
    odd = pd.concat([base, base[["a"]] ** 2], axis=1).set_axis(['größe, "x"', "", "c", "y", "名前", "c"], axis=1)
    found = plan(odd)
    assert [column.name for column in found.columns] == ['größe, "x"', "column_2", "c", "y", "名前", "c_2"]
