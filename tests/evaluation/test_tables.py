"""Tables and figures from constructed runs: seeds together, empty cells empty, nothing averaged
with another kind."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from mwx import cli
from mwx.errors import MwxError
from mwx.evaluation import published, tables, tables_figures
from mwx.evaluation.naturalness import MEASURES
from mwx.evaluation.run_sources import ALONE, EXPERT, WITHOUT, grouped, read_sources
from mwx.evaluation.statistics import standard_error
from mwx.experts.library import expert_folders
from mwx.runs import Run, write_json

STEPS = (10_000, 20_000, 30_000, 40_000, 50_000)


def run(path: Path, values, skill="walk", task="walk", seed=0, command="mwx expert train walk",
        **config) -> Path:
    """A run as `mwx expert train` leaves it: configuration, provenance, metrics."""
    made = Run.create(path, {"skill": skill, "task": task, "seed": seed, "threads": 1,
                             "tracking": {"alignment": {"weight": 0.3}},
                             "teacher": {"kind": "lqr"}, **config}, seed, tensorboard=False)
    write_json(path / "provenance.json", {"command": command, "commit": "abc", "seed": seed})
    for step, value in zip(STEPS, values, strict=False):
        made.log(step, **{"train/return": 1.0})
        made.log(step, **{"eval/task_return_mean": value,
                          "eval/alignment_return_mean": value / 2})
    return path


def measured(path: Path, no_fall=10, success=9, seconds=30.0, values=None) -> Path:
    """A card that `mwx card` has measured, in a finished expert's folder."""
    folder = path / "expert"
    folder.mkdir(exist_ok=True)
    for name in ("config.json", "metrics.jsonl"):
        shutil.copy(path / name, folder)
    (folder / "weights.safetensors").touch()
    (folder / "reference.npz").touch()
    numbers = dict.fromkeys(MEASURES, 1.0) | (values or {})
    write_json(folder / "card.json", {"command": "mwx expert train walk", "measured": {
        "trials": {"trials": 10, "seconds": seconds, "no_fall": no_fall, "success": success},
        "naturalness": {"values": numbers, "reference": {"arm_swing": 1.0, "stride_period": 1.0}}}})
    return path


def cells(table, label):
    return dict(zip(table.columns, dict(table.rows)[label], strict=True))


@pytest.fixture
def seeds(tmp_path):
    run(tmp_path / "walk-cpu-0", (10, 500, 800, 790, 810))
    run(tmp_path / "walk-cpu-1", (20, 700, 780, 800, 790), seed=1)
    return tmp_path


def test_the_published_tables_are_whole():
    assert len(published.TABLE_I) == len(published.TABLE_II) == 5
    for row in (*published.TABLE_I.values(), *published.TABLE_II.values()):
        assert tuple(row) == published.COLUMNS
    assert published.TABLE_I["MetaWorld-X (paper)"]["walk"] == (1118.7, 7.1, 0.5)


def test_seeds_make_one_cell_and_cells_without_runs_are_empty(seeds):
    table = tables.table_one(grouped(read_sources([seeds])))
    ours = cells(table, f"{EXPERT}, recipe cpu: task return")
    error = standard_error([810, 790])
    assert ours == {"stand": "", "run": "", "sit": "", "carry": "",
                    "walk": f"800.0 ± {error:.1f} (2 seeds), S 0.03"}
    assert cells(table, f"{EXPERT}, recipe cpu: alignment return")["walk"].startswith("400.0 ±")
    paper = cells(table, "TD-MPC2")
    assert paper["walk"] == "644.2 ± 162.3, S 1.8" and "" not in paper.values()
    records = [r for r in table.records if r["runs"]]
    assert [r["measure"] for r in records] == ["task return", "alignment return"]
    assert records[0]["runs"] == "walk-cpu-0 walk-cpu-1" and records[0]["seeds"] == 2


def test_one_seed_has_no_error_and_no_convergence_is_a_dash(tmp_path):
    table = tables.table_one(grouped(read_sources([run(tmp_path / "a", (1, 2, 3, 9, 10))])))
    assert cells(table, f"{EXPERT}, recipe cpu: task return")["walk"] == "10.0 (1 seed), S -"


def test_without_runs_everything_of_ours_is_empty():
    for table in (tables.table_one([]), tables.table_two([])):
        for label, row in table.rows[-2:]:
            assert label.startswith(EXPERT) and set(row) == {""}
    assert tables.naturalness_table([]).columns == ()


def test_columns_beyond_the_papers_have_nothing_published(tmp_path):
    run(tmp_path / "r", (1, 1, 1), skill="reach", task="reach")
    run(tmp_path / "h", (2, 2, 2), skill="sit", task="sit_hard")
    run(tmp_path / "s", (3, 3, 3), skill="sit", task="sit_simple")
    table = tables.table_one(grouped(read_sources([tmp_path])))
    assert table.columns == (*published.COLUMNS, "reach", "sit_hard")
    assert cells(table, "PPO")["reach"] == cells(table, "PPO")["sit_hard"] == ""
    ours = cells(table, f"{EXPERT}, recipe cpu: task return")
    assert ours["sit"].startswith("3.0") and ours["sit_hard"].startswith("2.0")


def test_other_kinds_never_share_a_cell(seeds):
    run(seeds / "walk-cpu-wide", (5, 6, 7), speed=2)  # another configuration
    run(seeds / "walk-cpu-0-again", (1, 2, 3))  # a seed that is there already
    run(seeds / "walk-paper-0", (8, 9, 9), command="mwx expert train walk --recipe paper")
    off = {"tracking": {"alignment": {"weight": 0}}, "teacher": {"kind": "none"}}
    run(seeds / "walk-bare-0", (4, 4, 4), **off)
    alone = Run.create(seeds / "agent", {"task": "h1-walk", "obs_dim": 51, "act_dim": 19,
                                         "seed": 0}, 0, tensorboard=False)
    alone.log(1, **{"eval/task_return_mean": 30.0})
    groups = grouped(read_sources([seeds]))
    found = {g.label: [s.folder.name for s in g.sources] for g in groups}
    names = sorted(found.pop(f"{EXPERT}, recipe cpu"))
    assert len(names) in (1, 2)
    names = sorted(name for row in (*found.values(), names) for name in row)
    assert names == ["agent", "walk-bare-0", "walk-cpu-0", "walk-cpu-0-again", "walk-cpu-1",
                     "walk-cpu-wide", "walk-paper-0"]  # each run stands once
    assert found[f"{WITHOUT}, recipe cpu"] == ["walk-bare-0"]
    assert found[f"{EXPERT}, recipe paper"] == ["walk-paper-0"]
    assert [g.column for g in groups if g.label.startswith(ALONE)] == ["walk"]


def test_a_run_and_its_shipped_copy_are_one(seeds):
    measured(seeds / "walk-cpu-0")
    shutil.copytree(seeds / "walk-cpu-0" / "expert", seeds / "pretrained" / "walk")
    (seeds / "walk-cpu-0" / "expert" / "card.json").unlink()
    sources = read_sources([seeds / "walk-cpu-0", seeds / "pretrained", seeds / "walk-cpu-0"])
    assert len(sources) == 1
    assert sources[0].folder.name == "walk-cpu-0" and sources[0].measured  # the copy's card


def test_trials_are_summed_over_seeds_and_short_ones_do_not_count(seeds):
    measured(seeds / "walk-cpu-0", 10, 8)
    measured(seeds / "walk-cpu-1", 9, 9)
    table = tables.table_two(grouped(read_sources([seeds])))
    assert cells(table, f"{EXPERT}, recipe cpu: without a fall")["walk"] == "19/20"
    assert cells(table, f"{EXPERT}, recipe cpu: and task done")["walk"] == "17/20"
    assert cells(table, "MetaWorld-X (paper)")["sit"] == "8/10"
    measured(seeds / "walk-cpu-0", seconds=5.0)
    measured(seeds / "walk-cpu-1", seconds=5.0)
    table = tables.table_two(grouped(read_sources([seeds])))
    assert cells(table, f"{EXPERT}, recipe cpu: without a fall")["walk"] == ""


def test_with_and_without_imitation_stand_side_by_side(seeds):
    measured(seeds / "walk-cpu-0")
    off = {"tracking": {"alignment": {"weight": 0}}, "teacher": {"kind": "none"}}
    bare = dict.fromkeys(MEASURES, 2.0) | {"hip_tilt": 0.5, "foot_clearance": None}
    measured(run(seeds / "walk-bare-0", (4, 4, 4), **off), values=bare)
    table = tables.naturalness_table(grouped(read_sources([seeds])))
    assert set(table.columns) == {"walk-cpu-0", "walk-bare-0"}
    clearance = cells(table, "foot_clearance [cm], like the reference")
    assert clearance == {"walk-cpu-0": "1", "walk-bare-0": ""}
    assert cells(table, "arm_swing [deg], like the reference")["walk-cpu-0"] == "1 (1)"
    assert "walk-cpu-0 beside walk-bare-0" in table.notes[-1]
    assert "more natural on 10 of 11 measures; not on hip_tilt." in table.notes[-1]


def test_the_verb_writes_everything(seeds, capsys):
    measured(seeds / "walk-cpu-0")
    out = seeds / "out"
    assert cli.main(["report", "tables", str(seeds / "walk-cpu-0"), str(seeds / "walk-cpu-1"),
                     "--out", str(out), "--no-films"]) == 0
    text = (out / "tables.md").read_text()
    for part in ("Table I:", "Table II:", "Naturalness", "walk-cpu-1", "1118.7 ± 7.1, S 0.5"):
        assert part in text
    with open(out / "table1.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 25 + 2 and rows[-1]["runs"] == "walk-cpu-0 walk-cpu-1"
    for name in ("fig5_learning.png", "fig7_naturalness.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert "left out" not in capsys.readouterr().out


def test_what_cannot_be_drawn_is_said(tmp_path, capsys):
    assert cli.main(["report", "tables", "--out", str(tmp_path / "o"), "--no-films"]) == 0
    said = capsys.readouterr().out
    assert "fig5_learning.png: no run" in said and "`mwx card FOLDER` measures it" in said
    assert (tmp_path / "o" / "tables.md").is_file()


def test_mistakes_are_explained(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MwxError, match="no run of an expert"):
        read_sources([tmp_path / "empty"])
    assert cli.main(["report", "tabels"]) == 2
    Run.create(tmp_path / "router", {"kind": "router"}, tensorboard=False)
    with pytest.raises(MwxError, match="no run of an expert"):
        read_sources([tmp_path])


@pytest.mark.render
def test_a_strip_is_drawn():
    from mwx.sim.render import gl_backend
    if gl_backend() is None:
        pytest.skip("no GL back end works here")
    source = read_sources([expert_folders()["walk"]])[0]
    strip = tables_figures.film_strip(source, 3, (60, 40), start_s=0.0)
    assert [p.shape for p in strip] == [(60, 40, 3)] * 3
    assert np.abs(strip[0].astype(int) - strip[2]).max() > 20
