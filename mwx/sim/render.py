"""Pictures of a simulation, off screen, with a GL back end that is found by itself."""

import atexit
import ctypes.util
import functools
import importlib
import os
import platform
import subprocess
import sys
import weakref
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import mujoco
import numpy as np

from mwx.errors import MwxError, unknown
from mwx.sim.physics import Physics
from mwx.types import Array

BACKENDS = {"Linux": ("egl", "osmesa"), "Darwin": ("cgl",), "Windows": ("glfw",)}
LIBRARIES = {"egl": "EGL", "osmesa": "OSMesa"}  # what Linux must have for each
MAX_GEOMS = 2000
PROBE_TIMEOUT_S = 60.0
INSTALL = ("install libegl1 (apt-get install libegl1 libgl1-mesa-dri) or libosmesa6 "
           "(apt-get install libosmesa6); everything except pictures and video works without")


@functools.cache
def gl_backend() -> str | None:
    """Return the GL back end that pictures are made with: "egl", "osmesa", "cgl", "glfw" or None.

    The environment variable MUJOCO_GL is obeyed where it names one; otherwise each of the
    platform's back ends is tried in a process of its own, because one that failed cannot be
    replaced by another in the same process.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower().strip()
    if asked in ("disable", "disabled", "off", "false", "0"):
        return None
    if asked in ("egl", "osmesa", "cgl", "glfw"):
        return asked
    found = (b for b in BACKENDS.get(platform.system(), ("glfw",)) if _works(b))
    return next(found, None)


def _works(backend: str) -> bool:
    library = LIBRARIES.get(backend)
    if library and ctypes.util.find_library(library) is None:
        return False
    code = f"from mujoco.{backend} import GLContext; c = GLContext(8, 8); c.make_current()"
    environment = {**os.environ, "MUJOCO_GL": "disable"}
    try:
        probe = subprocess.run([sys.executable, "-c", code], env=environment, check=False,
                               capture_output=True, timeout=PROBE_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


@dataclass(frozen=True)
class View:
    """A camera that no model has: it looks at a point from a distance.

    Attributes:
        lookat: (3,) [m, world]; distance: [m] from there.
        azimuth, elevation: [degree] which way it looks: along +x at 0, along +y at 90; down where
            negative.
    """

    lookat: tuple[float, float, float]
    distance: float
    azimuth: float
    elevation: float


def cameras(model: mujoco.MjModel) -> tuple[str, ...]:
    """Return the names of a model's cameras."""
    return tuple(model.camera(i).name for i in range(model.ncam))


class Renderer:
    """Draws one row of a Physics from a named camera; use it in the thread that made it.

    Attributes:
        height, width: [pixel] of the pictures.
    """

    def __init__(self, model: mujoco.MjModel, height: int = 480, width: int = 640, *,
                 shadows: bool = False) -> None:
        """Open a GL context.

        Args:
            model: the scene, e.g. `env.model`.
            height: [pixel].
            width: [pixel].
            shadows: costly without a GPU, so off by default.

        Raises:
            MwxError: no GL back end works here, or the picture is larger than the scene allows.
        """
        limit = (model.vis.global_.offheight, model.vis.global_.offwidth)
        if not (0 < height <= limit[0] and 0 < width <= limit[1]):
            raise MwxError(f"picture of {height} x {width} pixels: height must be in 1..{limit[0]} "
                           f"and width in 1..{limit[1]}")
        self.model, self.height, self.width = model, height, width
        self._context: mujoco.MjrContext | None = None
        self._gl: Any = _open_context(height, width)
        # EGL itself shuts down at exit; a context that is freed after that complains
        self._at_exit = functools.partial(_close_if_alive, weakref.ref(self))
        atexit.register(self._at_exit)
        try:
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        except mujoco.FatalError as error:  # e.g. glfw where there is no display
            raise MwxError(f"the GL back end '{gl_backend()}' gives no context to draw in "
                           f"({error}): unset MUJOCO_GL to let mwx choose, or {INSTALL}") from None
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW.value] = shadows
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION.value] = shadows
        self._option, self._data = mujoco.MjvOption(), mujoco.MjData(model)
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), dtype=np.uint8)

    def render(self, physics: Physics, row: int = 0, camera: "str | View" = "cam_default"
               ) -> Array:
        """Return the picture (height, width, 3) uint8 of one environment.

        Args:
            physics: simulations of this renderer's model.
            row: which of the B environments.
            camera: its name in the model, or a view of one's own.
        """
        if self._context is None:
            raise MwxError("this renderer has been closed: make a new one")
        if not -physics.num_envs <= row < physics.num_envs:
            raise MwxError(f"row {row}: there are {physics.num_envs} environments")
        view = self._camera(camera)
        data = self._data
        physics.show(row % physics.num_envs, self.model, data)
        self._gl.make_current()
        mujoco.mjv_updateScene(self.model, data, self._option, None, view,
                               mujoco.mjtCatBit.mjCAT_ALL.value, self._scene)
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)
        return self._pixels[::-1].copy()  # GL's first line is the lowest

    def _camera(self, camera: "str | View") -> mujoco.MjvCamera:
        view = mujoco.MjvCamera()
        if isinstance(camera, View):
            view.lookat[:], view.distance = camera.lookat, camera.distance
            view.azimuth, view.elevation = camera.azimuth, camera.elevation
            return view
        known = cameras(self.model)
        if camera not in known:
            raise unknown("camera", camera, known)
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = known.index(camera)
        return view

    def close(self) -> None:
        """Free the GL context; a second call does nothing."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = None
            atexit.unregister(self._at_exit)

    def __del__(self) -> None:
        """Free the GL context of a renderer that nobody closed."""
        if hasattr(self, "_context"):
            self.close()

    def __enter__(self) -> "Renderer":
        """Return itself; the context is freed on leaving the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Free the GL context."""
        self.close()


def _close_if_alive(renderer: "weakref.ref[Renderer]") -> None:
    alive = renderer()
    if alive is not None:
        alive.close()


def _open_context(height: int, width: int) -> Any:
    backend = gl_backend()
    if backend is None:
        raise MwxError(f"no GL back end works here, so no picture can be made: {INSTALL}")
    try:
        context = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
        context.make_current()
    except Exception as error:  # PyOpenGL raises anything from AttributeError to GLError
        raise MwxError(f"the GL back end '{backend}' does not start ({error}): unset MUJOCO_GL to "
                       f"let mwx choose, or {INSTALL}") from error
    return context
