"""Configuration of the privileged imitator: regulator, learning, judging."""

from dataclasses import dataclass, field
from typing import Annotated

from mwx.config import Share, Threads, Within
from mwx.experts.config import TeacherConfig
from mwx.experts.imitator.regulator import RegulatorConfig


@dataclass(frozen=True)
class ImitatorConfig:
    """How the imitator acts and learns.

    Attributes:
        residual: [rad] reach of an action of 1 around the reference's feed-forward command.
        max_steps: control steps of a training episode.
        position, joints, speed: scales of the reward's terms [1/m^2], [1/rad^2], [s^2/rad^2].
        effort: cost of the mean squared action.
        pose_noise, joint_speed_noise: [rad], [rad/s] of the joints at a start.
        tilt_noise, push_speed: [rad], [m/s] of the base at a start, and of pushes.
        push_interval_s: [s] mean time between pushes.
        first_share: part of the episodes that start on a clip's first frame, as the judge does.
        easy_share: least chance, relative to the clip most often lost, of a clip to be drawn.
        assist: first strength of the wrench that pulls the pelvis to the reference; training only.
        assist_decay: the strength on a clip is multiplied by this after each episode that reached
            its end while the clip's failure rate is below assist_failure.
        memory: part of its failure rate that a clip keeps from one episode to the next.
    """

    residual: Annotated[float, Within(0, 10)] = 0.4
    max_steps: Annotated[int, Within(1, 10 ** 6)] = 150
    position: float = 20.0
    joints: float = 1.0
    speed: float = 0.01
    effort: float = 0.05
    pose_noise: float = 0.03
    joint_speed_noise: float = 0.2
    tilt_noise: float = 0.03
    push_speed: float = 0.1
    push_interval_s: float = 4.0
    first_share: Share = 0.25
    easy_share: Share = 0.2
    memory: Share = 0.95
    assist: float = 0.3
    assist_decay: float = 0.98
    assist_failure: float = 0.4
    seed: int = 0
    threads: Threads = 1
    checkpoint_s: float = 300.0
    regulator: RegulatorConfig = field(default_factory=RegulatorConfig)
    ppo: TeacherConfig = field(default_factory=lambda: TeacherConfig(
        "ppo", steps=4_000_000, std=0.4, discount=0.98, kl=0.02, rate_high=5e-4))


@dataclass(frozen=True)
class JudgeConfig:
    """How a reference is judged.

    Attributes:
        starts: robots that try it, from frames spread over its first half; the first starts on the
            first frame exactly, the others with noise.
        seconds: [s] that a loop is followed at least.
        pose_noise, push_speed: [rad], [m/s] of the noisy starts.
        seed: of the noise.
    """

    starts: int = 8
    seconds: float = 4.0
    pose_noise: float = 0.02
    push_speed: float = 0.05
    seed: int = 0
