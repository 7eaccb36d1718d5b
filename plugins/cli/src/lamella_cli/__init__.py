"""The command line of Lamella."""

from __future__ import annotations
