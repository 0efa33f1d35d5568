"""The shipped experts: every card is complete, small, loadable, and true."""

import json
import re

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation import evaluate, load_policy
from mwx.experts import load_library
from mwx.experts.library import expert_folders, shipped_root
from mwx.router import single_expert, uniform_mix
from mwx.sim import make

FOLDERS = expert_folders()
CARDS = sorted(shipped_root().rglob("card.json"))
# what these experts were asked to reach, and in how many hours
BARS = {"stand": 930, "walk": 700, "reach": 6000, "run": 795, "sit": 850, "reach_two_hands": 850,
        "crawl": 945, "carry": 850, "step": 890}
HOURS = {"run": 3.0, "crawl": 1.5, "carry": 1.5, "reach_two_hands": 2.0}


def test_the_skills_are_shipped():
    assert set(BARS) <= set(FOLDERS)
    assert sum(p.stat().st_size for p in shipped_root().rglob("*") if p.is_file()) < 40e6


@pytest.mark.parametrize("name", FOLDERS)
def test_a_card_says_how_its_expert_was_made(name):
    card = json.loads((FOLDERS[name] / "card.json").read_text())
    assert card["command"].startswith("mwx expert train") and "changes" not in card["commit"]
    assert card["wall_time_s"] <= 3600 * HOURS.get(name, 1.0)
    assert card["scores"]["episodes"] == 10
    assert card["scores"]["task_return_mean"] >= BARS[name]
    assert card["scores"]["task_return_mean"] == pytest.approx(np.mean(card["returns"]), abs=1e-5)


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_every_card_names_commands_that_make_and_check_what_lies_beside_it(path):
    """What a command reads is shipped, made by the command before it, or said to be unknown."""
    card, root = json.loads(path.read_text()), shipped_root().parent
    folder = path.parent.relative_to(root).as_posix()
    assert isinstance(card["seed"], int)
    made, missing = [], []
    for step in card.get("repeat", [{"command": card["command"], "commit": card["commit"]}]):
        assert step["command"].startswith("mwx ") and re.fullmatch("[0-9a-f]{7,40}", step["commit"])
        words = step["command"].split()
        out = words[words.index("--out") + 1] if "--out" in words else None
        read = [w for w in words if ("/" in w or w.endswith(".npz") or w.startswith("lib"))
                and w != out]
        missing += [w for w in read if not (root / w).exists() and w not in made]
        made.append(out)
    assert not missing or "not_known" in card
    check = card["evaluation"]
    check = check["command"] if isinstance(check, dict) else check
    assert check.startswith(f"mwx evaluate {folder} --task ") or "imitator" in folder
    for part in card.get("measured", {}).values():
        if "by" in part:
            assert part["by"]["command"].startswith(f"mwx card {folder} --parts ")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_learning_curve_is_shipped(name):
    rows = [json.loads(x) for x in (FOLDERS[name] / "metrics.jsonl").read_text().splitlines()]
    curve = {r["step"]: r["eval/task_return_mean"] for r in rows if "eval/task_return_mean" in r}
    card = json.loads((FOLDERS[name] / "card.json").read_text())
    assert len(curve) >= 2 and curve[card["best_step"]] == max(curve.values())


def reproduced(name):
    card = json.loads((FOLDERS[name] / "card.json").read_text())
    score = evaluate(load_policy(name), card["task"], 10, 1, threads=1)
    within = max(4 * card["scores"]["task_return_stderr"], 0.02 * score.mean())
    assert abs(score.mean() - card["scores"]["task_return_mean"]) <= within


def test_stands_card_holds():
    reproduced("stand")


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_every_card_holds(name):
    reproduced(name)


def test_experts_run_unchanged_inside_another_task():
    library = load_library()
    for policy in (*library.experts.values(), uniform_mix(library)):
        score = evaluate(policy, "door", 2, 1, max_steps=40, threads=1)
        assert np.isfinite(score.task_return).all() and score.mean("alignment_return") <= 40


def test_an_expert_alone_and_through_the_library_are_the_same():
    library = load_library()
    one = evaluate(library.experts["stand"], "stand", 2, 1, max_steps=50, threads=1)
    other = evaluate(single_expert(library, "stand"), "stand", 2, 1, max_steps=50, threads=1)
    assert one.task_return == pytest.approx(other.task_return, abs=1e-6)
    assert one.alignment_return == pytest.approx(other.alignment_return, abs=1e-6)


def test_a_row_does_not_depend_on_its_neighbours():
    expert = load_policy("walk")
    few = evaluate(expert, "walk", 2, 1, max_steps=60, threads=1)
    more = evaluate(expert, "walk", 5, 1, max_steps=60, threads=2)
    assert few.task_return == pytest.approx(more.task_return[:2], abs=1e-3)


def test_names_that_are_no_policy_are_explained(tmp_path):
    with pytest.raises(MwxError, match="stand, walk, run"):
        load_policy(tmp_path)
    with pytest.raises(MwxError, match="at least one"):
        evaluate(load_policy("stand"), "stand", 0, 1)
    with pytest.raises(MwxError, match="stand"):
        evaluate(load_policy("stand"), "stnd", 1, 1)


@pytest.mark.render
def test_a_video_is_written(tmp_path):
    from mwx.evaluation import record_video
    from mwx.sim.render import gl_backend
    if gl_backend() is None:
        pytest.skip("no GL back end works here")
    path = record_video(load_policy("stand"), "stand", tmp_path / "v.mp4", seconds=0.2,
                        height=120, width=160)
    assert path.stat().st_size > 1000


def test_the_environment_of_a_name_is_the_task():
    assert make("h1-door", threads=1).task.name == "door"
