"""`mwx guide`: what is a task's name and what are words, and where a model's answer is kept."""

import json

import pytest
from vlm_server import VlmServer, answer, says

from mwx import cli
from mwx.router import DESCRIPTIONS, FileGuidance, load_guidance
from mwx.sim.tasks import TASKS

pytest.importorskip("openai")
GOOD = says(json.dumps(answer(scores=dict.fromkeys(DESCRIPTIONS, 5))))


def guide(server, *words):
    return cli.main(["guide", *words, "--provider", "vlm", "--model.name", "m", "--model.base-url",
                     server.url, "--model.key-variable", "", "--model.samples", "1"])


@pytest.mark.parametrize("words", ["jump", "推箱子到桌子旁边", "walking", "climb", "kick!", "Räume",
                                   "carry_the_box_to_the_table", "danse"])
def test_a_word_that_is_no_task_is_a_task_in_words(words, capsys):
    assert cli.main(["guide", words]) == 0
    assert capsys.readouterr().out.startswith(f"text: {words}\nw_v: rules")


@pytest.mark.parametrize("slip", ["dor", "wlak", "Door", "sit_smple", "h1-dor", "h1-jump",
                                  "basketbal", "h1hand-dor"])
def test_a_slip_of_a_tasks_name_is_no_text(slip, capsys):
    assert cli.main(["guide", slip]) == 2
    assert f"unknown task '{slip}'" in capsys.readouterr().err


def test_every_task_is_known_by_its_name(capsys):
    for name in ("door", "h1-door", "h1hand-door"):
        assert cli.main(["guide", name]) == 0
        assert capsys.readouterr().out.startswith(f"door: {TASKS['door'].text}")
    assert cli.main(["guide", " "]) == 2 and "characters" in capsys.readouterr().err


def test_answers_are_kept_by_the_tasks_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept = tmp_path / "kept"
    with VlmServer(GOOD) as server:
        for words in (["door"], ["h1hand-push"], ["mine", "--text", "Mine it."], ["jump"],
                      ["jump high"]):
            assert guide(server, *words, "--record", str(kept)) == 0
        for odd in ("../out", "a/b", "..", "/tmp/x", "", "a.b", "x" * 80):
            assert guide(server, odd, "--text", "Mine it.", "--record", str(kept)) == 2
            assert "--text" in capsys.readouterr().err
    names = sorted(path.name for path in kept.iterdir())
    assert names[:3] == ["door.json", "mine.json", "push.json"] and len(names) == 5
    texts = [load_guidance(kept / name).task_text for name in names[3:]]
    assert sorted(texts) == ["jump", "jump high"]  # neither overwrote the other
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "kept"]


def test_only_a_models_answer_is_recorded(tmp_path, capsys):
    assert cli.main(["guide", "door", "--record", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "--provider vlm" in said.err and not said.out


def test_recorded_answers_have_the_models_own_name(capsys):
    tasks = FileGuidance(sources=("vlm_recorded",)).tasks()
    assert "door" in tasks
    assert cli.main(["guide", "door", "--provider", "vlm_recorded"]) == 0
    shown = capsys.readouterr().out
    assert "\nw_v: SmolLM2-135M-Instruct-Q4_1, recorded\n" in shown and "w_v: vlm" not in shown
    for task in tasks:
        told = FileGuidance(sources=("vlm_recorded",)).guide(task, TASKS[task].text, DESCRIPTIONS)
        assert told.provenance.model and told.provenance.raw_responses
    assert cli.main(["guide", "door"]) == 0  # the default is what people wrote
    assert "w_v: paper_table" in capsys.readouterr().out
