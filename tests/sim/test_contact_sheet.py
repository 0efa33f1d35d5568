"""The table and the picture of all tasks."""

from pathlib import Path

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation.tables import NOTES_I
from mwx.sim import contact_sheet, make, tasks
from mwx.sim.contact_sheet import FOVY, Look, view_of, write_contact_sheet
from mwx.sim.render import Renderer, gl_backend
from mwx.sim.task_table import CEILINGS, HEADER, ceiling, ends_when, row_of, select
from mwx.sim.tasks.door import Door
from mwx.sim.tasks.reach import Reach
from mwx.skills import DESCRIPTIONS

ROOT = Path(__file__).resolve().parents[2]


def test_every_task_has_a_ceiling_and_an_end_in_words():
    assert set(CEILINGS) == set(tasks.TASKS)
    for task in tasks.TASKS.values():
        said = ends_when(task)
        assert said and said == said.strip() and not said.startswith(("Return", "(B"))
    assert ends_when(Door()) == "pelvis below 0.58 m" and ends_when(Reach()) == "never"
    assert ceiling("push") == "0 +1000 once" and ceiling("nothing") == "?"


def test_a_hand_on_its_goal_pays_reachs_ceiling_and_the_tables_say_so():
    env = make("h1-reach", threads=1)
    env.physics.goal[:] = env.physics.left_hand
    most = CEILINGS["reach"][0]
    assert env.task.reward(env.physics)[0] == pytest.approx(most, abs=0.01)
    assert f"for every skill but Reach ({most})" in " ".join(NOTES_I)
    others = {"sit_simple", *DESCRIPTIONS} - {"reach", "sit", "step"}
    assert {CEILINGS[task][0] for task in others} == {1}
    assert f"Reach pays at most {most} a" in (ROOT / "docs" / "evaluation.md").read_text()


@pytest.mark.parametrize("name", [x for x in tasks.ids() if x.startswith("h1hand-")
                                  or x == "h1-highbar_simple"])
def test_no_step_of_a_random_policy_pays_more_than_the_ceiling(name):
    env = make(name, num_envs=8, seed=1, threads=1)
    most, extra = CEILINGS[env.task.name]
    rng = np.random.Generator(np.random.PCG64(2))
    for _ in range(8):
        reward = env.step(rng.uniform(-1, 1, (8, env.act_dim))).reward
        plain = reward < most + 1e-9
        assert plain.all() or (extra and (reward[~plain] >= 99).all())


def test_a_row_is_measured():
    row = row_of("h1hand-door")
    assert (row.observations, row.actions, row.steps) == (155, 61, 1000)
    assert row.success_bar == 600 and "h1hand-door" in str(row)
    assert HEADER.index("ends when") == str(row).index("pelvis below")


def test_select_knows_the_robots():
    assert set(select()) == set(tasks.ids())
    assert select("h1strong") == ("h1strong-highbar_hard",)
    with pytest.raises(MwxError, match="did you mean 'h1hand'"):
        select("h1hnd")


@pytest.mark.parametrize("aspect", [0.6, 1.6])
@pytest.mark.parametrize("azimuth", [236.0, -40.0])
def test_a_view_holds_the_robot_and_its_objects_and_no_more(aspect, azimuth):
    env = make("push", threads=1)
    look = Look(azimuth=azimuth, elevation=-25.0)
    view = view_of(env, aspect, look)
    azimuth, elevation = np.radians(view.azimuth), np.radians(view.elevation)
    forward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth),
                        np.sin(elevation)])
    right = np.array([np.sin(azimuth), -np.cos(azimuth), 0])
    eye = np.array(view.lookat) - view.distance * forward
    points = contact_sheet._corners(env, look) - eye
    depth = points @ forward
    half = np.tan(np.radians(FOVY) / 2)
    across = np.abs(points @ right) / depth / (half * aspect)
    up = np.abs(points @ np.cross(right, forward)) / depth / half
    assert (depth > 0).all() and max(across.max(), up.max()) < 1
    assert max(across.max(), up.max()) > 0.85  # as near as that


@pytest.mark.render
def test_a_sheet_is_written_and_read_back(tmp_path):
    if gl_backend() is None:
        pytest.skip("no GL back end works here")
    from PIL import Image
    path = write_contact_sheet(tmp_path / "deep" / "tasks.png", names=("h1-stand", "h1hand-stand"))
    page = np.asarray(Image.open(path).convert("RGB"))
    assert page.shape[1] > 400 and (page[:10] == 255).all() and page.std() > 20
    assert [x.name for x in path.parent.iterdir()] == ["tasks.png"]
    with Renderer(make("stand", threads=1).model, 32, 32) as renderer, \
            pytest.raises(MwxError, match="did you mean 'cam_maze'"):
        renderer.render(make("stand", threads=1).physics, 0, "cam_mase")


def test_mistakes_are_explained(tmp_path):
    with pytest.raises(MwxError, match=r"ends in \.png"):
        write_contact_sheet(tmp_path / "tasks.jpg")
    with pytest.raises(MwxError, match="unknown robot 'g1'"):
        write_contact_sheet(tmp_path / "tasks.png", robot="g1")
