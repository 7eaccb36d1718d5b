"""Budgets: what a run may spend, reserved before it is spent; and how fast."""

from __future__ import annotations

from lamella.budgets.account import Account, Spent
from lamella.budgets.budget import Budget
from lamella.budgets.limiter import LimitedModel, RateLimiter, rate_limited

__all__ = ["Account", "Budget", "LimitedModel", "RateLimiter", "Spent", "rate_limited"]
