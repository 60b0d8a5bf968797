"""``python -m bot`` is ``almguard``."""

from bot.cli.main import main

main()
