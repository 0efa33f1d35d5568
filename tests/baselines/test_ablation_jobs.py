"""The ablation: what is finished stays, what failed is told, settings are never mixed."""

from dataclasses import replace

import pytest

from mwx.baselines import ablation as jobs
from mwx.baselines.ablation import Ablation, run
from mwx.baselines.adaptation import VARIANTS, adaptation
from mwx.errors import MwxError
from mwx.experts.library import expert_folders
from mwx.runs import read_json, write_json


def test_the_variants_are_edits_of_one_recipe():
    full = adaptation("door", "tiny")
    edited = {v: adaptation("door", "tiny", v) for v in VARIANTS}
    assert edited["full"] == edited["scratch"] == full  # scratch uses the agent alone
    assert edited["no_router"] == replace(full, mixing="guidance")
    assert edited["no_vlm"] == replace(full, guidance="rules")
    assert edited["no_imitation"].alignment.weight == 0.0 < full.alignment.weight
    assert len({(c.agent, c.evaluation, c.seed) for c in edited.values()}) == 1  # same budget


def test_steps_stretch_what_the_recipe_spreads_over_them():
    few = adaptation("door", "cpu", steps=50_000).agent.loop
    whole = adaptation("door", "cpu").agent.loop
    assert few.steps == 50_000
    assert few.advised_steps / few.steps == whole.advised_steps / whole.steps
    assert adaptation("door", "cpu", planned=True).agent.loop.planned and not whole.planned


def test_one_variant_end_to_end_and_nothing_twice(tmp_path):
    experts = tmp_path / "experts"
    experts.mkdir()
    for name in ("stand", "walk", "reach"):
        (experts / name).symlink_to(expert_folders()[name])
    ablation = Ablation("door", (0,), "tiny", variants=("no_router",), experts=experts,
                        out=tmp_path / "out")
    lines: list[str] = []
    (job,) = run(ablation, say=lines.append)
    assert lines[0] == "1 jobs, 0 of them finished before" and "finished" in lines[-1]
    card = read_json(job.card)
    assert card["mixing"] == "guidance" and card["alignment_weight"] > 0
    written = job.card.stat().st_mtime_ns
    run(ablation, say=lines.append)
    assert lines[-1] == "1 jobs, 1 of them finished before"
    assert job.card.stat().st_mtime_ns == written
    with pytest.raises(MwxError, match="other settings, plain_experts None, not"):
        run(replace(ablation, plain_experts=tmp_path), say=lines.append)
    with pytest.raises(MwxError, match=r"loop\.steps 96, not 50"):
        run(replace(ablation, steps=50), say=lines.append)
    (longer,) = jobs.begin(replace(ablation, steps=500))  # what is finished goes on
    assert not longer.finished and longer.command()[-1] == "--resume"


class FakeProcess:
    """Finishes at once; seed 1 of scratch fails."""

    def __init__(self, job):
        self.job = job
        if (job.variant, job.seed) != ("scratch", 1):
            write_json(job.card, {"scores": {}})

    def ended(self):
        return "" if self.job.card.is_file() else "broken (exit code 1)"

    def stop(self):
        raise AssertionError("nothing runs any more")


def test_a_failed_job_is_told_after_the_others_and_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "_Process", FakeProcess)
    monkeypatch.setattr(jobs, "WAIT_S", 0.0)
    ablation = Ablation("door", (0, 1, 2), "tiny", out=tmp_path)
    lines: list[str] = []
    with pytest.raises(MwxError, match=r"1 of 15 jobs failed(.|\n)*scratch-1: broken"):
        run(ablation, 2, lines.append)
    assert sum("finished" in line for line in lines) == 15  # 14, and the line before them
    with pytest.raises(MwxError, match="1 of 15"):
        run(ablation, 2, lines.append)
    assert "15 jobs, 14 of them finished before" in lines


def test_commands_differ_by_the_variant_and_resume_where_there_is_something(tmp_path):
    (tmp_path / "router").mkdir()
    ablation = Ablation("door", (0,), "tiny", out=tmp_path, router=tmp_path / "router",
                        plain_experts=tmp_path / "plain", planned=True)
    words = {job.variant: job.command() for job in ablation.jobs()}
    assert all("--planned" in w and "--resume" not in w for w in words.values())
    assert "--router" in words["full"] and "--experts" not in words["full"]
    # experts of another kind need a router of their own
    assert "--experts" in words["no_imitation"] and "--router" not in words["no_imitation"]
    job = ablation.jobs()[0]
    write_json(job.path / "config.json", {})
    assert "--resume" in job.command()


@pytest.mark.parametrize(("changes", "hint"), [
    ({"variants": ("ful",)}, "did you mean 'full'"), ({"seeds": ()}, "at least one"),
    ({"recipe": "cpuu"}, "did you mean 'cpu'"), ({"task": "dor"}, "did you mean 'door'")])
def test_mistakes_are_told_before_anything_is_trained(tmp_path, changes, hint):
    with pytest.raises(MwxError, match=hint):
        run(replace(Ablation("door", (0,), "tiny", out=tmp_path / "out"), **changes))
    assert not (tmp_path / "out").exists()
