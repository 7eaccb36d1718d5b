"""Correct providers pass the kit."""

from __future__ import annotations

from reed import ChatReed, Parrot
from reed_suites import parrot_suite, reed_suite

TestParrot = parrot_suite(Parrot)
TestReed = reed_suite(ChatReed)
