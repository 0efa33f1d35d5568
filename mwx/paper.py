"""The paper as data: where each equation lives, what each letter means, where we depart and why.

Paper: "MetaWorld-X: Hierarchical World Modeling via VLM-Orchestrated Experts for Humanoid
Loco-Manipulation". `mwx paper` prints these tables; a test holds them against the code.
"""

from dataclasses import dataclass
from typing import Literal

Status = Literal["as printed", "read as", "planned"]


@dataclass(frozen=True)
class Equation:
    """One equation and its homes.

    Attributes:
        numbers: numbers in the paper that share the home.
        what: in words.
        formula: as we implement it, in plain text.
        homes: "package.module:object"; each docstring says "eq. (n)" for every number.
        status: "as printed"; "read as" when DEVIATIONS says how; "planned" until a home exists.
    """

    numbers: tuple[int, ...]
    what: str
    formula: str
    homes: tuple[str, ...]
    status: Status = "as printed"


@dataclass(frozen=True)
class Symbol:
    """One meaning of one letter; `equations` says where it has this meaning."""

    letter: str
    equations: tuple[int, ...]
    meaning: str
    name: str  # in code
    unit: str = "1"


@dataclass(frozen=True)
class Deviation:
    """What the paper says, what we do instead, why, and how the difference is measured."""

    topic: str
    paper: str
    here: str
    why: str
    measured: str


EQUATIONS = (
    Equation((1, 3), "expert objective (SEP)",
             "J = E_pi sum_t gamma^t (R_t + beta H(pi(.|s_t))), one expert per skill",
             ("mwx.experts.train:train_expert",), "read as"),
    Equation((4,), "alignment (energy) reward",
             "R_t = w (exp(-alpha |q - q*|^2) + lambda exp(-beta |qd - qd*|^2))",
             ("mwx.experts.alignment:alignment_reward",)),
    Equation((5,), "distributional TD target",
             "y_t = R_t + gamma Q_A(z_{t+1}, pi(z_{t+1}))",
             ("mwx.agents.losses:value_target",)),
    Equation((6,), "maximum-entropy policy objective",
             "maximise E[Q_A(z, a) + tau H(pi(.|z))]",
             ("mwx.agents.losses:policy_loss",), "read as"),
    Equation((7,), "planning score, MPPI/CEM",
             "J = sum_k gamma^k (R(z_k, a_k) + mu Q_A(z_k, a_k))",
             ("mwx.agents.planner:trajectory_score", "mwx.agents.planner:plan"), "read as"),
    Equation((8,), "retargeting energy",
             "M = |q - q*|_W^2 + gamma |qd - qd*|_W^2, minimised over the whole clip",
             ("mwx.motion.retarget:whole_clip",)),
    Equation((2, 9, 13), "composition of experts (IRM)",
             "a = sum_i w_i pi_i(s)",
             ("mwx.router.composition:compose",)),
    Equation((10, 11, 12), "router losses, guidance decay",
             "L = lambda(t) (KL(pi | w_v) - beta H(pi)) + KL(pi | P_demo), "
             "lambda(t) = lambda_0 eta^t",
             ("mwx.router.losses:irm_loss",), "read as"),
)

SYMBOLS = (
    Symbol("R_t", (3, 4, 5), "alignment reward", "alignment_reward"),
    Symbol("R", (7,), "the world model's reward head", "reward"),
    Symbol("w", (4,), "scale of the alignment reward", "weight"),
    Symbol("w_i", (9, 13), "router's weight of expert i; all together on the simplex", "weights"),
    Symbol("w_v", (10,), "relevance of the experts inferred for the task", "w_v"),
    Symbol("W", (8,), "weights of coordinates and key points in the retargeting energy", "metric"),
    Symbol("alpha", (4,), "sharpness of the pose term", "position", "rad^-2"),
    Symbol("beta", (3,), "entropy temperature of the expert objective; tau in (6)", "entropy"),
    Symbol("beta", (4,), "sharpness of the velocity term", "velocity", "s^2 rad^-2"),
    Symbol("beta", (10,), "entropy coefficient of the router", "beta"),
    Symbol("lambda", (4,), "share of the velocity term", "velocity_share"),
    Symbol("lambda(t)", (12,), "guidance weight, lambda_0 eta^t at update t", "guidance_weight"),
    Symbol("eta", (12,), "decay of the guidance weight, set by its half-life", "half_life",
           "updates"),
    Symbol("gamma", (3, 5, 7), "discount per control step", "discount"),
    Symbol("gamma", (8,), "weight of the velocity part of the retargeting energy", "gamma", "s^2"),
    Symbol("tau", (6,), "entropy weight of the policy", "entropy"),
    Symbol("mu", (7,), "scale of the value inside the planning score", "mu"),
    Symbol("H(pi)", (3, 6, 10), "entropy", "entropy", "nats"),
    Symbol("H", (7,), "planning horizon", "horizon", "control steps"),
    Symbol("Q_A", (5, 6, 7), "value of the reward; a distribution over bins", "q"),
    Symbol("q, qd", (4, 8), "robot joint positions and velocities", "qpos", "rad, rad/s"),
    Symbol("q*, qd*", (4, 8), "reference joint positions and velocities", "reference",
           "rad, rad/s"),
    Symbol("V(T)", (2, 9, 10), "semantic guidance of the task", "guidance"),
    Symbol("P_demo", (11,), "expert usage seen in demonstrations", "p_demo"),
    Symbol("phi", (2, 9, 10, 11, 12), "parameters of the router", "network"),
    Symbol("pi_i", (1, 2, 9, 13), "expert i; its actions", "proposals"),
    Symbol("K", (1, 2, 9, 13), "number of experts", "experts"),
)

DEVIATIONS = (
    Deviation(
        "sign of the entropy", "eq. (6) prints Q - tau H",
        "maximise Q + tau H", "eq. (3) and the name \"maximum-entropy\" both ask for it",
        "by reading; a test checks that the loss falls when entropy rises"),
    Deviation(
        "dynamic joint reweighting", "Fig. 3 names it, without a formula",
        "joint weights are (running squared error / its mean)^0.5, bounded to [0.5, 2], times a "
        "first importance (arms 0.5), scaled to mean 1; exponent 0 switches it off",
        "the figure says it prioritises poorly tracked joints",
        "unit laws; its effect on a trained expert is not measured yet"),
    Deviation(
        "value inside the plan", "eq. (7) adds mu Q at every step of the horizon",
        "one bootstrap at the end of the horizon (value_at=\"terminal\"); the printed form is "
        "value_at=\"every\"",
        "adding Q at every step counts the future H times over; TD-MPC2 bootstraps once",
        "closed-form tests of both scores; which trains better here is not measured yet"),
    Deviation(
        "acting without the plan", "MPPI/CEM plans every action (eq. (7))",
        "the small recipe acts by the policy prior, in training and as shipped; an expert can be "
        "told to plan; the paper's recipe plans", "a plan costs a CPU far more than a control step",
        "Walk 814.9 by the prior, 838.7 planned narrowly around it: docs/log.md"),
    Deviation(
        "what an expert is rewarded for", "the alignment reward of eq. (4) alone, in eq. (3)",
        "task reward + 0.3 alignment + 0.3 root term (height, tilt, heading, speed); weights are "
        "fields of the recipe",
        "Table I scores the task; joint angles alone do not keep the base up",
        "both returns are logged apart on every card"),
    Deviation(
        "what the router can learn", "eq. (11) has one P_demo per task, eq. (12) no return",
        "P_demo is conditioned on the state or on progress by default; the printed form is an "
        "option",
        "with constant w_v and P_demo the optimum of (12) is one constant vector, "
        "w_v^(lambda/Z) P^(1/Z) with Z = lambda (1 + beta) + 1, whatever the state",
        "the printed form is tested against this closed form"),
    Deviation(
        "zeros in a prior", "reverse KL to w_v and P_demo, no floor",
        "priors are floored and normalised again", "reverse KL is infinite where a prior is zero",
        "tests with zero scores"),
    Deviation(
        "switching by training step",
        "Table IV: Stand to 0.17 M steps, Walk to 0.74 M, Reach to 2 M",
        "a curriculum over training steps (router/switcher.py), apart from the weights in an "
        "episode",
        "its axis is training steps, and Fig. 9 calls it a reward switcher", "by reading"),
    Deviation(
        "whose reference the adaptation rewards", "Table IV: one expert, by training step",
        "by default the expert that leads in the router's weights in that state, joint group by "
        "joint group where the router weighs groups; --schedule paper is the table, stretched to "
        "the training's length; the stage is part of the observation",
        "with the reference fixed to Walk, a robot at the hatch is paid for walking on; a reward "
        "that changes by training step cannot be told from the state alone",
        "both schedules are options of `mwx adapt`; which is better is not measured yet"),
    Deviation(
        "how experts enter the adaptation", "the reward alone names a reference expert",
        "the policy acts as a bounded residual around the mixture (or clones it, with a weight "
        "that decays), and the planner tries the mixture's and every expert's action",
        "the experts already stand and walk: what they know need not be learned again",
        "base, residual and proposals are fields of the recipe; not measured yet"),
    Deviation(
        "ablation without a VLM", "Table III: a rule-based router, not trained (NULL)",
        "keyword rules give the guidance of a router that is trained like the full model's",
        "an untrained row cannot show what the VLM is worth",
        "`mwx ablate`; no run yet"),
    Deviation(
        "ablation without imitation", "bypasses imitation, maps network sizes to TD-MPC2 weights",
        "the adaptation's alignment reward is off; with --plain-experts the experts are such as "
        "never had one either",
        "the paper's procedure cannot be told from its words",
        "`mwx ablate` (docs/adapt.md); the table says which of the two it was"),
    Deviation(
        "number of experts", "eight experts, seven named",
        "any number; eight are shipped (Carry is the eighth), and a ninth, Step", "the eighth "
        "is not named; without a gait slow enough to be taken over nothing here stops in the open",
        "cards of the shipped experts"),
    Deviation(
        "letters used twice", "w, alpha, beta, lambda, gamma, tau, H have several meanings",
        "one table (SYMBOLS) and whole words in code", "to be read without guessing",
        "a test holds the table against the equations"),
    Deviation(
        "length of a trial", "success trials of 30 s",
        "returns use HumanoidBench's episode lengths; success trials run 30 s",
        "HumanoidBench's episodes last 20 s, so the two numbers need different lengths",
        "the number of steps is part of every score"),
    Deviation(
        "returns of two kinds", "Table I has returns above 1000 where the task's reward is at most "
        "1 for 1000 steps", "task_return and alignment_return are logged apart, always",
        "the table must add the two; a sum cannot be compared with other work",
        "both columns of every table"),
    Deviation(
        "blending whole actions", "eq. (9) weighs whole actions",
        "scalar weights by default; weights per group of joints, and one expert at a time, are "
        "options",
        "two opposed experts at one half each cancel", "unit law of the composition"),
    Deviation(
        "what an expert sees", "pi_i(s), one state for all",
        "an expert reads the robot's own state, its phase clock, and a target point for a hand",
        "an expert trained alone must run unchanged inside another task; without a target Reach "
        "could not be pointed at a door handle",
        "by construction: an expert is not given the task's observation"),
    Deviation(
        "what an action is", "unspecified",
        "a residual, bounded per joint, around the reference's next pose, whose command carries a "
        "feed-forward term (inverse dynamics and servo damping)",
        "servos sag under gravity by torque / stiffness, so the pose itself is not the command "
        "that holds it; a small residual is also easier to explore",
        "part of each expert's configuration and card"),
    Deviation(
        "help while learning", "none mentioned",
        "an assist wrench on the pelvis, annealed to zero as episodes grow, for the imitation "
        "policy; the shipped experts were trained without it; off in every evaluation",
        "an unaided robot falls before it meets most of the reference",
        "scores on the cards are without assistance"),
    Deviation(
        "a teacher", "a privileged imitation policy filters unstable clips (section III-C)",
        "a teacher drives the first episodes and labels every state: a linear-quadratic regulator "
        "of the reference (periodic for a gait, computed in seconds) or that imitation policy "
        "(PPO); its actions enter by a cloning term in (6) and in the latents' loss that halves "
        "every 2,000 to 2,500 updates",
        "it saves most of a CPU's budget; training without it is a field away, not measured yet",
        "switchable in the recipe (teacher, advice); named on the card; docs/log.md"),
    Deviation(
        "who learns in the adaptation", "the world model, over 2 million steps (Table IV)",
        "on demand (--teacher-steps) PPO first learns around the mixture's actions, and the world "
        "model clones it; the card says who acts",
        "PPO makes about three times the steps a second on a processor (docs/log.md)",
        "0 steps switch it off; the card holds the teacher's scores; docs/log.md"),
    Deviation(
        "scale of the observation", "unspecified",
        "the small recipe divides features by their running deviation, frozen after 60,000 states, "
        "and the encoder and dynamics end in LayerNorm before SimNorm, as TD-MPC2's do",
        "a standing robot's features move by hundredths: without this the latents carry nothing",
        "Stand after 48,000 steps: 81 before, 622 with these and with cloning in the latents' loss "
        "(one seed each); docs/log.md"),
    Deviation(
        "where the guidance comes from", "a VLM answers for each task",
        "the default is a shipped file, labelled curated or paper_table; a VLM needs an endpoint",
        "no network or key may be needed to run; a file is not a VLM and is not called one",
        "provenance stands in every report"),
    Deviation(
        "number format", "unspecified (GPU)", "32-bit throughout",
        "half precision without the processor's support is slower and less precise",
        "`mwx check` says what the processor has"),
)


def equation(number: int) -> Equation:
    """Return the row of one of the paper's equations, 1 to 13."""
    return next(row for row in EQUATIONS if number in row.numbers)
