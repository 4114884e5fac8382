"""Four pictures of an evaluation: ROC, precision and recall, calibration, permutation importance."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw(curves, importance, folder):
    """Write roc.png, precision_recall.png, calibration.png and permutation_importance.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    if "roc" in curves:
        roc, pr = curves["roc"], curves["pr"]
        lines(folder / "roc.png", roc["fpr"], roc["tpr"], [0, 1], "false positive rate", "true positive rate", "ROC")
        lines(folder / "precision_recall.png", pr["recall"], pr["precision"], [1, 0], "recall", "precision", "Precision and recall")
    points = curves["calibration"]["predicted"], curves["calibration"]["observed"]
    lines(folder / "calibration.png", *points, [0, 1], "predicted share", "observed share", "Calibration", marker="o")
    bars(folder / "permutation_importance.png", importance[:20])


def lines(path, x, y, diagonal, xlabel, ylabel, title, marker=None):
    figure, axes = canvas(title)
    axes.plot([0, 1], diagonal, color="grey", linestyle="--", linewidth=1)
    axes.plot(x, y, marker=marker)
    axes.set(xlabel=xlabel, ylabel=ylabel)
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
