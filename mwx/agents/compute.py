"""How the arithmetic is done, never what is computed: precision, compilation, threads."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mwx.agents.config import ComputeConfig

BF16_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")
EXACT = 1e-5  # largest relative error of a product that still counts as 32-bit


def native_bf16(device: torch.device | str = "cpu", cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the device multiplies bf16 in hardware; elsewhere 32-bit is faster."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return False
    line = next((x for x in lines if x.lower().startswith(("flags", "features"))), "")
    return not set(BF16_FLAGS).isdisjoint(line.partition(":")[2].split())


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Give torch `count` threads inside the block, and what it had before after it; 0: as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """Set torch's precision of 32-bit products inside the block: "highest", "high" or "medium"."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def medium_is_exact() -> bool:
    """Return whether "medium" products on this processor are 32-bit all the same.

    On processors with AVX-512 "medium" takes another library and can be twice as fast at full
    precision; on some it rounds to bf16. Asked of the processor, with fixed numbers.
    """
    x = torch.linspace(0, 700, 256 * 512).sin().reshape(256, 512)
    exact = x.double() @ x.double().T
    with matmul_precision("medium"):
        error = (x @ x.T - exact).abs().max() / exact.abs().max()
    return bool(error < EXACT)


class Compute:
    """The chosen arithmetic of one learner on one device.

    Attributes:
        bf16: matrix products round their factors to bf16 and add in 32 bits; weights, gradients
            and everything between products stay 32-bit.
        medium: 32-bit products may take the library that "medium" selects.
        compiling: pieces are compiled.
    """

    def __init__(self, config: ComputeConfig, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        on_cpu = self.device.type == "cpu"
        self.bf16 = config.precision == "bfloat16" or (
            config.precision == "auto" and native_bf16(device))
        self.medium = on_cpu and not self.bf16 and medium_is_exact()
        self.compiling = config.compile == "on" or (config.compile == "auto" and not on_cpu)

    @contextmanager
    def products(self) -> Iterator[None]:
        """Multiply matrices in the chosen precision inside the block.

        Casts of weights are not kept: one made where no gradient is wanted would be taken again
        where one is.
        """
        if self.compiling and self.device.type == "cuda":
            torch.compiler.cudagraph_mark_step_begin()  # the last update's results are done with
        with (matmul_precision("medium" if self.medium else torch.get_float32_matmul_precision()),
              torch.autocast(self.device.type, torch.bfloat16, self.bf16, cache_enabled=False)):
            yield

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, compiled if so chosen, plain where compiling fails."""
        return Compiled(function, self.device) if self.compiling else function


class Compiled:
    """Calls the compiled function; where that cannot be had, says so once and calls the plain one.

    Both compute the same to rounding.
    """

    def __init__(self, function: Callable[..., Any], device: torch.device):
        mode = "reduce-overhead" if device.type == "cuda" else None
        self.plain, self.works = function, True
        self.fast = torch.compile(function, dynamic=False, mode=mode)

    def __call__(self, *args: Any) -> Any:
        if self.works:
            from torch._dynamo.exc import TorchDynamoException
            from torch._inductor.exc import CppCompileError, InvalidCxxCompiler
            try:
                return self.fast(*args)
            except (TorchDynamoException, CppCompileError, InvalidCxxCompiler, OSError) as error:
                self.works = False
                reason = str(error).strip().splitlines()[0]
                warnings.warn(f"compiling {getattr(self.plain, '__name__', 'a function')} failed "
                              f"({reason}); going on without, slower and with the same results to "
                              f"rounding: install a C++ compiler (g++ or clang++), or set "
                              f"compile=off", stacklevel=2)
        return self.plain(*args)
