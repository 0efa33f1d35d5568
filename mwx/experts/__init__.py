"""SEP: specialised experts, each a world model that imitates one human skill."""

from mwx.experts.expert import Expert, load_card, load_expert
from mwx.experts.library import ExpertLibrary, load_library

__all__ = ["Expert", "ExpertLibrary", "load_card", "load_expert", "load_library"]
