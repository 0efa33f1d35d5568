"""Description -> MjSpec: bodies, joints, servos, sites, sensors and cameras on a floor."""

import mujoco

from mwx.robot import h1_numbers as h1
from mwx.robot.description import (
    Body,
    Camera,
    Contact,
    Description,
    Geom,
    Joint,
    Servo,
    Site,
)
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


def _h1_servos() -> tuple[Servo, ...]:
    limits = {name: limits for name, _, _, limits in h1.JOINTS}
    return tuple(Servo(name, kp, kv, force, limits[name]) for name, kp, kv, force in h1.ACTUATORS)


H1_DESCRIPTION = Description(
    name="h1",
    bodies=tuple(Body(*row) for row in h1.BODIES),
    joints=tuple(Joint(*row, h1.JOINT_DAMPING, h1.JOINT_ARMATURE) for row in h1.JOINTS),
    servos=_h1_servos(),
    sites=tuple(Site(*row) for row in h1.SITES),
    cameras=tuple(Camera(*row, h1.CAMERA_FOVY_DEG) for row in h1.CAMERAS),
    collision=tuple(Geom(*row) for row in h1.COLLISION),
    looks=(add_looks,))


def h1_spec() -> mujoco.MjSpec:
    """Return H1 without hands on HumanoidBench's floor, ready for a task to add its objects."""
    return build(H1_DESCRIPTION)


def build(robot: Description) -> mujoco.MjSpec:
    """Return a robot on HumanoidBench's floor, ready for a task to add its objects."""
    spec = mujoco.MjSpec()
    spec.modelname = robot.name
    spec.compiler.degree = False
    spec.compiler.autolimits = True
    _options(spec)
    spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[20, 20, 1],
                            material="floor")
    spec.worldbody.add_light(name="sun", pos=[0, 0, 6], dir=[0.2, -0.3, -1],
                             type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
    bodies = _bodies(spec, robot)
    for site in robot.sites:
        bodies[site.body].add_site(name=site.name, pos=site.pos, quat=site.quat, group=4,
                                   size=[site.radius, 0.005, 0.005])
    _cameras(robot, bodies)
    _collision(robot, bodies)
    for add in robot.looks:
        add(spec, bodies)
    _tendons(spec, robot)
    _servos(spec, robot)
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


def _bodies(spec: mujoco.MjSpec, robot: Description) -> dict[str, mujoco.MjsBody]:
    joints = {joint.body: joint for joint in robot.joints}
    bodies = {"world": spec.worldbody}
    for row in robot.bodies:
        body = bodies[row.parent].add_body(name=row.name, pos=row.pos, quat=row.quat)
        bodies[row.name] = body
        if row.mass > 0:
            body.explicitinertial = True
            body.mass, body.inertia = row.mass, row.inertia
            body.ipos, body.iquat = row.com, row.axes
        if row.name == "pelvis":
            body.add_freejoint(name="free_base")
        elif row.name in joints:
            _joint(body, joints[row.name])
    return bodies


def _joint(body: mujoco.MjsBody, joint: Joint) -> None:
    body.add_joint(name=joint.name, type=mujoco.mjtJoint.mjJNT_HINGE, axis=joint.axis,
                   range=joint.limits, damping=[joint.damping, 0, 0], armature=joint.armature,
                   frictionloss=joint.friction)


def _cameras(robot: Description, bodies: dict[str, mujoco.MjsBody]) -> None:
    for camera in robot.cameras:
        mode = mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM if camera.follows else \
            mujoco.mjtCamLight.mjCAMLIGHT_FIXED
        bodies[camera.body].add_camera(name=camera.name, pos=camera.pos, quat=camera.quat,
                                       fovy=camera.fovy_deg, mode=mode)


def _collision(robot: Description, bodies: dict[str, mujoco.MjsBody]) -> None:
    for geom in robot.collision:
        # what is at MuJoCo's default is left alone, so that a task's own default still counts
        contact = {} if geom.contact == Contact() else geom.contact._asdict()
        bodies[geom.body].add_geom(type=SHAPES[geom.shape], size=(*geom.size, 0, 0)[:3],
                                   pos=geom.pos, quat=geom.quat, mass=0, group=COLLISION_GROUP,
                                   rgba=[0.3, 0.5, 0.7, 0.4], **contact)


def _tendons(spec: mujoco.MjSpec, robot: Description) -> None:
    for name, joints in robot.tendons:
        tendon = spec.add_tendon(name=name)
        for joint in joints:
            tendon.wrap_joint(joint, 1.0)
    for first, second in robot.excludes:
        spec.add_exclude(bodyname1=first, bodyname2=second)


def _servos(spec: mujoco.MjSpec, robot: Description) -> None:
    tendons = {name for name, _ in robot.tendons}
    for row in robot.servos:
        pulls = mujoco.mjtTrn.mjTRN_TENDON if row.name in tendons else mujoco.mjtTrn.mjTRN_JOINT
        servo = spec.add_actuator(name=row.name, target=row.name, trntype=pulls,
                                  gaintype=mujoco.mjtGain.mjGAIN_FIXED,
                                  biastype=mujoco.mjtBias.mjBIAS_AFFINE)
        servo.gainprm[0] = row.kp
        servo.biasprm[1], servo.biasprm[2] = -row.kp, -row.kv
        servo.ctrlrange = row.ctrl_range
        servo.forcerange = (-row.force_limit, row.force_limit)


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
