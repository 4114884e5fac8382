"""Three pictures of an evaluation: predicted and true numbers, what is left between them, permutation importance."""

from pictures import bars, canvas


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
