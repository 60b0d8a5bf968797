"""``python -m bot`` is ``almguard``."""

import sys

if not sys.flags.safe_path:
    # Python puts the folder that it is started in here, which may be a checkout that is judged: nothing is imported from it.
    del sys.path[0]

from bot.cli.main import main

main()
