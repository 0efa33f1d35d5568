"""Learning curves of runs of the agent on a task, beside what others published.

Run `python benchmarks/learning.py RUN [RUN ...] --out curves.png` with run directories of
`mwx agent train`. Draws the evaluated task return over environment steps (and prints it, with the
updates made until then), and TD-MPC2's published means where they are known. Published: three
seeds, one environment, an update a step, planning 512 x 6 (result files of the SimbaV2 repository).
"""

import argparse
from pathlib import Path

from mwx.evaluation.figures import EXPERT_COLOURS, INK, STYLE, to_png
from mwx.runs import Run, read_json

COLOURS = tuple(EXPERT_COLOURS.values())
PUBLISHED = {"h1-stand": {0.3e6: 520, 0.5e6: 697, 1e6: 799},  # env steps -> task return
             "h1-walk": {0.3e6: 122, 0.5e6: 535, 1e6: 814},
             "h1-run": {0.3e6: 92, 0.5e6: 261, 1e6: 779}}


def curve(path: Path) -> tuple[str, list[tuple[int, int, float]]]:
    """Return the task and (env step, updates, task return) of each evaluation."""
    config, updates = read_json(path / "config.json"), 0
    points = []
    for row in Run(path).metrics():
        updates = int(row.get("updates", updates))
        if "eval/task_return_mean" in row:
            points.append((int(row["step"]), updates, float(row["eval/task_return_mean"])))
    return config["task"], points


def main() -> None:
    """Print and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    curves = {path.name: curve(path) for path in given.runs}
    for name, (task, points) in curves.items():
        for step, updates, score in points:
            print(f"{name} {task} {step:9,} steps {updates:8,} updates {score:8.1f}")
    if given.out is None:
        return
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(6, 3.4), layout="constrained")
        for colour, (name, (_, points)) in zip(COLOURS, curves.items(), strict=False):
            axes.plot([p[0] / 1e3 for p in points], [p[2] for p in points], color=colour, lw=1.8,
                      marker="o", ms=3.2, label=name)
        for task in sorted({task for task, _ in curves.values()} & PUBLISHED.keys()):
            known = PUBLISHED[task]
            axes.plot([x / 1e3 for x in known], list(known.values()), color=INK, lw=1.2,
                      linestyle=(0, (4, 3)), marker="s", ms=4, label=f"TD-MPC2, published: {task}")
        axes.set(xlabel="environment steps [thousand]", ylabel="task return", ylim=(0, None))
        axes.legend()
        given.out.write_bytes(to_png(figure))
    print(given.out)


if __name__ == "__main__":
    main()
