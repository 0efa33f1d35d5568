"""Guidance: the shipped files, strict reading, restricting, rules, providers without a network."""

import json
import socket
import subprocess
import sys

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.router import (
    DESCRIPTIONS,
    TABLE_IV_SCHEDULES,
    FileGuidance,
    Guidance,
    GuidanceProvider,
    KeywordRules,
    Provenance,
    WithFallback,
    load_guidance,
    reference_expert,
    restrict,
    schedule,
)
from mwx.router.guidance import FILES, FLOOR, on_simplex
from mwx.router.parse import parse_answer
from mwx.router.switcher import shares

TASKS = {"door", "basketball", "push", "truck", "package", "reach", "walk", "stand", "run",
         "sit_simple", "crawl"}
SHIPPED = sorted(FILES.rglob("*.json"))
THREE = {name: DESCRIPTIONS[name] for name in ("stand", "walk", "reach")}


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("opened a socket")
    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_shipped_files_are_honest_and_whole(path):
    guidance = load_guidance(path)
    assert guidance.task == path.stem and guidance.provenance.source == path.parent.name
    assert guidance.provenance.notes and guidance.provenance.author and guidance.provenance.date
    assert guidance.experts == tuple(DESCRIPTIONS) and guidance.stages
    assert guidance.descriptions == tuple(DESCRIPTIONS.values())
    assert guidance.weights.min() >= FLOOR / len(DESCRIPTIONS) - 1e-9
    assert guidance.weights.sum() == pytest.approx(1)
    past = guidance.provenance
    if past.source == "vlm_recorded":  # what the model said, whatever it is worth
        answers = [parse_answer(raw, guidance.experts) for raw in past.raw_responses]
        expected = on_simplex(np.mean([told.scores for told in answers], axis=0))
        np.testing.assert_allclose(guidance.weights, expected, atol=1e-6)
        assert past.model and guidance.title == f"w_v: {past.model}, recorded"
        assert "without vision" in past.notes[-1] and "/" not in past.author
        return
    assert past.source in ("curated", "paper_table") and not guidance.unsupported
    assert past.model is None and not past.raw_responses  # no model was asked
    leading = {stage.expert for stage in guidance.stages}
    ranked = [guidance.experts[i] for i in np.argsort(-guidance.weights)]
    assert leading <= set(ranked[:len(leading) + 1])  # stages and weights tell the same story


def test_every_task_has_a_file_and_table_iv_is_what_it_prints(no_network):
    provider = FileGuidance()
    assert set(provider.tasks()) == TASKS
    assert {p.stem for p in (FILES / "paper_table").glob("*.json")} == set(TABLE_IV_SCHEDULES)
    for task, stages in TABLE_IV_SCHEDULES.items():
        guidance = provider.guide(task, "", DESCRIPTIONS)
        assert guidance.provenance.source == "paper_table"
        expected = on_simplex(np.array([shares(stages).get(n, 0.0) for n in DESCRIPTIONS]))
        np.testing.assert_allclose(guidance.weights, expected, atol=1e-8)
    door = FileGuidance(sources=("curated",)).guide("door", "", DESCRIPTIONS)
    assert door.title == "w_v: curated"


def test_files_are_written_for_the_text_that_the_task_has():
    tasks = pytest.importorskip("mwx.sim.tasks").TASKS
    for name in set(tasks) & TASKS:
        notes = FileGuidance().guide(name, tasks[name].text, DESCRIPTIONS).provenance.notes
        assert not any("not for the one given" in note for note in notes), name
    other = FileGuidance().guide("door", "Shut the door.", DESCRIPTIONS)
    assert "not for the one given" in other.provenance.notes[-1]


def test_files_are_found_by_exact_name_only():
    with pytest.raises(MwxError, match=r"no guidance file for task 'doors': did you mean 'door'\?"):
        FileGuidance().guide("doors", "", DESCRIPTIONS)
    with pytest.raises(MwxError, match="no guidance file"):
        FileGuidance().guide("../curated/door", "", DESCRIPTIONS)


def test_restricting_renormalises_and_says_so():
    full = load_guidance(FILES / "curated" / "truck.json")
    part = restrict(full, {"reach": "x", "step": DESCRIPTIONS["step"], "fly": "flies"})
    assert part.experts == ("reach", "step", "fly") and part.weights.sum() == pytest.approx(1)
    assert part.weights[2] == pytest.approx(FLOOR / 3)
    ratio = full.weights[full.experts.index("step")] / full.weights[full.experts.index("reach")]
    assert part.weights[1] > ratio / (1 + ratio) * 0.97
    assert [s.expert for s in part.stages] == ["step"] and part.stages[0].fraction == 1
    notes = "\n".join(part.provenance.notes)
    for word in ("not available", "carry", "given the floor only: fly", "stages of absent",
                 "described differently when the relevances were given: reach"):
        assert word in notes
    assert restrict(full, DESCRIPTIONS).provenance.notes == full.provenance.notes
    with pytest.raises(MwxError, match="knows none of the experts fly"):
        restrict(full, {"fly": "flies"})


def test_a_guidance_survives_its_file(tmp_path):
    guidance = KeywordRules().guide("x", "Walk to the door and open it.", DESCRIPTIONS)
    guidance.save(tmp_path / "x.json")
    again = load_guidance(tmp_path / "x.json")
    np.testing.assert_allclose(again.weights, guidance.weights, atol=1e-8)
    assert again.stages == guidance.stages and again.provenance == guidance.provenance
    assert again.experts_sha256 == guidance.experts_sha256


def _set(*path, to):
    def change(value):
        inner = value
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = to
        return json.dumps(value)
    return change


BROKEN = {
    "version": (_set("schema_version", to=2), "schema version 2"),
    "extra field": (_set("speed", to=1), "exactly the fields"),
    "edited expert": (_set("experts", "walk", to="flies"), "edited after"),
    "negative": (_set("weights", "walk", to=-0.5), "not on the simplex"),
    "sum": (_set("weights", "walk", to=0.9), "not on the simplex"),
    "text weight": (_set("weights", "walk", to="much"), "must be numbers"),
    "unknown weight": (_set("weights", "fly", to=0.1), "exactly the experts"),
    "stage": (_set("stages", 0, "expert", to="fly"), "unknown expert in a stage of 'door' 'fly'"),
    "fractions": (_set("stages", 0, "fraction", to=5.0), "fractions sum"),
    "source": (_set("provenance", "source", to="gpt"), "gpt"),
    "claims a model": (_set("provenance", "source", to="vlm_recorded"), "raw answers"),
    "field": (_set("provenance", "autor", to="me"), "did you mean 'author'"),
    "unsupported": (_set("unsupported", to="no"), "true or false"),
    "a list": (lambda value: "[]", "exactly the fields"),
    "twice": (lambda value: json.dumps(value)[:-1] + ', "task": "b"}', "'task' appears twice"),
    "nan": (lambda value: json.dumps(value).replace("0.002222222", "NaN"), "NaN is not a number"),
    "cut": (lambda value: json.dumps(value)[:200], "not valid JSON"),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_damaged_files_are_refused_with_their_name(damage, tmp_path):
    change, message = BROKEN[damage]
    path = tmp_path / "door.json"
    path.write_text(change(json.loads((FILES / "curated" / "door.json").read_text())))
    with pytest.raises(MwxError, match=message):
        load_guidance(path)
    with pytest.raises(MwxError, match="no such file"):
        load_guidance(tmp_path / "absent.json")


def test_no_source_may_claim_a_model_that_did_not_answer():
    for source in ("vlm", "vlm_recorded"):
        with pytest.raises(MwxError, match="name a model with its raw answers"):
            Provenance(source)
    with pytest.raises(MwxError, match="must not name a model"):
        Provenance("curated", model="m", n_samples=1, raw_responses=("x",))


@pytest.mark.parametrize(("text", "leader", "implied"), [
    ("Walk forward", "walk", None), ("walk, do not run", "walk", None),
    ("Reach the target with a hand", "reach", "stand"), ("Run as fast as you can", "run", None),
    ("Sit down on the chair", "sit", None), ("Crawl through the tunnel", "crawl", None),
    ("Carry the parcel to the table", "carry", "stand")])
def test_rules_find_the_verb_and_what_it_implies(text, leader, implied, no_network):
    guidance = KeywordRules().guide("t", text, DESCRIPTIONS)
    weights = dict(zip(guidance.experts, guidance.weights, strict=True))
    assert max(weights, key=weights.__getitem__) == leader and not guidance.unsupported
    if implied:
        assert weights[implied] > 0.2
    assert isinstance(KeywordRules(), GuidanceProvider)


@pytest.mark.parametrize("text", ["", "asdf", "Übersetze das", "?" * 5000, "handle with standard"])
def test_rules_answer_any_text_and_admit_ignorance(text):
    guidance = KeywordRules().guide("t", text, DESCRIPTIONS)
    assert guidance.unsupported and not guidance.stages
    np.testing.assert_allclose(guidance.weights, 1 / len(DESCRIPTIONS))


def test_rules_order_the_stages_and_know_new_experts_by_name():
    guidance = KeywordRules().guide("t", "Walk up, then kick the ball.",
                                    {**DESCRIPTIONS, "kick": "kicks"})
    assert [s.expert for s in guidance.stages] == ["walk", "kick"]


def test_a_fallback_notes_the_failure():
    guidance = WithFallback(FileGuidance(), KeywordRules()).guide("fly", "walk and fly", THREE)
    assert guidance.provenance.source == "rules" and "no guidance file" in str(guidance.provenance)


def test_a_guidance_checks_itself():
    good = KeywordRules().guide("t", "walk", THREE)
    for change in ({"weights": np.ones(3)}, {"weights": np.full(3, np.nan)},
                   {"weights": np.ones(2) / 2}, {"descriptions": ()}, {"experts": ("a",) * 3}):
        with pytest.raises(MwxError):
            Guidance(**{**vars(good), **change})


def test_the_switcher_follows_table_iv():
    door = schedule("door")
    at = [reference_expert(door, s) for s in (0, 169_999, 170_000, 739_999, 740_000, 10**7)]
    assert at == ["stand", "stand", "walk", "walk", "reach", "reach"]
    assert reference_expert(door, 100, total_steps=1000) == "walk"  # 10 % is past 8.5 %
    assert shares(door) == pytest.approx({"stand": 0.085, "walk": 0.285, "reach": 0.63})
    with pytest.raises(MwxError, match="unknown task in Table IV 'dor': did you mean 'door'"):
        schedule("dor")
    with pytest.raises(MwxError, match="step >= 0"):
        reference_expert(door, -1)
    with pytest.raises(MwxError, match="rising"):
        reference_expert(((5, "a"), (5, "b")), 1)


def test_guidance_loads_neither_torch_nor_openai():
    code = ("import sys; from mwx.router import FileGuidance, VlmConfig, DESCRIPTIONS;"
            "FileGuidance().guide('door', '', DESCRIPTIONS); VlmConfig('m');"
            "print([m for m in ('torch', 'openai', 'mujoco', 'scipy') if m in sys.modules])")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_exported_name_exists():
    from mwx import router
    assert all(getattr(router, name) is not None for name in router.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Routr'"):
        _ = router.Routr  # pyright: ignore[reportAttributeAccessIssue]
