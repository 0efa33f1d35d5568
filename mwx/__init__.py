"""mwx: human motion -> world-model skill experts -> VLM-guided composition (MetaWorld-X)."""

__version__ = "0.1.0"
