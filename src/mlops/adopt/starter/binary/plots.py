"""Four pictures of an evaluation: ROC, precision and recall, calibration, permutation importance."""

from pictures import bars, canvas


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
