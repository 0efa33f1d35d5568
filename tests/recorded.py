"""Numbers beside the tests: of the original benchmark, of its robots and scenes, and of our own.

`recordings/original.npz.gz` has a few recorded steps of HumanoidBench (commit 791405f, MuJoCo
3.17.0) for each of 16 ids: the state before the last physics step, the action, and the reward,
terms, observation and end that followed. `recordings/facts.json.gz` has the numbers of its robots
and compiled scenes (masses, places, sizes, limits), `recordings/own.npz.gz` 25 steps of each of our
environments.

    python tests/recorded.py                     # make ours anew (after a change that is meant)
    python tests/recorded.py RECORDINGS FACTS    # and the other two, from the whole recordings
"""

import functools
import gzip
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

HERE = Path(__file__).resolve().parent / "recordings"
MODES = ("smooth", "uniform")
STEP, REPLAYED = 30, 5  # the step that is kept; the first steps that are replayed
# what one recorded step of the original has, and how an episode of it began
AT_THE_STEP = ("action", "qpos", "qvel", "obs", "reward", "terminated", "qpos_pre", "qvel_pre",
               "actuator_force", "body_pos_last")
AT_THE_START = ("init_qpos", "init_qvel", "init_obs", "goal")
ALSO_OF_HANDS = ("sensordata", "site_xpos")
SEED, ROWS, STEPS, SHOWN = 1, 2, 25, (4, 24)  # of our own; qpos is kept after these steps
# what the tests ask of a body, a geom, a joint and a site
BODY = ("name", "parent", "pos", "quat", "mass", "com", "diaginertia", "inertia_quat", "gravcomp",
        "joints", "geoms", "sites")
GEOM = ("type", "size", "pos", "quat", "collides", "body_aabb_min", "body_aabb_max", "name")
SCENE = ("nq", "nv", "nu", "compiled_for", "keyframe_robot_qpos", "keyframe_object_qpos",
         "keyframe_ctrl_nonzero", "equalities", "contact_excludes")
ROBOT = ("bodies", "joints", "actuators", "sites", "sensors", "keyframes", "keyframe_derived",
         "contact_excludes", "collision_primitives", "observation_labels")
PART = (*BODY[:5], "diaginertia", "inertial_pos", "inertial_quat", "body", "type", "size",
        "solref", "solimp", "friction", "qpos_index", "qvel_index", "limited", "range", "axis",
        "damping", "armature", "frictionloss", "solref_limit", "target", "transmission", "kp",
        "bias_prm", "ctrlrange", "forcerange", "home_ctrl", "home_action_normalised")
SCENES = ("cabinet", "cube", "bookshelf_simple", "bookshelf_hard", "window", "room",
          "insert_normal", "insert_small", "hurdle", "maze", "pole", "stair", "slide",
          "balance_simple", "balance_hard", "highbar_simple", "highbar_hard", "powerlift", "spoon",
          "door")


def facts(name: str) -> dict[str, Any]:
    """Return the numbers of "h1", "h1hand" or a scene of the original."""
    return json.loads(gzip.decompress((HERE / "facts.json.gz").read_bytes()))[name]


def names() -> list[str]:
    """Return the "robot-task" of which the original was recorded."""
    return sorted({key.split("/")[0] for key in _load("original")})


def original(name: str) -> dict[str, np.ndarray]:
    """Return the recorded steps of the original by "mode_quantity", (2 seeds, 1 step, ...)."""
    return _of(_load("original"), name)


def own(name: str) -> dict[str, np.ndarray]:
    """Return our own recorded episode: reward (T, B), ended (T, B), qpos (2, B, nq)."""
    return _of(_load("own"), name)


def own_version() -> str:
    """Return the version of MuJoCo that our own episodes were recorded with."""
    return str(_load("own")["mujoco"])


@functools.cache
def _load(name: str) -> Mapping[str, np.ndarray]:
    whole = io.BytesIO(gzip.decompress((HERE / f"{name}.npz.gz").read_bytes()))
    with np.load(whole, allow_pickle=False) as file:
        return dict(file)


def _of(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    return {key.split("/")[1]: array for key, array in arrays.items()
            if key.startswith(f"{name}/")}


def _save(name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays; compressed as a whole, since hundreds of small ones are mostly headers."""
    whole = io.BytesIO()
    np.savez(whole, **arrays)
    (HERE / f"{name}.npz.gz").write_bytes(gzip.compress(whole.getvalue(), mtime=0))


def play(name: str) -> dict[str, np.ndarray]:
    """Play the episode that `own` has: small sinusoids around the home pose."""
    from mwx.sim import make
    env = make(name, ROWS, SEED, threads=1, auto_reset=False)
    home = env.robot.to_action(env.robot.commands(env.robot.home_joints))
    phase = np.arange(env.act_dim) + np.arange(ROWS)[:, None]
    steps, qpos = [], []
    for t in range(STEPS):
        steps.append(env.step(np.clip(home + 0.1 * np.sin(phase + 0.3 * t), -1, 1)))
        qpos.append(env.physics.qpos.copy())
    return {"reward": np.stack([s.reward for s in steps]),
            "ended": np.stack([s.terminated for s in steps]), "qpos": np.stack(qpos)[list(SHOWN)]}


def record_own() -> None:
    """Write own.npz.gz."""
    from mwx.sim.tasks import ids
    arrays = {f"{name}/{key}": value for name in ids() for key, value in play(name).items()}
    _save("own", {"mujoco": np.array(mujoco.__version__), **arrays})


def record_original(folder: Path) -> None:
    """Write original.npz.gz from a folder of whole recordings, one ROBOT-TASK-v0.npz an id."""
    arrays = {}
    for path in sorted(folder.glob("*-v0.npz")):
        name = path.name.removesuffix("-v0.npz")
        with np.load(path, allow_pickle=False) as file:
            arrays[f"{name}/joint_names"] = file["joint_names"]
            for mode in MODES:
                terms = [key.removeprefix(f"{mode}_") for key in file.files
                         if key.startswith(f"{mode}_info_")]
                more = ALSO_OF_HANDS if name == "h1hand-walk" else ()
                for key in (*AT_THE_STEP, *terms, *more):
                    arrays[f"{name}/{mode}_{key}"] = file[f"{mode}_{key}"][:, STEP:STEP + 1]
                for key in AT_THE_START:
                    arrays[f"{name}/{mode}_{key}"] = file[f"{mode}_{key}"]
            for key in ("action", "qpos", "reward"):
                arrays[f"{name}/smooth_replay_{key}"] = file[f"smooth_{key}"][:, :REPLAYED]
    _save("original", arrays)


def record_facts(folder: Path) -> None:
    """Write facts.json.gz from a folder of h1.json, h1hand.json and scenes/TASK.json."""
    out = {}
    for name in ("h1", "h1hand"):
        whole = json.loads((folder / f"{name}.json").read_text())
        out[name] = {key: whole[key] for key in ROBOT}
        for key in ("bodies", "joints", "actuators", "collision_primitives"):
            out[name][key] = [_only(record, PART) for record in whole[key]]
        hands = [m for m in whole["collision_meshes"] if m["body"].startswith(("lh_", "rh_"))]
        for mesh in hands:
            chosen = mesh.pop("candidates")[mesh.pop("recommended")]["primitives"][0]
            out[name]["collision_primitives"].append(_only({**mesh, **chosen}, PART))
    for name in SCENES:
        whole = json.loads((folder / "scenes" / f"{name}.json").read_text())
        out[name] = _only(whole, SCENE)
        out[name]["bodies"] = [
            {**_only(body, BODY), "geoms": [_only(geom, GEOM) for geom in body["geoms"]
                                            if geom["collides"]]} for body in whole["bodies"]]
    text = json.dumps(out, separators=(",", ":"))
    (HERE / "facts.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def _only(record: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: record[key] for key in keys if key in record}


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    record_own()
    if len(sys.argv) == 3:
        record_original(Path(sys.argv[1]))
        record_facts(Path(sys.argv[2]))
