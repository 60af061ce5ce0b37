"""The reliability diagram: how often what was given a probability came true."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measures import Bin


def draw(parts: Sequence[Bin], path: Path) -> bool:
    """Draw `parts` into the PNG `path`; return whether there is matplotlib to do it with."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    axes.plot([part.mean for part in parts], [part.came_true for part in parts], marker="o")
    for part in parts:
        axes.annotate(str(part.size), (part.mean, part.came_true), textcoords="offset points", xytext=(6, -10))
    axes.set(xlabel="probability", ylabel="share that is about the topic", title="Topic flags, cross-validated")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})  # the same figures, the same file
    return True
