"""``python -m fleet``: thousands of simulated terminals against a platform."""

import sys

from fleet.command import main

if __name__ == "__main__":
    sys.exit(main())
