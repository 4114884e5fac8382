"""Two pictures of an evaluation: which class was taken for which, and permutation importance."""

from pictures import bars, canvas, short


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
