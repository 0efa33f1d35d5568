"""Watching a policy in the browser: `mwx play POLICY --task door --viewer`."""

import contextlib
import importlib
import io
import logging
import math
import socket
import threading
import time
from typing import Any

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.figures import GHOST_RGBA
from mwx.experts import Expert
from mwx.integrations.viewer_panel import Panel, Status
from mwx.integrations.viewer_scene import WORLD, DrawnModel
from mwx.integrations.viewer_session import Session
from mwx.robot import H1
from mwx.router.policies import CompositePolicy, ScriptedSwitch
from mwx.sim.contact_sheet import FOVY, view_of
from mwx.sim.env import TaskEnv
from mwx.types import Array, Policy

CONTROL_DT = 0.02  # [s]
PICTURE_S = 0.02  # [s] between poses sent at most: 50 Hz
NUMBERS_S = 0.1  # [s] between updates of the panel
SMOOTHING_S = 1.0  # [s] time constant of the measured speed
SLACK_S = 0.2  # [s] delay beyond which lost time is not made up for
FOLLOW_RATE = 0.15  # share of the distance to the robot made up for in each picture
FREE_PORTS = 20  # tried after the one that was asked for
VIEW_ASPECT = 1.0  # the picture's sides that must be filled: the panel covers the rest
SKY_TOP, SKY_HORIZON = (196, 210, 228), (246, 248, 251)


class Viewer:
    """A session in the browser: simulates in a thread of its own, serves on a port.

    Attributes:
        url: where to look.
        panel: the controls; `panel.wishes` is what the watcher asked for.
        session: what is played; only the playing thread steps it.
    """

    def __init__(self, policy: Policy, env: TaskEnv, name: str = "policy",
                 host: str = "127.0.0.1", port: int = 8080):
        """Open the port and start to play.

        Args:
            policy: acts in all B environments; one of them is shown.
            env: with B at most a few, it is stepped in real time.
            name: of the policy, as shown.
            host: address to bind; "0.0.0.0" serves the whole network.
            port: the next free one is taken where it is in use.

        Raises:
            MwxError: viser is missing, or no port is free.
        """
        self._server: Any = _server(host, port)
        self.url = f"http://{host}:{self._server.get_port()}"
        self.session = Session(policy, env)
        self._policy = policy
        self._data = mujoco.MjData(env.model)
        ghosts = isinstance(policy, Expert | CompositePolicy | ScriptedSwitch) and \
            self.session.reference(0) is not None
        self.panel = Panel(self._server, f"mwx · {env.name}", name, env.task.text, env.num_envs,
                           has_ghost=ghosts, has_weights=self.session.weights(0) is not None)
        self._furnish(env, ghosts)
        self._stop, self._failure = threading.Event(), None
        self._centre = env.physics.robot_qpos[0, :2].copy()
        self._steps, self._real_time, self._last = 0, 0.0, ""
        self._told = self._measured = time.perf_counter()
        self._picture()
        self._numbers(self._told)
        self._thread = threading.Thread(target=self._play, name="mwx viewer", daemon=True)
        self._thread.start()

    def _furnish(self, env: TaskEnv, ghosts: bool) -> None:
        scene = self._server.scene
        scene.set_up_direction("+z")
        scene.configure_environment_map("studio", environment_intensity=0.5)
        scene.set_background_image(sky())
        self._place_camera(env)
        self._world = scene.add_frame(WORLD, show_axes=False)
        self._drawn = DrawnModel(self._server, env.model)
        self._ghost: DrawnModel | None = None
        if ghosts:
            model = H1.model(drawn=True)
            self._ghost = DrawnModel(self._server, model, "ghost", GHOST_RGBA, floor=False)
            self._ghost_data = mujoco.MjData(model)

    def _place_camera(self, env: TaskEnv) -> None:
        """Look as the contact sheet does; the world hangs so that the robot is at the origin."""
        view = view_of(env, VIEW_ASPECT)
        azimuth, elevation = math.radians(view.azimuth), math.radians(view.elevation)
        forward = np.array([math.cos(elevation) * math.cos(azimuth),
                            math.cos(elevation) * math.sin(azimuth), math.sin(elevation)])
        look_at = np.array(view.lookat)
        look_at[:2] -= env.physics.robot_qpos[0, :2]
        camera = self._server.initial_camera
        camera.position, camera.look_at = look_at - view.distance * forward, look_at
        camera.fov = math.radians(FOVY)

    @property
    def playing(self) -> bool:
        """Whether the thread that simulates is alive."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop the simulation and the server; a second call does nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        if self._server is not None:
            with contextlib.redirect_stdout(io.StringIO()):  # it reports its own end
                self._server.stop()
            self._server = None

    def wait(self) -> None:
        """Serve until interrupted; a failure in the playing thread is raised here."""
        try:
            while self.playing:
                self._thread.join(timeout=0.5)
        finally:
            self.close()
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> "Viewer":
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self.close()

    # the playing thread

    def _play(self) -> None:
        try:
            self._loop()
        except Exception as error:  # shown where the viewer was started, by wait()
            self._failure = error

    def _loop(self) -> None:
        wishes, due, shown = self.panel.wishes, time.perf_counter(), 0.0
        while not self._stop.is_set():
            moved = self._turn()
            now = time.perf_counter()
            if now - shown >= PICTURE_S * 0.9 or wishes.paused:
                self._picture()
                shown = now
            if now - self._told >= NUMBERS_S or (moved and wishes.paused):
                self._numbers(now)
                self._told = now
            due = max(due + CONTROL_DT / wishes.speed, now - SLACK_S) if moved else now + PICTURE_S
            self._stop.wait(max(0.0, due - time.perf_counter()))

    def _turn(self) -> bool:
        """Do what was asked for; return whether a step was made."""
        wishes, session = self.panel.wishes, self.session
        if wishes.restart:
            wishes.restart = False
            session.reset(session.seed + 1)
            self._last, self._told = "", 0.0  # tell at once
            return False
        if wishes.paused and not wishes.single:
            return False
        wishes.single = max(0, wishes.single - 1)
        session.advance()
        self._steps += 1
        if session.done[wishes.row]:
            self._last = self._ended(wishes.row)
            if wishes.hold:
                self.panel.pause(True)
        return True

    def _ended(self, row: int) -> str:
        end = self.session.ended[row]
        why = "ended by the task" if end.terminated else "time limit"
        return f"last: return {end.task_return:.1f} in {end.steps} steps, {why}"

    def _picture(self) -> None:
        wishes, session = self.panel.wishes, self.session
        physics = session.env.physics
        row = min(wishes.row, session.env.num_envs - 1)
        physics.show(row, session.env.model, self._data)
        base = physics.robot_qpos[row, :2]
        goal = base if wishes.follow else np.zeros(2)
        far = np.linalg.norm(goal - self._centre) > 1.5  # [m] another row or episode: jump
        self._centre += (1.0 if far else FOLLOW_RATE) * (goal - self._centre)
        with self._server.atomic():
            self._world.position = (-self._centre[0], -self._centre[1], 0.0)
            self._drawn.show(self._data)
            self._show_ghost(row)

    def _show_ghost(self, row: int) -> None:
        if self._ghost is None:
            return
        wishes = self.panel.wishes
        posed = self.session.reference(row) if wishes.ghost else None
        self._ghost.visible = posed is not None
        if posed is not None:
            pose, aside = posed[1], wishes.ghost_aside
            yaw = self.session.env.physics.heading[row]
            pose[:2] += aside * np.array([-np.sin(yaw), np.cos(yaw)])
            self._ghost_data.qpos[:] = pose
            mujoco.mj_kinematics(self._ghost.model, self._ghost_data)
            self._ghost.show(self._ghost_data)

    def _measure(self, now: float) -> None:
        """Measure how fast it plays, over the time since the last update, and smooth it."""
        passed = now - self._measured
        if not self.panel.wishes.paused:
            # a long interval counts for more, so that pauses of the machine are not glossed over
            share = 1 - math.exp(-passed / SMOOTHING_S) if self._real_time else 1.0
            self._real_time += share * (self._steps * CONTROL_DT / max(passed, 1e-6)
                                        - self._real_time)
        self._steps, self._measured = 0, now

    def _numbers(self, now: float) -> None:
        self._measure(now)
        session, row = self.session, self.panel.wishes.row
        env, step = session.env, session.step
        reference = session.reference(row) if self._ghost is not None else None
        terms = {} if step is None else {k: float(v[row]) for k, v in step.terms.items()}
        self.panel.show(Status(
            step=int(env.step_count[row]), max_steps=env.max_steps,
            reward=0.0 if step is None else float(step.reward[row]),
            task_return=float(session.task_return[row]),
            progress=float(env.task.progress(env.physics)[row]), terms=terms,
            real_time=self._real_time, episode=int(session.episode[row]), last=self._last,
            weights=session.weights(row), reference=reference[0] if reference else None))


def sky(height: int = 128) -> Array:
    """Return a picture (height, 2, 3) uint8 that is bright from the middle down, blue above."""
    share = np.clip(np.linspace(0, 2, height), 0, 1)[:, None]  # 1 at the horizon
    column = (1 - share) * np.array(SKY_TOP) + share * np.array(SKY_HORIZON)
    return np.repeat(column[:, None].round().astype(np.uint8), 2, axis=1)


def _server(host: str, port: int) -> Any:
    try:
        viser = importlib.import_module("viser")
    except ImportError:
        raise MwxError('the viewer needs viser: pip install "mwx[viewer]"; without it, '
                       "`mwx play POLICY --task TASK --out film.mp4` writes a film") from None
    port = free_port(host, port)
    # browsers open connections ahead and drop them: no reason for a traceback on the terminal
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):  # its banner; the verb prints the address
        return viser.ViserServer(host=host, port=port, verbose=False)


def free_port(host: str, port: int) -> int:
    """Return the port, or the next one that is free.

    Raises:
        MwxError: the host is not ours, or none of the next ports is free.
    """
    if not 0 < port < 65536:
        raise MwxError(f"port {port}: must be in 1..65535")
    failure: OSError | None = None
    for candidate in range(port, min(port + FREE_PORTS, 65536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except socket.gaierror as error:
                raise MwxError(f"host '{host}': {error.strerror or error}") from None
            except OSError as error:
                failure = error
            else:
                return candidate
    raise MwxError(f"no port from {port} on can be opened at '{host}' ({failure}): "
                   "give another --port or --host")


def watch(policy: Policy, env: TaskEnv, name: str = "policy", host: str = "127.0.0.1",
          port: int = 8080) -> None:
    """Serve a viewer until Ctrl-C; prints where to look. Arguments as of Viewer."""
    with Viewer(policy, env, name, host, port) as viewer:
        print(f"watch {name} on {env.name}: {viewer.url}   (Ctrl-C ends it)", flush=True)
        try:
            viewer.wait()
        except KeyboardInterrupt:
            print("\nclosed")
