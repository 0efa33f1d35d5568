"""The privileged imitator: a tracker of references with full state, and the judge built on it."""
