"""How a picture of an evaluation is begun, and the one that every task has: permutation importance."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def bars(path, importance):
    figure, axes = canvas("Permutation importance")
    rows = importance[::-1]
    axes.barh([short(row["feature"]) for row in rows], [row["mean"] for row in rows], xerr=[row["std"] for row in rows])
    axes.set(xlabel="lost of the deciding metric when the column is shuffled")
    figure.savefig(path)


def short(name):
    """Return a column's name as a picture can hold it: `$` would start a formula."""
    return (name if len(name) <= 30 else f"{name[:29]}…").replace("$", r"\$")


def canvas(title):
    figure = Figure(figsize=(6, 4.5), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
