"""Runs, remembered: SQLite by default, PostgreSQL by address."""
