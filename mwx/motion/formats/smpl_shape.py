"""H2O's shape step in closed form: the SMPL shape whose rest pose matches the robot's joints.

With the pose fixed, joints are linear in the shape beta, so for a given scale s the best beta of
min |s (p(beta) - p_0(beta)) - h|^2 + ridge |beta|^2 is a linear least-squares solution; s is found
on a line (He et al., "Learning human-to-humanoid real-time whole-body teleoperation", 2024, do it
by gradient descent). The robot's joints h are those of its zero pose, relative to the pelvis.
"""

from dataclasses import dataclass

import numpy as np

from mwx.maths import rotations
from mwx.motion.formats.smpl_body import NAMES, PARENTS, Body
from mwx.types import Array

# robot's body and point in it [m] -> SMPL joint; H1's hands and head are points of H2O
SIDED = (("hip_yaw_link", (0.0, 0.0, 0.0), "Hip"), ("knee_link", (0.0, 0.0, 0.0), "Knee"),
         ("ankle_link", (0.0, 0.0, 0.0), "Ankle"),
         ("shoulder_roll_link", (0.0, 0.0, 0.0), "Shoulder"),
         ("elbow_link", (0.0, 0.0, 0.0), "Elbow"), ("elbow_link", (0.3, 0.0, 0.0), "Wrist"))
PAIRS = (("pelvis", (0.0, 0.0, 0.0), "Pelvis"), ("pelvis", (0.0, 0.0, 0.75), "Head"),
         *((f"{side}_{link}", point, f"{letter}_{joint}")
           for side, letter in (("left", "L"), ("right", "R")) for link, point, joint in SIDED))
FORWARD_UP = np.array([0.5, 0.5, 0.5, 0.5])  # SMPL's z forward, y up -> x forward, z up
TURNS = {  # of the robot's zero pose: upper arms hang, forearms point forward
    "L_Shoulder": rotations.about("z", np.array(-np.pi / 2)),
    "R_Shoulder": rotations.about("z", np.array(np.pi / 2)),
    "L_Elbow": rotations.about("y", np.array(-np.pi / 2)),
    "R_Elbow": rotations.about("y", np.array(np.pi / 2))}
SCALES = (0.5, 2.0)


@dataclass(frozen=True)
class ShapeFit:
    """A body shaped like the robot.

    Attributes:
        betas: (B,) shape coefficients; scale: of the body.
        residual_mm: mean distance [mm] of the paired joints; by_joint: of each.
    """

    betas: Array
    scale: float
    residual_mm: float
    by_joint: dict[str, float]


def robot_joints() -> Array:
    """Return H1's points (14, 3) [m] of `PAIRS` in its zero pose, relative to the pelvis."""
    import mujoco

    from mwx.motion import bodies
    model = bodies.model()
    data = mujoco.MjData(model)
    data.qpos[:] = 0
    data.qpos[3] = 1
    mujoco.mj_kinematics(model, data)
    places = [data.body(link).xpos + data.body(link).xmat.reshape(3, 3) @ point
              for link, point, _ in PAIRS]
    return np.array(places) - data.body("pelvis").xpos


def posed(joints: Array) -> Array:
    """Return the paired joints (14, 3, ...) in the robot's zero pose, relative to the pelvis.

    Args:
        joints: (22, 3, ...) at rest, or their change with each shape coefficient: it is linear.
    """
    turned, places = [FORWARD_UP], [np.zeros_like(joints[0])]
    for j, parent in list(enumerate(PARENTS))[1:]:
        bone = np.tensordot(rotations.to_matrix(turned[parent]), joints[j] - joints[parent], 1)
        places.append(places[parent] + bone)
        turn = TURNS.get(NAMES[j])
        turned.append(turned[parent] if turn is None else rotations.multiply(turned[parent], turn))
    return np.stack([places[NAMES.index(joint)] for _, _, joint in PAIRS])


def fit_shape(body: Body, targets: Array | None = None, ridge: float = 1e-6,
              shapes: int = 10) -> ShapeFit:
    """Return the shape and scale that match a robot's joints best.

    Args:
        body: the user's body model, reduced.
        targets: (14, 3) [m] of `PAIRS`, relative to the pelvis; None: H1's.
        ridge: [m^2] price of a shape coefficient of one; keeps bodies human.
        shapes: number of coefficients used, at most the body's.
    """
    from scipy.optimize import minimize_scalar
    goal = (robot_joints() if targets is None else targets).reshape(-1)
    mean = posed(body.template).reshape(-1)
    change = posed(body.directions[..., :shapes]).reshape(len(mean), -1)

    def best(scale: float) -> tuple[Array, float]:
        rows = np.vstack([scale * change, np.sqrt(ridge) * np.eye(change.shape[1])])
        wanted = np.concatenate([goal - scale * mean, np.zeros(change.shape[1])])
        betas = np.linalg.lstsq(rows, wanted, rcond=None)[0]
        return betas, float(np.sum((rows @ betas - wanted) ** 2))

    found = minimize_scalar(lambda s: best(s)[1], bounds=SCALES, method="bounded",
                            options={"xatol": 1e-8})
    scale = float(found.x)  # pyright: ignore[reportAttributeAccessIssue]
    betas, _ = best(scale)
    gaps = 1000 * np.linalg.norm((scale * (mean + change @ betas) - goal).reshape(-1, 3), axis=1)
    return ShapeFit(betas, scale, float(gaps.mean()),
                    {joint: float(gap) for (_, _, joint), gap in zip(PAIRS, gaps, strict=True)})
