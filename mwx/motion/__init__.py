"""Human motion -> robot references."""

from mwx.motion.generators import generate
from mwx.motion.reference import Frame, Reference

__all__ = ["Frame", "Reference", "generate"]
