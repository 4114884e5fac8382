"""Transform: from raw columns to numbers, as one scikit-learn ColumnTransformer. It is a part of the model, so training and serving cannot differ.

Columns are chosen by position, and each branch starts by making a plain array: a data frame (by name, in any order) and an object array (in the
signature's order) give the same numbers to the bit. A missing value may come as None, NaN or NaT; a category that training did not see counts
as missing.
"""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, SplineTransformer, StandardScaler, TargetEncoder

DAY = 86400
NO_TIME = float(np.iinfo("int64").min)  # what NaT becomes as a number


def for_trees(columns, target_type, seed):
    """Return the transformer for trees, which handle missing values and numbers of any size by themselves."""
    return build(columns, make_pipeline(as_array("float64")), make_pipeline(as_array("object"), codes()), target_type, seed)


def for_linear(columns, target_type, seed):
    """Return the transformer for a linear model: nothing is missing, numbers are of one size, each category is a column."""
    numbers = make_pipeline(as_array("float64"), SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    categories = make_pipeline(*words(), OneHotEncoder(handle_unknown="ignore"))
    return build(columns, numbers, categories, target_type, seed)


def build(columns, numbers, categories, target_type, seed):
    orders = [list(order) for order in columns.ordinals.values()]
    encoder = TargetEncoder(target_type=target_type, cv=KFold(5, shuffle=True, random_state=seed))
    scaled = () if len(numbers) == 1 else numbers[1:]
    branches = [
        ("numbers", numbers, columns.places([*columns.numbers, *columns.booleans])),
        ("categories", categories, columns.places(columns.categories)),
        ("ordinals", make_pipeline(as_array("object"), codes(orders), *scaled), columns.places(columns.ordinals)),
        ("high_cardinality", make_pipeline(*words(), encoder, *scaled), columns.places(columns.high_cardinality)),
    ]
    branches += [(f"text_{place}", make_pipeline(*text(seed), *scaled), [place]) for place in columns.places(columns.texts)]
    branches += [(f"date_{place}", make_pipeline(*date(), *scaled), place) for place in columns.places(columns.dates)]
    return ColumnTransformer([branch for branch in branches if branch[2] != []])


def as_array(dtype):
    return FunctionTransformer(np.asarray, kw_args={"dtype": dtype})


def codes(orders="auto"):
    """Return the encoder of a category as its number; one that is missing or was not seen is missing."""
    return OrdinalEncoder(categories=orders, handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)


def words():
    """Return the steps from values to plain text, with an empty text for a missing one."""
    filled = [
        SimpleImputer(missing_values=nothing, strategy="constant", fill_value="", keep_empty_features=True) for nothing in (np.nan, None)
    ]
    return [as_array("object"), *filled, as_array("str")]


def text(seed, parts=30):
    """Return the steps from a text to `parts` numbers: how often its words occur, weighted, and the main directions of that."""
    counts = HashingVectorizer(n_features=2**14, alternate_sign=False, norm=None)
    return [*words(), FunctionTransformer(np.ravel), counts, TfidfTransformer(sublinear_tf=True), TruncatedSVD(parts, random_state=seed)]


def date():
    """Return the steps from a time to numbers: seconds since 1970, and where in the year, the week and the day it is."""
    number = [FunctionTransformer(pd.to_datetime, kw_args={"utc": True}), as_array("datetime64[s]"), as_array("float64")]
    column = FunctionTransformer(np.reshape, kw_args={"shape": (-1, 1)})
    filled = SimpleImputer(missing_values=NO_TIME, strategy="median", keep_empty_features=True)
    cycles = [("year", cycle(365.2425 * DAY, 12)), ("week", cycle(7 * DAY, 7)), ("day", cycle(DAY, 6))]
    return [*number, column, filled, FeatureUnion([("seconds", "passthrough"), *cycles])]


def cycle(length, knots):
    return SplineTransformer(knots=np.linspace(0, length, knots + 1)[:, None], extrapolation="periodic", include_bias=False)
