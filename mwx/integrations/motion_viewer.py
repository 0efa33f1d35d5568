"""Looking at a motion in the browser: `mwx motion show CLIP --viewer`."""

import contextlib
import importlib
import io
import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.motion_film import AZIMUTH, ELEVATION, LOOK_HEIGHT, NEAR, PER_WIDTH
from mwx.evaluation.motion_stage import Stage
from mwx.integrations.viewer import free_port, sky
from mwx.integrations.viewer_scene import WORLD, DrawnModel

PICTURE_S = 0.02  # [s] between poses sent
FOLLOW_RATE = 0.12  # share of the distance to the motion made up for in each picture


@dataclass(frozen=True)
class Controls:
    """The panel's controls, each with a `value`: whether it plays, the time [s], the speed."""

    playing: Any
    time: Any
    speed: Any


class MotionViewer:
    """A motion that plays in the browser, over and over; a slider shows any frame.

    Attributes:
        url: where to look.
        controls: of the panel.
        frame: shown last.
    """

    def __init__(self, stage: Stage, host: str = "127.0.0.1", port: int = 8080):
        """Open the port and start to play.

        Args:
            stage: what is looked at.
            host: address to bind; "0.0.0.0" serves the whole network.
            port: the next free one is taken where it is in use.

        Raises:
            MwxError: viser is missing, or no port is free.
        """
        self._stage, self._data = stage, mujoco.MjData(stage.model)
        self._server: Any = _server(host, free_port(host, port))
        self.url = f"http://{host}:{self._server.get_port()}"
        self.frame, self._centre = 0, stage.centre[0].copy()
        self._failure: Exception | None = None
        self._furnish()
        self._panel()
        self._show(0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, name="mwx motion viewer", daemon=True)
        self._thread.start()

    def _furnish(self) -> None:
        scene = self._server.scene
        scene.set_up_direction("+z")
        scene.configure_environment_map("studio", environment_intensity=0.5)
        scene.set_background_image(sky())
        azimuth, elevation = math.radians(AZIMUTH), math.radians(ELEVATION)
        forward = np.array([math.cos(elevation) * math.cos(azimuth),
                            math.cos(elevation) * math.sin(azimuth), math.sin(elevation)])
        look, camera = np.array([0, 0, LOOK_HEIGHT]), self._server.initial_camera
        distance = NEAR + PER_WIDTH * self._stage.wide
        camera.position, camera.look_at = look - distance * forward, look
        self._world = scene.add_frame(WORLD, show_axes=False)
        self._drawn = DrawnModel(self._server, self._stage.model, "motion")

    def _panel(self) -> None:
        gui, last = self._server.gui, len(self._stage.qpos) - 1
        gui.configure_theme(control_width="medium", show_share_button=False)
        gui.add_markdown(f"**{self._stage.title}**")
        step = 1 / self._stage.fps
        self.controls = Controls(
            gui.add_checkbox("Play", True),
            gui.add_slider("Time [s]", 0.0, max(last, 1) * step, step, 0.0),
            gui.add_slider("Speed", 0.05, 2.0, 0.05, 1.0))

    def _play(self) -> None:
        try:
            place, before, shown = 0.0, time.perf_counter(), -1
            last, controls = len(self._stage.qpos) - 1, self.controls
            while not self._stop.wait(PICTURE_S):
                now = time.perf_counter()
                if controls.playing.value:
                    place += (now - before) * self._stage.fps * controls.speed.value
                    place = place % (last + 1)
                    controls.time.value = int(place) / self._stage.fps
                else:
                    place = min(last, round(controls.time.value * self._stage.fps))
                before = now
                if int(place) != shown:
                    shown = int(place)
                    self._show(shown)
        except Exception as error:  # shown where the viewer was started, by wait()
            self._failure = error

    def _show(self, frame: int) -> None:
        stage = self._stage
        self._data.qpos[:] = stage.qpos[frame]
        mujoco.mj_kinematics(stage.model, self._data)
        gap = stage.centre[frame] - self._centre
        self._centre += (1.0 if np.linalg.norm(gap) > 1.0 else FOLLOW_RATE) * gap
        with self._server.atomic():
            self._world.position = (-self._centre[0], -self._centre[1], 0.0)
            self._drawn.show(self._data)
        self.frame = frame

    def wait(self) -> None:
        """Serve until interrupted; a failure in the playing thread is raised here."""
        try:
            while self._thread.is_alive():
                self._thread.join(timeout=0.5)
        finally:
            self.close()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop the server; a second call does nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        if self._server is not None:
            with contextlib.redirect_stdout(io.StringIO()):  # it reports its own end
                self._server.stop()
            self._server = None

    def __enter__(self) -> "MotionViewer":
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self.close()


def _server(host: str, port: int) -> Any:
    try:
        viser = importlib.import_module("viser")
    except ImportError:
        raise MwxError('the viewer needs viser: pip install "mwx[viewer]"; without it, '
                       "`mwx motion show MOTION --out film.mp4` writes a film") from None
    # browsers open connections ahead and drop them: no reason for a traceback on the terminal
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):  # its banner; the verb prints the address
        return viser.ViserServer(host=host, port=port, verbose=False)


def watch_motion(stage: Stage, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Serve a viewer until Ctrl-C; prints where to look. Arguments as of MotionViewer."""
    with MotionViewer(stage, host, port) as viewer:
        print(f"look at {stage.title}: {viewer.url}   (Ctrl-C ends it)", flush=True)
        try:
            viewer.wait()
        except KeyboardInterrupt:
            print("\nclosed")
