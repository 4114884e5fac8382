"""Four pictures of an evaluation: ROC, precision and recall, calibration, permutation importance."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw(curves, importance, share, folder):
    """Write roc.png, precision_recall.png, calibration.png and permutation_importance.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    roc, pr, calibration = curves["roc"], curves["pr"], curves["calibration"]
    lines(folder / "roc.png", roc["fpr"], roc["tpr"], ([0, 1], [0, 1]), "false positive rate", "true positive rate", "ROC")
    lines(
        folder / "precision_recall.png",
        pr["recall"],
        pr["precision"],
        ([0, 1], [share, share]),
        "recall",
        "precision",
        "Precision and recall",
    )
    points = calibration["predicted"], calibration["observed"]
    top = max(*points[0], *points[1])
    lines(folder / "calibration.png", *points, ([0, top], [0, top]), "predicted share", "observed share", "Calibration", marker="o")
    bars(folder / "permutation_importance.png", importance[:20])


def lines(path, x, y, chance, xlabel, ylabel, title, marker=None):
    figure, axes = canvas(title)
    axes.plot(*chance, color="grey", linestyle="--", linewidth=1)
    axes.plot(x, y, marker=marker)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    figure.savefig(path)


def bars(path, importance):
    figure, axes = canvas("Permutation importance")
    rows = importance[::-1]
    axes.barh([row["feature"] for row in rows], [row["mean"] for row in rows], xerr=[row["std"] for row in rows])
    axes.set(xlabel="AUC lost when the column is shuffled")
    figure.savefig(path)


def canvas(title):
    figure = Figure(figsize=(6, 4.5), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
