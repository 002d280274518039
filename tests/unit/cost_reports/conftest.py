"""Property tests without a time limit for each example, since the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("money", deadline=None, derandomize=True)
settings.load_profile("money")
