"""`python -m kinograph.workflows.cli`: the command `kinograph`."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
