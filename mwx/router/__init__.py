"""IRM, the router: guidance of a task, demonstrations, the routing network and composition.

Names are loaded when first used, so that asking for guidance does not load torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mwx.router.cache import AnswerCache
    from mwx.router.composition import GROUPS, compose, joint_groups
    from mwx.router.demos import Demonstration, relabel, scripted_demonstrations
    from mwx.router.guidance import (
        Guidance,
        GuidanceProvider,
        Provenance,
        Stage,
        load_guidance,
        restrict,
    )
    from mwx.router.improve import ImproveConfig
    from mwx.router.losses import LossConfig, guidance_weight, irm_loss, optimum
    from mwx.router.network import NetworkConfig, RoutingNetwork
    from mwx.router.policies import (
        CompositeCarry,
        CompositePolicy,
        ScriptedSwitch,
        ScriptStage,
        fixed_mix,
        single_expert,
        uniform_mix,
    )
    from mwx.router.priors import PriorConfig, fit_prior
    from mwx.router.providers import FileGuidance, WithFallback
    from mwx.router.recording import load_demonstrations, save_demonstrations
    from mwx.router.router import Router
    from mwx.router.rules import KeywordRules
    from mwx.router.scripts import SCRIPTS, script_for
    from mwx.router.segments import VlmSegments
    from mwx.router.similarity import SentenceSimilarity
    from mwx.router.state_rules import label_by_rules
    from mwx.router.switcher import TABLE_IV_SCHEDULES, reference_expert, schedule
    from mwx.router.train import DistillConfig, literal, train_router
    from mwx.router.vlm import VlmConfig, VlmGuidance
    from mwx.router.vocabulary import DESCRIPTIONS

_HOMES = {
    "cache": ("AnswerCache",),
    "composition": ("GROUPS", "compose", "joint_groups"),
    "demos": ("Demonstration", "relabel", "scripted_demonstrations"),
    "guidance": ("Guidance", "GuidanceProvider", "Provenance", "Stage", "load_guidance",
                 "restrict"),
    "improve": ("ImproveConfig",),
    "losses": ("LossConfig", "guidance_weight", "irm_loss", "optimum"),
    "network": ("NetworkConfig", "RoutingNetwork"),
    "policies": ("CompositeCarry", "CompositePolicy", "ScriptStage", "ScriptedSwitch",
                 "fixed_mix", "single_expert", "uniform_mix"),
    "priors": ("PriorConfig", "fit_prior"),
    "providers": ("FileGuidance", "WithFallback"),
    "recording": ("load_demonstrations", "save_demonstrations"),
    "router": ("Router",),
    "rules": ("KeywordRules",),
    "similarity": ("SentenceSimilarity",),
    "segments": ("VlmSegments",),
    "state_rules": ("label_by_rules",),
    "scripts": ("SCRIPTS", "script_for"),
    "switcher": ("TABLE_IV_SCHEDULES", "reference_expert", "schedule"),
    "train": ("DistillConfig", "literal", "train_router"),
    "vlm": ("VlmConfig", "VlmGuidance"),
    "vocabulary": ("DESCRIPTIONS",),
}

__all__ = [
    "DESCRIPTIONS", "GROUPS", "SCRIPTS", "TABLE_IV_SCHEDULES", "AnswerCache", "CompositeCarry",
    "CompositePolicy", "Demonstration", "DistillConfig", "FileGuidance", "Guidance",
    "GuidanceProvider", "ImproveConfig", "KeywordRules", "LossConfig", "NetworkConfig",
    "PriorConfig", "Provenance", "Router", "RoutingNetwork", "ScriptStage", "ScriptedSwitch",
    "SentenceSimilarity", "Stage", "VlmConfig", "VlmGuidance", "VlmSegments", "WithFallback",
    "compose", "fit_prior", "fixed_mix", "guidance_weight", "irm_loss", "joint_groups",
    "label_by_rules", "literal", "load_demonstrations", "load_guidance", "optimum",
    "reference_expert", "relabel", "restrict", "save_demonstrations", "schedule", "script_for",
    "scripted_demonstrations", "single_expert", "train_router", "uniform_mix",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"mwx.router.{module}"), name)
    raise AttributeError(f"module 'mwx.router' has no attribute '{name}'")
