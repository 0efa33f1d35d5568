"""Numbers -> MjSpec: bodies, joints, servos, sites, sensors and cameras of a robot on a floor."""

import mujoco

from mwx.robot import h1_numbers as h1
from mwx.robot.looks import add_looks

SHAPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
}
COLLISION_GROUP, VISUAL_GROUP = 3, 2
TIMESTEP = 0.002  # [s] physics step (HumanoidBench)


def h1_spec() -> mujoco.MjSpec:
    """Return H1 without hands on HumanoidBench's floor, ready for a task to add its objects."""
    spec = mujoco.MjSpec()
    spec.modelname = "h1"
    spec.compiler.degree = False
    spec.compiler.autolimits = True
    _options(spec)
    spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[20, 20, 1],
                            material="floor")
    spec.worldbody.add_light(name="sun", pos=[0, 0, 6], dir=[0.2, -0.3, -1],
                             type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
    bodies = _bodies(spec)
    for name, body, pos, quat in h1.SITES:
        bodies[body].add_site(name=name, pos=pos, quat=quat, size=[0.01, 0.005, 0.005], group=4)
    _cameras(spec, bodies)
    for body, shape, size, pos, quat in h1.COLLISION:
        size = (*size, 0, 0)[:3]
        bodies[body].add_geom(type=SHAPES[shape], size=size, pos=pos, quat=quat, mass=0,
                              group=COLLISION_GROUP, rgba=[0.3, 0.5, 0.7, 0.4])
    add_looks(spec, bodies)
    _actuators(spec)
    _sensors(spec)
    return spec


def _options(spec: mujoco.MjSpec) -> None:
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    spec.option.iterations, spec.option.ls_iterations = 100, 50
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1280, 960
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
    spec.visual.headlight.diffuse = [0.45, 0.45, 0.45]
    spec.add_texture(name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=256, height=256,
                     builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, rgb1=[0.86, 0.90, 0.95],
                     rgb2=[0.60, 0.68, 0.78])
    spec.add_texture(name="floor", type=mujoco.mjtTexture.mjTEXTURE_2D, width=256, height=256,
                     builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER, rgb1=[0.80, 0.82, 0.84],
                     rgb2=[0.74, 0.76, 0.79])
    textures = [""] * int(mujoco.mjtTextureRole.mjNTEXROLE)
    textures[int(mujoco.mjtTextureRole.mjTEXROLE_RGB)] = "floor"
    spec.add_material(name="floor", textures=textures, texrepeat=[20, 20], reflectance=0.0)


def _bodies(spec: mujoco.MjSpec) -> dict[str, mujoco.MjsBody]:
    joints = {body: (name, axis, limits) for name, body, axis, limits in h1.JOINTS}
    bodies = {"world": spec.worldbody}
    for name, parent, pos, quat, mass, ipos, iquat, inertia in h1.BODIES:
        body = bodies[parent].add_body(name=name, pos=pos, quat=quat)
        bodies[name] = body
        if mass > 0:
            body.explicitinertial = True
            body.mass, body.ipos, body.iquat, body.inertia = mass, ipos, iquat, inertia
        if name == "pelvis":
            body.add_freejoint(name="free_base")
        elif name in joints:
            joint, axis, limits = joints[name]
            body.add_joint(name=joint, type=mujoco.mjtJoint.mjJNT_HINGE, axis=axis, range=limits,
                           damping=[h1.JOINT_DAMPING, 0, 0], armature=h1.JOINT_ARMATURE)
    return bodies


def _cameras(spec: mujoco.MjSpec, bodies: dict[str, mujoco.MjsBody]) -> None:
    for name, body, tracks, pos, quat in h1.CAMERAS:
        mode = mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM if tracks else \
            mujoco.mjtCamLight.mjCAMLIGHT_FIXED
        bodies[body].add_camera(name=name, pos=pos, quat=quat, fovy=h1.CAMERA_FOVY_DEG, mode=mode)


def _actuators(spec: mujoco.MjSpec) -> None:
    limits = {name: range_ for name, _, _, range_ in h1.JOINTS}
    for joint, kp, kv, force in h1.ACTUATORS:
        servo = spec.add_actuator(name=joint, target=joint,
                                  trntype=mujoco.mjtTrn.mjTRN_JOINT,
                                  gaintype=mujoco.mjtGain.mjGAIN_FIXED,
                                  biastype=mujoco.mjtBias.mjBIAS_AFFINE)
        servo.gainprm[0] = kp
        servo.biasprm[1], servo.biasprm[2] = -kp, -kv
        servo.ctrlrange, servo.forcerange = limits[joint], (-force, force)


def _sensors(spec: mujoco.MjSpec) -> None:
    site, body = mujoco.mjtObj.mjOBJ_SITE, mujoco.mjtObj.mjOBJ_BODY
    rows = (
        ("left_foot_sensor", mujoco.mjtSensor.mjSENS_TOUCH, site, "left_foot"),
        ("right_foot_sensor", mujoco.mjtSensor.mjSENS_TOUCH, site, "right_foot"),
        ("pelvis_subtreelinvel", mujoco.mjtSensor.mjSENS_SUBTREELINVEL, body, "pelvis"),
        ("left_hand_subtreelinvel", mujoco.mjtSensor.mjSENS_SUBTREELINVEL, body, "left_hand"),
        ("right_hand_subtreelinvel", mujoco.mjtSensor.mjSENS_SUBTREELINVEL, body, "right_hand"),
        ("body_velocimeter", mujoco.mjtSensor.mjSENS_VELOCIMETER, site, "com"),
    )
    for name, kind, objtype, objname in rows:
        spec.add_sensor(name=name, type=kind, objtype=objtype, objname=objname)
