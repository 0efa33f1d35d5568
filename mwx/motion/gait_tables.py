"""Human gait in numbers: Fourier series over the stride, sources named.

Angles in degrees, flexion and abduction positive; phase 0 is the right heel strike, the left side
follows half a stride later. A series is (c0, a1, b1, a2, b2, ...):
y(p) = c0 + sum_k a_k cos(2 pi k p) + b_k sin(2 pi k p).
"""

import numpy as np

from mwx.types import Array

# 1.11 m/s: OpenSim gait2392, subject01 walk1, inverse kinematics, two strides averaged
PELVIS_YAW = (-0.744, 2.812, 2.607, -0.556, -0.097, -0.637, 0.193)
TORSO_YAW = (-2.438, -6.251, -0.368, 0.41, -0.161, 0.691, -0.547)  # relative to the pelvis
KNEE = (25.328, 2.625, -20.902, -20.403, 2.307, -4.137, 5.551, -1.899, -0.038, -1.243, 0.598)
HIP = (3.622, 21.481, 0.55, -4.032, -1.772, -1.327, 1.869, -0.541, -0.254, -0.437, 0.075)

# .87 m/s: arms of a captured walk (DeepMimic long_walk2, 20 strides), right side
SHOULDER_FLEXION = (-7.5, -11.3, -2.55, 1.04, -0.66)
SHOULDER_ABDUCTION = 21.0
ELBOW_FLEXION = (40.0, -8.2, 0.7, 1.9, -1.8)

# Step length over cadence [m / (steps/min)] is constant in walking (Sekiya & Nagasaki 1998)
WALK_RATIO = 0.0065
# H1's leg is .93 of a human's: lengths scale by it, times and speeds by its root (Froude)
LEG_RATIO = 0.93
# speed [m/s] -> part of the stride a foot stands (OpenSim subject01, Winter, textbook)
STANCE_PART = ((1.1, 1.42, 1.8), (0.66, 0.62, 0.60))
# speed [m/s] -> shoulder swing peak to peak [deg] (textbook)
ARM_SWING = ((0.9, 1.2, 1.6), (24.0, 30.0, 40.0))


def series(coefficients: tuple[float, ...], phase: Array) -> Array:
    """Return a Fourier series at phases (...) in strides."""
    harmonics = np.arange(1, (len(coefficients) - 1) // 2 + 1)
    angle = 2 * np.pi * np.asarray(phase)[..., None] * harmonics
    return (coefficients[0] + np.cos(angle) @ np.array(coefficients[1::2])
            + np.sin(angle) @ np.array(coefficients[2::2]))


def symmetric_yaw(coefficients: tuple[float, ...], phase: Array) -> Array:
    """Return the part of a yaw series that turns sign after half a stride (odd harmonics)."""
    return (series(coefficients, phase) - series(coefficients, np.asarray(phase) + 0.5)) / 2


def stride_time(speed: float) -> float:
    """Return H1's stride time [s] at a speed [m/s] by the walk ratio, Froude-scaled."""
    human = speed / np.sqrt(LEG_RATIO)
    steps_per_s = np.sqrt(60 * human / WALK_RATIO) / 60
    return float(2 / steps_per_s * np.sqrt(LEG_RATIO))


def stance_part(speed: float) -> float:
    """Return the part of the stride each foot stands, at H1's speed [m/s]."""
    return float(np.interp(speed / np.sqrt(LEG_RATIO), *STANCE_PART))


def arm_swing(speed: float) -> float:
    """Return the factor on the shoulder series that gives the textbook swing at a speed."""
    human = speed / np.sqrt(LEG_RATIO)
    measured = np.ptp(series(SHOULDER_FLEXION, np.linspace(0, 1, 100)))
    return float(np.interp(human, *ARM_SWING) / measured)

# 3.93 m/s: OpenSim Hamner subject02, running inverse kinematics, 13 strides averaged
RUN_HIP = (11.843, 32.041, -9.701, -9.139, 0.047, -3.567, -0.187, -0.359, 0.347, -0.424, -0.271)
RUN_KNEE = (51.538, -4.161, -30.485, -24.456, 13.773, -5.252, -1.966, -0.883, 0.481, -0.903, -0.261)
RUN_ANKLE = (1.184, 13.813, 7.839, -11.274, -0.591, -0.282, -3.453, 0.076, 0.704, -0.752, -0.103)
RUN_TORSO_YAW = (0.865, -15.74, 1.704, -0.474, -0.123, 0.339, 0.736)  # relative to the pelvis
RUN_SHOULDER_FLEXION = (-18.79, -12.617, 3.067, -6.198, 0.216)
RUN_ELBOW_FLEXION = (88.113, -23.875, 8.871, 10.243, -5.197, -1.332, 0.864)
RUN_TOE_OFF = 0.38  # where the series above have their straightest knee behind the body
RUN_PEAK_KNEE = 105.5  # [deg] in swing, of the series above

# running [m/s] -> stride [s], part of it a foot stands, peak knee flexion in swing [deg]
# (textbook; the 3.93 m/s subject agrees). Below 3 m/s the lines go on.
RUN_SPEEDS = (2.0, 3.0, 4.0, 5.0, 6.0)
RUN_STRIDE_S = (0.75, 0.72, 0.69, 0.66, 0.63)
RUN_STANCE_PART = (0.41, 0.35, 0.29, 0.26, 0.24)
RUN_SWING_KNEE = (85.0, 95.0, 105.0, 118.0, 118.0)


def run_stride(speed: float) -> tuple[float, float, float]:
    """Return H1's stride [s], stance part and peak knee flexion [deg] running at a speed [m/s]."""
    human = speed / np.sqrt(LEG_RATIO)
    stride, stance, knee = (float(np.interp(human, RUN_SPEEDS, row))
                            for row in (RUN_STRIDE_S, RUN_STANCE_PART, RUN_SWING_KNEE))
    return stride * float(np.sqrt(LEG_RATIO)), stance, knee
