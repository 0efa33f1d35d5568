"""Cards: parts are added one by one, what is there stays, stale figures go with the weights."""

import json
import re
import shutil

import pytest

from mwx.errors import MwxError
from mwx.evaluation.card import PARTS, Plan, measure, policy_folder, show
from mwx.evaluation.naturalness import MEASURES
from mwx.experts.library import expert_folders

SMALL = Plan(episodes=2, trials=2, seconds=5.4)


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """A copy of the shipped expert whose episodes are short."""
    folder = tmp_path_factory.mktemp("runs") / "stand-cpu-0" / "expert"
    shutil.copytree(expert_folders()["stand"], folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({n: v for n, v in card.items()
                                                  if n != "measured"}))
    return folder


@pytest.fixture(scope="module")
def measured(stand):
    before = json.loads((stand / "card.json").read_text())
    said = []
    path = measure(stand.parent, Plan(("trials",), 2, 2, 5.4), said.append)
    return before, json.loads(path.read_text()), said


def test_what_was_on_the_card_stays(measured):
    before, after, said = measured
    assert {n: v for n, v in after.items() if n != "measured"} == before
    assert said == [f"trials: {after['measured']['trials']['by']['wall_time_s']} s"]


def test_trials_and_naturalness_are_written_with_their_origin(measured):
    part = measured[1]["measured"]
    assert part["trials"]["no_fall"] == part["trials"]["success"] == part["trials"]["trials"] == 2
    assert set(part["naturalness"]["values"]) == set(part["naturalness"]["units"]) == set(MEASURES)
    assert part["naturalness"]["seconds"] == pytest.approx(2 * 1.4)
    assert part["naturalness"]["values"]["hip_tilt"] < 2
    said = part["trials"]["by"]["command"]
    assert re.match(r"mwx card \S+ --parts trials ", said) and "pretrained" not in said
    assert part["trials"]["acts_by"] == "policy prior"
    text = show(measured[1])
    assert "2/2 of 5.4 s without a fall" in text and "hip_tilt" in text


def test_other_weights_take_their_own_figures_only(stand, measured, monkeypatch):
    import mwx.evaluation.card as cards
    monkeypatch.setitem(cards._MEASURES, "returns", lambda *_: {"returns": {"figure": 1}})
    path = measure(stand, Plan(("returns",)), lambda _: None)
    both = json.loads(path.read_text())["measured"]
    assert both["trials"] and both["returns"]["figure"] == 1
    from safetensors.numpy import load_file, save_file
    save_file({n: 1.01 * v for n, v in load_file(stand / "weights.safetensors").items()},
              stand / "weights.safetensors")
    after = json.loads(measure(stand, Plan(("returns",)), lambda _: None).read_text())["measured"]
    assert "trials" not in after and after["weights_sha256"] != both["weights_sha256"]


def test_an_agent_without_imitation_has_a_card_too(tmp_path):
    from safetensors.torch import save_file

    from mwx import config, recipes
    from mwx.agents.world_model import WorldModel
    from mwx.baselines.world_model import task_agent
    from mwx.motion import generate
    from mwx.runs import write_json
    agent = task_agent("h1-walk", recipes.agent("tiny"))
    write_json(tmp_path / "agent.json", config.to_dict(agent))
    model = WorldModel(agent.obs_dim, agent.act_dim, agent.agent.model)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    path = measure(tmp_path, Plan(("trials",), 2, 2, 0.2, reference=generate("walk")),
                   lambda _: None)
    part = json.loads(path.read_text())["measured"]
    assert part["trials"]["trials"] == 2 and part["naturalness"]["trials"] == 0
    assert part["naturalness"]["reference"]["arm_swing"] > 5  # the motion it was not shown
    assert part["trials"]["by"]["command"].startswith(f"mwx card {tmp_path} ")


def test_evaluate_plays_trials_of_any_policy(tmp_path, capsys, monkeypatch):
    import mwx.evaluation.card as cards
    from mwx import cli
    monkeypatch.setattr(cards, "CONDITIONS", cards.CONDITIONS[:1])
    out = tmp_path / "score.json"
    assert cli.main(["evaluate", "middle", "--task", "stand", "--episodes", "1", "--trials", "2",
                     "--robustness", "--out", str(out)]) == 0
    said, score = capsys.readouterr().out, json.loads(out.read_text())
    assert "0/2 of 30 s without a fall" in said and "push 50 N" in said
    assert score["trials"]["no_fall"] == 0 and score["naturalness"]["trials"] == 0
    assert set(score["naturalness"]["values"].values()) == {None}  # it fell before it settled


def test_every_part_is_known_and_mistakes_are_explained(tmp_path):
    assert set(PARTS) == {"returns", "planned", "trials", "robustness"}
    with pytest.raises(MwxError, match="did you mean 'trials'"):
        Plan(("trails",))
    with pytest.raises(MwxError, match="no trained expert there"):
        policy_folder(tmp_path)
