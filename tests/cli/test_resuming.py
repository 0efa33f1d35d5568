"""--resume in every verb that has it: options that contradict the run are refused, both named."""

import numpy as np
import pytest

from mwx import cli
from mwx.agents.loop import Loop
from mwx.experts.ppo import Ppo
from mwx.motion import generate
from mwx.router import adapt
from mwx.runs import Run, read_json

VERBS = {
    "agent": ["agent", "train", "stand", "--recipe", "tiny", "--steps", "160"],
    "expert": ["expert", "train", "stand", "--recipe", "tiny", "--steps", "160"],
    "adaptation": ["adapt", "door", "--recipe", "tiny", "--steps", "96"],
    "alone": ["adapt", "door", "--recipe", "tiny", "--steps", "96", "--variant", "scratch"],
    "imitator": ["motion", "imitate", "{}/stand.npz", "--steps", "4000000"]}
CONTRADICTIONS = [
    ("agent", ["agent", "train", "walk"], "task h1-stand, not h1-walk"),
    ("agent", ["agent", "train", "stand", "--seed", "7"], "seed 0, not 7"),
    ("agent", ["agent", "train", "stand", "--recipe", "cpu"], "recipe tiny, not cpu"),
    ("expert", ["expert", "train", "walk"], "skill stand, not walk"),
    ("expert", ["expert", "train", "stand", "--seed", "7"], "seed 0, not 7"),
    ("expert", ["expert", "train", "stand", "--recipe", "paper"], "recipe tiny, not paper"),
    ("expert", ["expert", "train", "stand", "--no-imitation"], "imitation True, not False"),
    ("expert", ["expert", "train", "stand", "--start", "pretrained/stand"], "start None, not"),
    ("adaptation", ["adapt", "push"], "task h1-door, not h1-push"),
    ("adaptation", ["adapt", "door", "--seed", "7"], "seed 0, not 7"),
    ("adaptation", ["adapt", "door", "--recipe", "cpu"], "recipe tiny, not cpu"),
    ("adaptation", ["adapt", "door", "--schedule", "paper"], "schedule router, not paper"),
    ("adaptation", ["adapt", "door", "--planned"], "planned False, not True"),
    ("adaptation", ["adapt", "door", "--teacher-steps", "9000"], "teacher_steps 0, not 9000"),
    ("adaptation", ["adapt", "door", "--progress-weight", "2"], "progress_weight 0.0, not 2.0"),
    ("adaptation", ["adapt", "door", "--variant", "no_router"], "variant full, not no_router"),
    ("adaptation", ["adapt", "door", "--variant", "scratch"], "kind (adaptation, not alone)"),
    ("alone", ["adapt", "door"], "kind (alone, not adaptation)"),
    ("alone", ["adapt", "door", "--variant", "scratch", "--seed", "7"], "seed 0, not 7"),
    ("imitator", ["motion", "imitate", "--seed", "7"], "seed 0, not 7"),
    ("imitator", ["motion", "imitate", "--assist", "0.1"], "assist 0.3, not 0.1"),
    ("imitator", ["motion", "imitate", "{}/reach.npz"], "stand, not reach")]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run of each kind, begun by its verb and ended at its first step, with a checkpoint."""
    root = tmp_path_factory.mktemp("begun")
    for name in ("stand", "reach"):
        generate("stand").save(root / f"{name}.npz")

    def end(self, *_, **__):
        self.run.save(8, {"x": np.zeros(1)}, {})
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "train", end)
        patch.setattr(Ppo, "train", end)

        def interrupted(config, folder):
            Run(folder.parent).save(8, {"x": np.zeros(1)}, {})
            raise KeyboardInterrupt
        patch.setattr(adapt, "prepare", interrupted)
        for kind, words in VERBS.items():
            given = [word.format(root) for word in words]
            assert cli.main([*given, "--out", str(root / kind)]) == cli.INTERRUPTED
            assert read_json(root / kind / "provenance.json")["kind"] == kind
    return root


def files(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(("kind", "words", "both"), CONTRADICTIONS,
                         ids=[f"{k}: {b}" for k, _, b in CONTRADICTIONS])
def test_a_contradiction_is_refused(begun, capsys, kind, words, both):
    before = files(begun / kind)
    given = [word.format(begun) for word in words]
    assert cli.main([*given, "--resume", "--out", str(begun / kind)]) == cli.MISTAKE
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and both in error
    assert files(begun / kind) == before


@pytest.mark.parametrize("kind", VERBS)
def test_a_new_start_is_refused_and_so_is_another_verb(begun, capsys, kind):
    before = files(begun / kind)
    for other, words in VERBS.items():
        given = [word.format(begun) for word in words]
        assert cli.main([*given, "--out", str(begun / kind)]) == cli.MISTAKE
        told = "--resume" if other == kind else "another kind"
        assert told in capsys.readouterr().err.splitlines()[-1]
    for words in (["router", "train", "door"], ["demo"]):
        assert cli.main([*words, "--out", str(begun / kind)]) == cli.MISTAKE
        assert "another kind" in capsys.readouterr().err.splitlines()[-1]
    for words in (["fleet", "stand"], ["ablate", "door", "--recipe", "tiny"]):
        assert cli.main([*words, "--out", str(begun / kind)]) == cli.MISTAKE
        assert "something else (config.json)" in capsys.readouterr().err.splitlines()[-1]
    assert files(begun / kind) == before


@pytest.mark.parametrize("kind", VERBS)
def test_more_steps_are_taken_and_what_is_not_given_stays(begun, monkeypatch, kind):
    ends = []

    def train(self, *_, **__):
        ends.append(self.ppo.steps if isinstance(self, Ppo) else self.config.loop.steps)
        raise KeyboardInterrupt

    def prepared(config, folder):
        ends.append(config.agent.loop.steps)
        raise KeyboardInterrupt
    monkeypatch.setattr(Loop, "train", train)
    monkeypatch.setattr(Ppo, "train", train)
    monkeypatch.setattr(Ppo, "restore", lambda self: None)
    monkeypatch.setattr(adapt, "prepare", prepared)
    words = VERBS[kind][:VERBS[kind].index("--steps")]
    words = [w.format(begun) for w in words if w not in ("--recipe", "tiny")]
    words += ["--variant", "scratch"] if kind == "alone" else []
    for more in ([], ["--steps", "5000000"], []):
        cli.main([*words, *more, "--resume", "--out", str(begun / kind)])
    first = int(VERBS[kind][VERBS[kind].index("--steps") + 1])
    assert ends == [first, 5_000_000, 5_000_000]
