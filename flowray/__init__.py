"""flowray: a durable, parallel workflow executor on Ray. Importing it is cheap and does not import Ray."""

from __future__ import annotations

__version__ = "0.1.0"
