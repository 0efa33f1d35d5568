"""Mish with one exponential: several times cheaper on a processor than the general form."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LARGEST = 20.0  # mish(x) = x in single precision beyond, and e^2x stays finite


class _Mish(torch.autograd.Function):
    """Works out the slope in the forward pass, where everything it needs is at hand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        e = x.clamp(max=LARGEST).exp_()
        n = torch.addcmul(e, e, e, value=0.5)
        above = n + 1
        tanh = n.div_(above)
        inverse = above.reciprocal_()
        slope = e.addcmul_(e, e).mul_(inverse).mul_(inverse)  # of tanh(softplus(x))
        ctx.save_for_backward(torch.addcmul(tanh, slope, x))
        return tanh.mul_(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return grads[0] * ctx.saved_tensors[0]


def mish(x: Tensor) -> Tensor:
    """Return x tanh(ln(1 + e^x)) = x n / (n + 1) with n = e^x (e^x / 2 + 1), any shape.

    Equal to torch's own to float precision. On other devices than the processor torch's single
    kernel is the cheaper one and is taken.
    """
    if x.device.type != "cpu":
        return F.mish(x)
    if torch.is_grad_enabled() and x.requires_grad:
        out = _Mish.apply(x)
        assert isinstance(out, Tensor)
        return out
    e = x.clamp(max=LARGEST).exp_()
    n = e.addcmul_(e, e, value=0.5)
    return n.div_(n + 1).mul_(x)
