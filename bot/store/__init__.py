"""Runs, remembered: in an SQLite file by default, in PostgreSQL for a team."""

from bot.store.opening import opened
from bot.store.store import SqlStore

__all__ = ["SqlStore", "opened"]
