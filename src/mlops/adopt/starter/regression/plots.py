"""Three pictures of an evaluation: predicted and true numbers, what is left between them, permutation importance."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw(curves, importance, folder):
    """Write predicted_actual.png, residuals.png and permutation_importance.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    predicted, actual = curves["predicted_actual"]["predicted"], curves["predicted_actual"]["actual"]
    figure, axes = canvas("Predicted and true")
    ends = [min(*predicted, *actual), max(*predicted, *actual)]
    axes.plot(ends, ends, color="grey", linestyle="--", linewidth=1)
    axes.scatter(predicted, actual, s=8, alpha=0.6)
    axes.set(xlabel="predicted", ylabel="true")
    figure.savefig(folder / "predicted_actual.png")
    figure, axes = canvas("True less predicted")
    axes.stairs(curves["residuals"]["counts"], curves["residuals"]["edges"], fill=True)
    axes.set(xlabel="true less predicted", ylabel="rows")
    figure.savefig(folder / "residuals.png")
    bars(folder / "permutation_importance.png", importance[:20])


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
