"""Two pictures of an evaluation: which class was taken for which, and permutation importance."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw(curves, importance, folder):
    """Write confusion.png and permutation_importance.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    confusion(folder / "confusion.png", **curves["confusion"])
    bars(folder / "permutation_importance.png", importance[:20])


def confusion(path, classes, counts):
    figure, axes = canvas("Which class was taken for which")
    axes.imshow(counts, cmap="Blues")
    if len(classes) <= 30:
        names = [short(name) for name in classes]
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    figure.savefig(path)


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
