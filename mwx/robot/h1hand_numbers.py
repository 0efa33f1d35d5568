"""The Shadow hands of H1, in numbers; everything else of the robot is in `h1_numbers`.

Facts read from the compiled H1 with hands of HumanoidBench (MIT, commit 791405f; hand data: Shadow
Hand of MuJoCo Menagerie, Apache-2.0). Units: m, kg, rad, N, N m. Quaternions (w, x, y, z).
Positions are relative to the parent body. Names lack the prefix of their hand, "lh_" or "rh_".

The left hand is the right one mirrored in x of the palm: positions and axes below are the right
hand's unless both are given. The thumb's frames are, moreover, turned by half a turn about z from
base to middle, which is why its axes are given for both. No inertia is tilted: both hands share it.
"""

# name, mass, centre of mass, inertia axes (quat), principal inertia; "left_hand" and "right_hand"
HAND_POS, HAND_QUAT = (0.169, 0, -0.02912), (0, 0.707106781, 0, 0.707106781)  # on the elbow link
HAND_INERTIAL = (0.001, (0, 0, 0.001), (1, 0, 0, 0), (1e-05, 1e-05, 1e-05))

_FLAT = (0.707106781, 0, 0, 0.707106781)  # principal axes: a quarter turn about z
_UNTURNED = (1, 0, 0, 0)

# name, parent ("" is the hand), pos, quat, mass, centre of mass, inertia axes, principal inertia
WRIST_BODIES = (
    ("wrist", "", (0.01, 0, 0.15301), (0.707106781, 0, 0, 0.707106781), 0.1,
     (0, 0, 0.029), (0.5, 0.5, 0.5, 0.5), (6.4e-05, 4.38e-05, 3.5e-05)),
    ("palm", "wrist", (0, 0, 0.034), _UNTURNED, 0.3,
     (0, 0, 0.035), _FLAT, (0.0005287, 0.0003581, 0.000191)),
)
METACARPAL_BODY = (
    "lfmetacarpal", "palm", (-0.033, 0, 0.02071), _UNTURNED, 0.03,
    (0, 0, 0.04), _FLAT, (1.638e-05, 1.45e-05, 4.272e-06))
# finger, parent, place of its knuckle, sense of its sideways axis
FINGERS = (
    ("ff", "palm", (0.033, 0, 0.095), -1.0),
    ("mf", "palm", (0.011, 0, 0.099), -1.0),
    ("rf", "palm", (-0.011, 0, 0.095), 1.0),
    ("lf", "lfmetacarpal", (0, 0, 0.06579), 1.0),
)
# segment of every finger, height above the one before, mass, height of the centre of mass,
# inertia axes, principal inertia
PHALANGES = (
    ("knuckle", 0, 0.008, 0, (0.5, 0.5, -0.5, 0.5), (3.2e-07, 2.6e-07, 2.6e-07)),
    ("proximal", 0, 0.03, 0.0225, _FLAT, (1e-05, 9.8e-06, 1.8e-06)),
    ("middle", 0.045, 0.017, 0.0125, _FLAT, (2.7e-06, 2.6e-06, 8.7e-07)),
    ("distal", 0.025, 0.013, 0.0130769, _FLAT, (1.28092e-06, 1.12092e-06, 5.3e-07)),
)
THUMB_BODIES = (
    ("thbase", "palm", (0.034, -0.00858, 0.029), (0.92388, 0, 0.382683, 0), 0.01,
     (0, 0, 0), _UNTURNED, (1.6e-07, 1.6e-07, 1.6e-07)),
    ("thproximal", "thbase", (0, 0, 0), _UNTURNED, 0.04,
     (0, 0, 0.019), _UNTURNED, (1.36e-05, 1.36e-05, 3.13e-06)),
    ("thhub", "thproximal", (0, 0, 0.038), _UNTURNED, 0.005,
     (0, 0, 0), _UNTURNED, (1e-06, 1e-06, 3e-07)),
    ("thmiddle", "thhub", (0, 0, 0), _UNTURNED, 0.02,
     (0, 0, 0.016), _UNTURNED, (5.1e-06, 5.1e-06, 1.21e-06)),
    ("thdistal", "thmiddle", (0, 0, 0.032), (0.707106781, 0, 0, -0.707106781), 0.017,
     (0, 0, 0.0145588), _FLAT, (2.37794e-06, 2.27794e-06, 1e-06)),
)
LEFT_THBASE_QUAT = (0, -0.382683, 0, 0.92388)

# side of the robot, axis; the joint between the elbow link and the hand, driven as an arm joint is
WRIST_YAW_AXIS = {"left": (0, 0, 1), "right": (0, 0, -1)}
WRIST_YAW_LIMITS = (-0.15, 1.57)
WRIST_YAW_SERVO = (100.0, 2.0, 18.0)  # kp, kv, force limit

# name, body, axis right, axis left, limits
SINGLE_JOINTS = (
    ("WRJ2", "wrist", (0, 1, 0), (0, -1, 0), (-0.523599, 0.174533)),
    ("WRJ1", "palm", (1, 0, 0), (1, 0, 0), (-0.698132, 0.488692)),
    ("LFJ5", "lfmetacarpal", (0.573576, 0, 0.819152), (0.573576, 0, -0.819152), (0, 0.785398)),
    ("THJ5", "thbase", (0, 0, -1), (0, 0, 1), (-1.0472, 1.0472)),
    ("THJ4", "thproximal", (1, 0, 0), (-1, 0, 0), (0, 1.22173)),
    ("THJ3", "thhub", (1, 0, 0), (-1, 0, 0), (-0.20944, 0.20944)),
    ("THJ2", "thmiddle", (0, -1, 0), (0, -1, 0), (-0.698132, 0.698132)),
    ("THJ1", "thdistal", (1, 0, 0), (1, 0, 0), (-0.261799, 1.5708)),
)
# suffix, segment, axis (y is times the finger's sense), limits
FINGER_JOINTS = (
    ("J4", "knuckle", (0, 1, 0), (-0.349066, 0.349066)),
    ("J3", "proximal", (1, 0, 0), (-0.261799, 1.5708)),
    ("J2", "middle", (1, 0, 0), (0, 1.5708)),
    ("J1", "distal", (1, 0, 0), (0, 1.5708)),
)
WRIST_DAMPING, FINGER_DAMPING = 0.5, 0.05  # [N m s / rad]
HAND_ARMATURE = 0.0002  # [kg m^2]
HAND_FRICTION = 0.01  # [N m]

# joint or tendon, kp, force limit, in the order of the actions; kv is 0. A finger's J0 is the
# tendon that bends its J2 and J1 together
SERVOS = (
    ("WRJ2", 10.0, 10.0), ("WRJ1", 8.0, 5.0),
    ("THJ5", 0.4, 3.0), ("THJ4", 1.0, 2.0), ("THJ3", 0.5, 1.0), ("THJ2", 1.5, 1.0),
    ("THJ1", 1.0, 1.0),
    ("FFJ4", 1.0, 1.0), ("FFJ3", 1.0, 1.0), ("FFJ0", 0.5, 1.0),
    ("MFJ4", 1.0, 1.0), ("MFJ3", 1.0, 1.0), ("MFJ0", 0.5, 1.0),
    ("RFJ4", 1.0, 1.0), ("RFJ3", 1.0, 1.0), ("RFJ0", 0.5, 1.0),
    ("LFJ5", 1.0, 1.0), ("LFJ4", 1.0, 1.0), ("LFJ3", 1.0, 1.0), ("LFJ0", 0.5, 1.0),
)
TENDON_RANGE = (0.0, 3.1415)  # [rad] command range of J2 + J1
STRONG_KP, STRONG_FORCE = 50.0, 50.0  # h1strong, every servo of the hands but WRJ2

EXCLUDES = (("thproximal", "thmiddle"),)  # within a hand; and the elbow link with the wrist

# contact of the hands: solref, solimp; the body has MuJoCo's default
HAND_CONTACT = ((0.005, 1.0), (0.5, 0.99, 0.0001, 0.5, 2.0))

_ACROSS = (0.707106781, 0, 0.707106781, 0)  # a cylinder along x
# body, shape, size, pos, quat. Two boxes of the palms are no mirror images (the 4th, the 5th)
PALM_COLLISION = {
    "lh_": (
        ("wrist", "cylinder", (0.011, 0.005), (0.026, 0, 0.034), _ACROSS),
        ("wrist", "cylinder", (0.011, 0.005), (-0.031, 0, 0.034), _ACROSS),
        ("wrist", "box", (0.0135, 0.009, 0.005), (0.021, 0, 0.011),
         (-0.923879254, 0, 0.382684105, 0)),
        ("wrist", "box", (0.0135, 0.009, 0.005), (-0.026, 0, 0.01),
         (-0.923879254, 0, -0.382684105, 0)),
        ("palm", "box", (0.031, 0.0035, 0.049), (-0.011, 0.0085, 0.038), _UNTURNED),
        ("palm", "box", (0.018, 0.0085, 0.049), (0.002, -0.0035, 0.038), _UNTURNED),
        ("palm", "box", (0.013, 0.0085, 0.005), (-0.029, -0.0035, 0.082), _UNTURNED),
        ("palm", "box", (0.013, 0.007, 0.009), (-0.0265, -0.001, 0.07),
         (0.9872408, 0.09905448, 0.012446697, -0.124051975)),
        ("palm", "box", (0.0105, 0.0135, 0.0112), (-0.0315, -0.0085, 0.001), _UNTURNED),
        ("palm", "box", (0.011, 0.0025, 0.015), (-0.0125, -0.015, 0.004),
         (-0.97133789, 0, 0, -0.237702973)),
        ("palm", "box", (0.009, 0.012, 0.002), (-0.011, 0, 0.089), _UNTURNED),
        ("palm", "box", (0.01, 0.012, 0.02), (0.03, 0, 0.009), _UNTURNED),
        ("lfmetacarpal", "box", (0.011, 0.012, 0.025), (-0.002, 0, 0.033), _UNTURNED),
    ),
    "rh_": (
        ("wrist", "cylinder", (0.011, 0.005), (-0.026, 0, 0.034), _ACROSS),
        ("wrist", "cylinder", (0.011, 0.005), (0.031, 0, 0.034), _ACROSS),
        ("wrist", "box", (0.0135, 0.009, 0.005), (-0.021, 0, 0.011),
         (0.923879254, 0, 0.382684105, 0)),
        ("wrist", "box", (0.0135, 0.009, 0.005), (0.026, 0, 0.01),
         (0.923879254, 0, -0.382684105, 0)),
        ("palm", "box", (0.031, 0.0035, 0.049), (0.011, 0.0085, 0.038), _UNTURNED),
        ("palm", "box", (0.018, 0.0085, 0.049), (-0.002, -0.0035, 0.038), _UNTURNED),
        ("palm", "box", (0.013, 0.0085, 0.005), (0.029, -0.0035, 0.082), _UNTURNED),
        ("palm", "box", (0.013, 0.007, 0.009), (0.0265, -0.001, 0.07),
         (0.9872408, 0.09905448, 0.012446697, 0.124051975)),
        ("palm", "box", (0.0105, 0.0135, 0.012), (0.0315, -0.0085, 0.001), _UNTURNED),
        ("palm", "box", (0.011, 0.0025, 0.015), (0.0125, -0.015, 0.004),
         (0.97133789, 0, 0, -0.237702973)),
        ("palm", "box", (0.009, 0.012, 0.002), (0.011, 0, 0.089), _UNTURNED),
        ("palm", "box", (0.01, 0.012, 0.02), (-0.03, 0, 0.009), _UNTURNED),
        ("lfmetacarpal", "box", (0.011, 0.012, 0.025), (0.002, 0, 0.033), _UNTURNED),
    ),
}
# segment of every finger of both hands; the tip is fitted to a mesh that both hands share
FINGER_COLLISION = (
    ("knuckle", "cylinder", (0.009, 0.009), (0, 0, 0), _ACROSS),
    ("proximal", "capsule", (0.009, 0.02), (0, 0, 0.025), _UNTURNED),
    ("middle", "capsule", (0.009, 0.0125), (0, 0, 0.0125), _UNTURNED),
    ("distal", "capsule", (0.00798, 0.00611), (-1e-05, 0.00043, 0.01779),
     (0.998285, -0.029924, -0.000447, -0.050318)),
)
THUMB_COLLISION = (
    ("thbase", "sphere", (0.013,), (0, 0, 0), _UNTURNED),
    ("thproximal", "capsule", (0.0105, 0.009), (0, 0, 0.02), _UNTURNED),
    ("thhub", "sphere", (0.011,), (0, 0, 0), _UNTURNED),
    ("thmiddle", "capsule", (0.009, 0.009), (0, 0, 0.012), _UNTURNED),
    ("thmiddle", "sphere", (0.01,), (0, 0, 0.03), _UNTURNED),
    ("thdistal", "capsule", (0.00981, 0.00557), (-1e-05, 0.00113, 0.01907),
     (0.999201, -0.001386, -0.004522, -0.039675)),
)

FOOT_SITE_RADIUS = 0.001  # [m] the touch sensors of the feet
TOTAL_MASS = 53.239896  # [kg]
# [rad/s] A Shadow hand closes in about 0.2 s (its maker's specification): a quarter turn in that
# time. The wrist yaw is taken to be as fast as the elbow, whose servo is the same.
FINGER_SPEED, WRIST_YAW_SPEED = 7.85, 20.0
