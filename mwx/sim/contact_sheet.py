"""One picture of how every task starts: a cell a task, in it a picture for each robot."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.files import write_whole
from mwx.sim.env import TaskEnv, make
from mwx.sim.render import Renderer, View
from mwx.sim.task_table import select
from mwx.types import Array

WIDTH, COLUMNS = 1600, 4  # [pixel] of the page; cells in a row
GAP, MARGIN, LABEL = 14, 18, 30  # [pixel] between cells, around them, above each for its name
PICTURE_HEIGHT = 232  # [pixel]
PAPER, INK, SOFT = (255, 255, 255), (32, 38, 48), (120, 128, 140)
COLOURS = 256  # of the palette that the PNG is written with
SEED = 0
SEEN_WITHIN = 3.2  # [m] of the robot: objects that a picture must hold
WALL_FROM = 2.4  # [m] half extent from which a thing is scenery, not an object to be held
HIDDEN_FROM_GROUP = 3  # groups that MuJoCo does not draw
FOVY = 45.0  # [degree]
ROOM = 1.06  # distance beyond the one at which everything just fits


@dataclass(frozen=True)
class Look:
    """How to look at a task's start.

    Attributes:
        azimuth, elevation: [degree] see View.
        within: [m] of the robot: what must be in the picture.
        ahead: [m] of the course along x that must be in it too.
        closer: factor on the distance that shows all of that.
    """

    azimuth: float = 236.0  # from the robot's front left, as the benchmark's own camera
    elevation: float = -12.0
    within: float = SEEN_WITHIN
    ahead: float = 0.0
    closer: float = 1.0


COURSE = Look(azimuth=-28.0, elevation=-20.0, within=1.2, ahead=5.0)  # over the robot's shoulder
PROFILE = Look(azimuth=-48.0, elevation=-14.0, within=1.2, ahead=3.2)  # of slopes
TABLE = Look(azimuth=-62.0, elevation=-24.0)
UPRIGHT = Look(azimuth=-58.0, elevation=-12.0)  # furniture that faces the robot
LOOKS: dict[str, Look] = {
    "hurdle": COURSE, "pole": COURSE, "stair": PROFILE, "slide": PROFILE,
    "push": TABLE, "spoon": TABLE, "insert_normal": TABLE, "insert_small": TABLE,
    "cabinet": UPRIGHT, "bookshelf_simple": UPRIGHT, "bookshelf_hard": UPRIGHT, "window": UPRIGHT,
    "room": Look(azimuth=225.0, elevation=-32.0, within=4.6),
    "crawl": Look(azimuth=-40.0, elevation=-14.0, within=1.2, ahead=3.0),
    "maze": Look(azimuth=-45.0, elevation=-42.0, within=1.2, ahead=5.0),
    "door": Look(azimuth=-42.0, elevation=-24.0, within=2.2),
    "truck": Look(azimuth=-52.0, elevation=-14.0, within=3.6),
    "basketball": Look(azimuth=-28.0, elevation=-14.0, within=6.0),
    "highbar_simple": Look(within=1.6), "highbar_hard": Look(within=1.6),
}


def write_contact_sheet(path: str | Path, robot: str | None = None,
                        names: Sequence[str] | None = None) -> Path:
    """Draw the starts of all tasks into one PNG and return its path.

    Args:
        path: ends in .png.
        robot: only this robot's tasks.
        names: only these, e.g. ("h1-door", "h1hand-door"); overrides `robot`.

    Raises:
        MwxError: another ending, an unknown task or robot, no GL back end, or a disk that fails.
    """
    path = Path(path)
    if path.suffix != ".png":
        raise MwxError(f"{path}: a contact sheet is a PNG; give a name that ends in .png")
    sheet = contact_sheet(names or select(robot))
    return write_whole(path, lambda part: sheet.quantize(COLOURS).save(part, optimize=True))


def contact_sheet(names: Sequence[str]) -> Any:
    """Return the page as a PIL image: tasks in the order given, robots of a task side by side."""
    from PIL import Image, ImageDraw

    by_task: dict[str, list[str]] = {}
    for name in names:
        by_task.setdefault(name.rpartition("-")[2], []).append(name)
    columns = min(COLUMNS, len(by_task))
    cell = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) // COLUMNS
    rows = math.ceil(len(by_task) / columns)
    high = LABEL + PICTURE_HEIGHT + GAP
    page = Image.new("RGB", (2 * MARGIN + columns * (cell + GAP) - GAP,
                             2 * MARGIN + rows * high - GAP), PAPER)
    pen = ImageDraw.Draw(page)
    for i, (task, ids) in enumerate(by_task.items()):
        left, top = MARGIN + i % columns * (cell + GAP), MARGIN + i // columns * high
        pen.text((left, top + 5), task, INK, font=_font(17, bold=True))
        robots = " · ".join(x.rpartition("-")[0] for x in ids)
        pen.text((left + cell, top + 8), robots, SOFT, font=_font(13), anchor="ra")
        for j, picture in enumerate(_pictures(ids, cell)):
            page.paste(Image.fromarray(picture), (left + _start(j, len(ids), cell), top + LABEL))
    return page


def _start(j: int, count: int, cell: int) -> int:
    return round(j * (cell + 2) / count)


def _pictures(ids: Sequence[str], cell: int) -> Iterable[Array]:
    for j, name in enumerate(ids):
        width = _start(j + 1, len(ids), cell) - _start(j, len(ids), cell) - 2
        yield picture(name, width, PICTURE_HEIGHT)


def picture(name: str, width: int, height: int) -> Array:
    """Return the start of a task (height, width, 3) uint8, with the objects around the robot."""
    env = make(name, num_envs=1, seed=SEED, threads=1)
    with Renderer(env.model, 2 * height, 2 * width, shadows=True) as renderer:
        large = renderer.render(env.physics, 0, view_of(env, width / height))
    # half the size: every pixel is the mean of four, which smooths the edges
    return large.reshape(height, 2, width, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)


def view_of(env: TaskEnv, aspect: float, look: Look | None = None) -> View:
    """Return the nearest view along a direction that holds the robot and the objects about it.

    Args:
        env: the first environment is looked at.
        aspect: width over height of the picture.
        look: direction and range; those that suit the task unless told.
    """
    look = look or LOOKS.get(env.task.name, Look())
    corners = _corners(env, look)
    azimuth, elevation = math.radians(look.azimuth), math.radians(look.elevation)
    forward = np.array([math.cos(elevation) * math.cos(azimuth),
                        math.cos(elevation) * math.sin(azimuth), math.sin(elevation)])
    right = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0])
    up = np.cross(right, forward)
    seen = corners @ np.stack([right, up, forward], 1)  # (P, 3)
    middle = (seen.min(0) + seen.max(0)) / 2
    offset = np.abs(seen - middle)
    half = math.tan(math.radians(FOVY) / 2)
    # a point offset by x and deeper by d is inside where x <= half aspect (distance + d)
    depth = seen[:, 2] - middle[2]
    needed = np.maximum(offset[:, 0] / (half * aspect), offset[:, 1] / half) - depth
    distance = float(needed.max()) * ROOM * look.closer
    lookat = middle[0] * right + middle[1] * up + middle[2] * forward
    return View((float(lookat[0]), float(lookat[1]), float(lookat[2])), distance, look.azimuth,
                look.elevation)


def _corners(env: TaskEnv, look: Look) -> Array:
    """Return the corners (P, 3) [m, world] of the boxes around all that must be in the picture."""
    model, data = env.model, mujoco.MjData(env.model)
    env.physics.show(0, model, data)
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T
    robot = env.physics.robot_qpos[0, :3]
    found = [np.array([[robot[0] + look.ahead, robot[1] + side, 0] for side in (-1, 1)])]
    found = found if look.ahead else []
    for geom in range(model.ngeom):
        centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        plane = model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE
        if plane or model.geom_group[geom] >= HIDDEN_FROM_GROUP or half.max() > WALL_FROM:
            continue
        turn = data.geom_xmat[geom].reshape(3, 3)
        corners = (centre + signs * half) @ turn.T + data.geom_xpos[geom]
        if np.linalg.norm(corners[:, :2] - robot[:2], axis=1).max() < look.within:
            found.append(corners)
    return np.concatenate(found)


def _font(size: int, bold: bool = False) -> Any:
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), size)
