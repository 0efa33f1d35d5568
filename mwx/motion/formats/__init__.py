"""File formats -> MotionClip."""
