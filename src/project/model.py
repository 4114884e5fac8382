"""The model: one scikit-learn Pipeline from raw feature columns to a probability, so that what was learnt and what is served cannot differ.

Columns are chosen by position, and each branch starts by making a plain array: a data frame (by name, in any order) and an object array
(in the signature's order) give the same probabilities to the bit.
"""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder


def build(features, categories, **settings):
    """Return the unfitted pipeline; `settings` are those of HistGradientBoostingClassifier.

    A category that training did not see is encoded as missing, which the trees handle by themselves.
    """
    words = [index for index, name in enumerate(features) if name in categories]
    numbers = [index for index, name in enumerate(features) if name not in categories]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    columns = ColumnTransformer(
        [
            ("words", make_pipeline(as_array("object"), encoder), words),
            ("numbers", as_array("float64"), numbers),
        ]
    )
    return Pipeline([("columns", columns), ("trees", HistGradientBoostingClassifier(early_stopping=False, **settings))])


def as_array(dtype):
    return FunctionTransformer(np.asarray, kw_args={"dtype": dtype})


def predictors(table, features, categories):
    """Return the model's columns in the types of its signature: text for categories, float64 (which has room for missing) for the rest."""
    return table[features].astype({name: "str" if name in categories else "float64" for name in features})
