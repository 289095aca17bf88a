"""What the pictures of the studies have in common: colours, axes without boxes, files of modest size."""

from pathlib import Path

INK, BLUE, RED, GREEN, GOLD, GREY = "#1b2a41", "#2f6690", "#d1495b", "#3a7d44", "#d08c1f", "#8d99ae"


def figure(rows, columns, size, **options):
    """A figure and an array (rows, columns) of axes."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=size, layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False, **options)
    for ax in axes.flat:
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        ax.tick_params(which="both", colors=INK, labelsize="small")
        ax.grid(color="#e6e9ef", linewidth=0.6)
        ax.set_axisbelow(True)
    return fig, axes


def title(ax, text):
    """A title above the left end."""
    ax.set_title(text, loc="left", fontsize="medium", color=INK)


def save(fig, path):
    """Write the picture and say so."""
    fig.savefig(path, dpi=110)
    print(f"\n{path}: {Path(path).stat().st_size // 1000} kB")
