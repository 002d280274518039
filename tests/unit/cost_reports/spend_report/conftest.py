"""Property tests without a time limit for each example: the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("spend", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("spend")
