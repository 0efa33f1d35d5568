"""Evaluation: scores on both returns, videos, figures and reports."""

from mwx.evaluation.policies import load_policy
from mwx.evaluation.score import Score, evaluate
from mwx.evaluation.video import record_video

__all__ = ["Score", "evaluate", "load_policy", "record_video"]
