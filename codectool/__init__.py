"""codectool: a streaming neural audio codec for speech and music at 1.5 to 24 kbps."""

from __future__ import annotations

__version__ = "0.1.0"
