"""evaluate, report, report tables: how well a policy does."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from mwx.commands.words import Count, CountOrNone, PolicyFolder, RunFolder, Seed
from mwx.files import target_file, target_folder


def evaluate(policy: PolicyFolder, task: str | None = None, episodes: Count = 10, seed: Seed = 1,
             out: Path | None = None, planned: bool = False,
             suite: Literal["mwx", "humanoid_bench"] = "mwx", trials: CountOrNone = 0,
             robustness: bool = False) -> None:
    """Score an expert or a router on a task over deterministic episodes.

    Args:
        policy: folder of an expert (pretrained/walk) or of a router (runs/router-door-0/router);
            or home, middle, random (no training), script (the shipped experts by a fixed script).
        task: task name, e.g. walk or h1hand-walk; the one an expert was trained on unless told.
        episodes: number of episodes, each from its own reset.
        seed: of the first reset.
        out: also write the score as JSON.
        planned: let an expert plan every action in latent space (eq. 7); slow on a CPU.
        suite: our environments, or the original package's where it is installed.
        trials: also play so many trials of 30 s: falls, success, naturalness; always ours. About
            a second a trial for a small expert. `mwx card` keeps such figures beside an expert.
        robustness: the trials (10 unless told) also with pushes, other mass and friction, and late
            actions: eight times as long.
    """
    if out is not None:
        target_file(out)
    from mwx.progress import tell
    tell(f"{policy.name}: {episodes} episodes; some ten seconds, minutes with --planned")
    from mwx.evaluation import evaluate as score_policy
    from mwx.evaluation.playing import own_task, policy_for
    if suite == "humanoid_bench":
        from mwx.integrations.humanoid_bench import evaluate as score_policy
    task = task or own_task(policy)
    acting = policy_for(str(policy), task, seed, planned=planned)
    score = score_policy(acting, task, episodes, seed, name=policy.name)
    print(score)
    figures = {}
    if trials or robustness:
        from mwx.evaluation.card import show, trials_of
        figures = trials_of(acting, task, trials or 10, seed=seed, disturbed=robustness)
        print(show({"measured": figures}))
    if out is not None:
        from mwx.runs import write_json
        write_json(out, score.to_json() | figures)
        print(f"score: {out}")


def report(run: RunFolder, out: Path | None = None) -> None:
    """Write one self-contained HTML file about a run directory.

    Args:
        run: a run directory: of an expert, a router or the demo.
        out: the file; report.html in the run unless told.
    """
    if out is not None or run.is_dir():
        target_file(out or run / "report.html")
    from mwx.evaluation.report_run import report_run
    print(f"report: {report_run(run, out or run / 'report.html')}")


RunFolders = Annotated[tuple[Path, ...], Positional, arg(metavar="RUN ...")]


def tables(runs: RunFolders = (), out: Path = Path("runs/tables"), films: bool = True) -> None:
    """Build Tables I and II and Figs. 5-7 from runs: our numbers beside the published ones.

    Writes tables.md, table1.csv, table2.csv, naturalness.csv, fig5_learning.png, fig6_films.png
    and fig7_naturalness.png. A cell without a run behind it is empty. Trials and naturalness come
    from cards that `mwx card` has measured. Cost: seconds, and about 5 s an expert for films.

    Args:
        runs: run directories, expert folders, or folders of them; the seeds of one configuration
            are put together, experts with and without imitation stand side by side.
        out: folder.
        films: play every expert for the film strips of Fig. 6.
    """
    target_folder(out)
    from mwx.evaluation.run_sources import grouped, read_sources
    from mwx.evaluation.tables import write_tables
    from mwx.evaluation.tables_figures import write_figures
    groups = grouped(read_sources(runs))
    written, reasons = write_figures(groups, out, films)
    for path in [*write_tables(groups, out), *written]:
        print(f"written: {path}")
    for reason in reasons:
        print(f"left out: {reason}")


def adapted(runs: RunFolders = (), out: Path = Path("runs/tables")) -> None:
    """Build Table IV and Fig. 9 from runs of `mwx adapt`, beside the paper's numbers.

    Writes table4.md, table4.csv and fig9_adaptation.png. Runs of one task are put together.

    Args:
        runs: run directories of `mwx adapt` (with their comparisons: not --no-compare).
        out: folder.
    """
    target_folder(out)
    from mwx.evaluation.adapted import read_adaptation, write_adapted
    for path in write_adapted([read_adaptation(run) for run in runs], out):
        print(f"written: {path}")
