"""Entry point of ``python -m fleet``."""

import sys

from fleet.command import main

if __name__ == "__main__":
    sys.exit(main())
