"""Each gate passes what is good and rejects what is spoiled, for the right reason."""

import dataclasses
import importlib
import json
import re

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import Reference, generate, quality_sheet, tangent
from mwx.motion import gates as g
from mwx.motion.feedforward import feed_forward
from mwx.robot import H1

gate = importlib.import_module("mwx.motion.gates.tracking")  # not its function of that name
QUICK = g.GateConfig(tracking=g.TrackingLimits(starts=3))


@pytest.fixture(scope="module")
def walk() -> Reference:
    return generate("walk")


@pytest.fixture(scope="module")
def stand() -> Reference:
    return generate("stand")


def spoiled(reference: Reference, qpos: np.ndarray, contact: np.ndarray | None = None,
            loop: bool = False) -> Reference:
    """Return a reference of other poses, with commands and velocities that belong to them."""
    contact = reference.contact if contact is None else contact
    advance = reference.advance if loop else None
    return dataclasses.replace(
        reference, qpos=qpos, contact=contact, loop=loop,
        qvel=tangent.velocity(qpos, 50.0, advance),
        advance=reference.advance if loop else np.zeros(3),
        ctrl=feed_forward(qpos, contact, 50.0, advance).ctrl)


@pytest.mark.parametrize("skill", ["stand", "walk", "reach"])
def test_generated_motions_pass_all_gates(skill: str) -> None:
    verdicts = g.evaluate(generate(skill), config=QUICK)
    assert [v.passed for v in verdicts.values()] == [True, True, True, None]
    assert all(v.score == 1 for name, v in verdicts.items() if name != "privileged")
    assert g.outcome(verdicts) == "kept" and "no imitation policy" in verdicts["privileged"].reason


def test_a_mirrored_reference_is_judged_like_the_original(walk: Reference) -> None:
    mine, other = g.kinematic(walk), g.kinematic(walk.mirrored())
    np.testing.assert_allclose(list(mine.scores.values()), list(other.scores.values()), atol=1e-3)


def test_measures_agree_with_the_quality_sheet(walk: Reference) -> None:
    sheet, scores = quality_sheet(walk).values, g.kinematic(walk).scores
    shared = sheet.keys() & scores.keys()
    assert {"skate_mean", "skate_p95", "sole_height", "foot_tilt", "penetration"} <= shared
    for name in shared:
        assert scores[name] == pytest.approx(sheet[name], abs=1e-6), name
    assert scores["jump"] == pytest.approx(sheet["joint_jump"], abs=1e-6)
    scores = g.dynamics(walk).scores
    assert scores["stance_force"] == pytest.approx(sheet["unexplained_p95"], abs=1e-6)


def test_a_teleport_names_its_frame(stand: Reference) -> None:
    qpos = stand.qpos.copy()
    qpos[20:, 0] += 1.0
    verdict = g.kinematic(spoiled(stand, qpos))
    assert verdict.passed is False and verdict.scores["base_speed"] == pytest.approx(50)
    assert "the base moves: 50 m/s in frame 19, limit 8" in verdict.reason
    assert 0 < verdict.score <= 8 / 50  # the worst quantity sets it


def test_the_seam_of_a_loop_is_a_step_too(walk: Reference) -> None:
    torn = dataclasses.replace(walk, advance=walk.advance + np.array([1.0, 0, 0]))
    assert re.search(rf"the base moves: 5\d\.\d m/s in frame {walk.num_frames - 1}, limit 8",
                     g.kinematic(torn).reason)


def test_a_joint_beyond_its_range(stand: Reference) -> None:
    qpos = stand.qpos.copy()
    elbow = H1.joint("left_elbow")
    qpos[30, 7 + elbow] = H1.high[elbow] + 0.2
    verdict = g.kinematic(spoiled(stand, qpos))
    assert "left_elbow beyond its range: 0.2 rad in frame 30, limit 1e-06" in verdict.reason
    assert "left_elbow at a speed" in verdict.reason and "jumps to the next frame" in verdict.reason


def test_a_sliding_foot(stand: Reference) -> None:
    qpos = stand.qpos.copy()
    qpos[:, 0] += 0.3 * np.arange(len(qpos)) / 50  # the whole robot glides at 30 cm/s
    verdict = g.kinematic(spoiled(stand, qpos))
    assert verdict.scores["skate_mean"] == pytest.approx(30, rel=1e-3)
    assert "a standing sole slides, on average, worst: 30 cm/s" in verdict.reason
    assert "below the floor" not in verdict.reason and "beyond" not in verdict.reason


def test_a_robot_that_floats_and_one_that_sinks(stand: Reference) -> None:
    qpos = stand.qpos.copy()
    qpos[:, 2] += 0.06
    verdict = g.kinematic(spoiled(stand, qpos))
    assert verdict.scores["sole_height"] == pytest.approx(6, abs=0.1)
    assert "a standing sole is off the floor" in verdict.reason
    qpos[:, 2] -= 0.12
    assert "a sole is below the floor by: 6" in g.kinematic(spoiled(stand, qpos)).reason


def test_a_robot_that_hangs_in_the_air_has_no_support(stand: Reference) -> None:
    qpos = stand.qpos.copy()
    qpos[:, 2] += 0.3
    hanging = spoiled(stand, qpos, contact=np.zeros((len(qpos), 2), bool))
    assert g.kinematic(hanging).passed  # no foot claims to stand
    verdict = g.dynamics(hanging)
    assert verdict.scores["mean_force"] == pytest.approx(1, abs=0.01)
    assert "no support gives, mean of all frames, worst: 1 body weight" in verdict.reason


def test_falling_freely_needs_no_support(stand: Reference) -> None:
    time = np.arange(15) / 50
    qpos = stand.qpos[:15].copy()
    qpos[:, 2] += 1.5 - 9.81 / 2 * time ** 2
    fall = spoiled(dataclasses.replace(stand, qpos=qpos, qvel=stand.qvel[:15],
                                       ctrl=stand.ctrl[:15], contact=stand.contact[:15]),
                   qpos, contact=np.zeros((15, 2), bool))
    assert g.dynamics(fall).scores["mean_force"] < 0.2


def test_self_collision(stand: Reference) -> None:
    qpos = stand.qpos.copy()
    for side, sign in (("left", -1), ("right", 1)):
        qpos[:, 7 + H1.joint(f"{side}_hip_roll")] += sign * 0.4
    verdict = g.kinematic(spoiled(stand, qpos))
    assert "the robot's own parts overlap, first: 100 % of frames in frame 0" in verdict.reason


def test_torque_that_no_servo_has(stand: Reference) -> None:
    qpos = stand.qpos.copy()
    shoulder = H1.joint("left_shoulder_pitch")
    wave = 0.6 * np.sin(2 * np.pi * 3.0 * np.arange(len(qpos)) / 50)
    qpos[:, 7 + shoulder] += wave
    qpos[:, 7 + H1.joint("right_shoulder_pitch")] += wave
    verdict = g.dynamics(spoiled(stand, qpos))
    assert verdict.passed is False and verdict.scores["torque"] > 1.5
    assert "shoulder_pitch needs, 95 % of frames, a torque" in verdict.reason
    assert "limit 1.5" in verdict.reason


def test_a_leaning_statue_asks_too_much_of_the_ground(stand: Reference) -> None:
    qpos = stand.qpos.copy()
    qpos[:, :3] += [0.75, 0, -0.3]  # far ahead of its feet, which stay
    qpos[:, 3:7] = rotations.multiply(rotations.about("y", 0.75), qpos[0, 3:7])
    verdict = g.dynamics(spoiled(stand, qpos))
    assert verdict.passed is False
    assert "no support gives, mean of stance, force and moment: 0.375" in verdict.reason


def test_commands_that_let_the_robot_fall(stand: Reference) -> None:
    limp = dataclasses.replace(stand, ctrl=stand.ctrl + 1.4 * np.isin(
        np.arange(19), [H1.joint("left_hip_pitch"), H1.joint("right_hip_pitch")]))
    assert g.kinematic(limp).passed and g.dynamics(limp).passed
    verdict = g.tracking(limp, QUICK.tracking)
    assert verdict.passed is False and "played open loop" in verdict.reason
    assert verdict.scores["distance"] > 0.25


def test_a_diverging_simulation_is_lost_not_an_error(stand: Reference) -> None:
    wild = dataclasses.replace(stand, qvel=stand.qvel + 9e4)
    verdict = g.tracking(wild, QUICK.tracking)
    assert verdict.passed is False and np.isfinite(list(verdict.scores.values())).all()


def test_threads_change_nothing(walk: Reference) -> None:
    assert g.tracking(walk, QUICK.tracking) == g.tracking(walk, QUICK.tracking, threads=2)


def test_too_short_to_judge(stand: Reference) -> None:
    one = Reference("stand", stand.qpos[:1], stand.qvel[:1], stand.ctrl[:1], stand.contact[:1])
    verdicts = g.evaluate(one)
    assert verdicts["kinematic"].passed and verdicts["tracking"].passed is None
    assert verdicts["dynamics"].passed is None and "1 frames" in verdicts["dynamics"].reason


def test_a_seat_is_not_in_the_simulation(stand: Reference) -> None:
    seated = dataclasses.replace(stand, supports=np.ones((stand.num_frames, 1), bool),
                                 support_names=("pelvis",))
    verdict = g.tracking(seated, QUICK.tracking)
    assert verdict.passed is None and "seat" in verdict.reason


def test_the_judge_is_asked_only_what_the_cheap_gates_leave(stand: Reference) -> None:
    asked: list[str] = []

    def judge(reference: Reference) -> g.Verdict:
        asked.append(reference.label)
        return g.Verdict("privileged", False, 0.4, "lost at frame 7")

    verdicts = g.evaluate(stand, config=QUICK, judge=judge)
    assert asked == ["stand"] and g.only_policy(verdicts) and g.outcome(verdicts) == "rejected"
    qpos = stand.qpos.copy()
    qpos[20:, 0] += 1.0
    verdicts = g.evaluate(spoiled(stand, qpos), config=QUICK, judge=judge)
    assert asked == ["stand"] and not g.only_policy(verdicts)
    assert verdicts["tracking"].scores  # every cheap score is kept all the same
    assert "rejected by kinematic" in verdicts["privileged"].reason


def test_a_judge_that_cannot_is_no_pass(stand: Reference) -> None:
    def judge(reference: Reference) -> g.Verdict:
        raise MwxError("too short for me")

    verdict = g.evaluate(stand, ["privileged"], judge=judge)["privileged"]
    assert verdict.passed is None and verdict.reason == "too short for me"


def test_verdicts_survive_json_and_age(stand: Reference) -> None:
    verdicts = g.evaluate(stand, config=QUICK)
    again = {name: g.Verdict.from_dict(json.loads(json.dumps(v.to_dict())))
             for name, v in verdicts.items()}
    assert again == verdicts and g.current(again, QUICK) == verdicts
    other = g.GateConfig(kinematic=g.KinematicLimits(skate_mean=3), tracking=QUICK.tracking)
    assert set(g.current(again, other)) == {"dynamics", "tracking"}
    old = verdicts | {"dynamics": dataclasses.replace(verdicts["dynamics"], version=0)}
    assert set(g.current(old, QUICK)) == {"kinematic", "tracking"}
    assert set(g.current(again, QUICK, judge=lambda r: verdicts["kinematic"])) == \
        {"kinematic", "dynamics", "tracking"}
    with pytest.raises(MwxError, match="verdict"):
        g.Verdict.from_dict({"name": "kinematic", "colour": "red"})


def test_known_verdicts_are_not_asked_again(stand: Reference) -> None:
    told = g.Verdict("kinematic", True, 0.5, "told")
    assert g.evaluate(stand, ["kinematic"], known={"kinematic": told}) == {"kinematic": told}


def test_an_unknown_gate_names_the_nearest(stand: Reference) -> None:
    with pytest.raises(MwxError, match="unknown gate 'kinematics': did you mean 'kinematic'"):
        g.evaluate(stand, ["kinematics"])


@pytest.mark.parametrize(("quantity", "bound"), [
    ("distance", 0.5), ("drop", 0.3), ("tilt", 0.78)])
def test_a_robot_that_is_lost_stays_lost(stand: Reference, monkeypatch: pytest.MonkeyPatch,
                                         quantity: str, bound: float) -> None:
    rows = {name: np.zeros((2, 10)) for name in ("distance", "drop", "tilt")}
    rows[quantity][0, 3] = bound + 0.01  # of one window, for one step of ten
    rows[quantity][1, :] = bound - 0.01
    monkeypatch.setattr(gate, "play", lambda *a: gate.Windows(np.array([0, 5]), **rows))
    scores = g.tracking(stand).scores
    assert scores["lost"] == pytest.approx(7 / 10 / 2)
    assert scores["distance"] == pytest.approx(rows["distance"].mean(), abs=1e-6)


def test_a_window_is_measured_against_the_reference_at_its_own_time(
        walk: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    limits, turn = g.TrackingLimits(starts=4), rotations.about("x", 0.3)
    given: list[np.ndarray] = []

    def simulate(qpos: np.ndarray, qvel: np.ndarray, ctrl: np.ndarray, threads: int) -> np.ndarray:
        """Keep to the reference, but 0.1 m lower, and leaning."""
        given.append(ctrl)
        out = wanted.qpos[:, 1:].copy()
        out[..., 2] -= 0.1
        out[..., 3:7] = rotations.multiply(turn, out[..., 3:7])
        return out

    begins = np.linspace(0, walk.duration_s, 4, endpoint=False)
    wanted = walk.frame(begins[:, None] + 0.02 * np.arange(26))
    monkeypatch.setattr(gate, "_simulate", simulate)
    found = gate.play(walk, limits)
    np.testing.assert_allclose(found.drop, 0.1, atol=1e-9)
    np.testing.assert_allclose(found.tilt, 0.3, atol=0.02)  # the reference leans a little itself
    assert found.distance.shape == (4, 25) and (found.distance > 0.09).all()
    np.testing.assert_allclose(given[0], wanted.ctrl[:, :-1], atol=1e-12)


def test_a_command_acts_in_its_own_step(stand: Reference) -> None:
    """Ten physics steps of the first command come before the second one's."""
    ctrl = np.repeat(stand.ctrl[:1, None], 2, axis=1)
    ctrl[:, 1] += 0.3
    still = np.repeat(ctrl[:, :1], 2, axis=1)
    moved, rests = (gate._simulate(stand.qpos[:1], 0 * stand.qvel[:1], c, 1) for c in (ctrl, still))
    np.testing.assert_array_equal(moved[:, 0], rests[:, 0])
    assert np.abs(moved[:, 1] - rests[:, 1]).max() > 1e-3
