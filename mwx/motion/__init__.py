"""Human motion -> robot references."""

from mwx.motion.clip import MotionClip
from mwx.motion.generators import generate
from mwx.motion.quality import Sheet, quality_sheet
from mwx.motion.reading import read_clip
from mwx.motion.reference import Frame, Reference
from mwx.motion.retarget import RetargetConfig, retarget_clip

__all__ = ["Frame", "MotionClip", "Reference", "RetargetConfig", "Sheet", "generate",
           "quality_sheet", "read_clip", "retarget_clip"]
