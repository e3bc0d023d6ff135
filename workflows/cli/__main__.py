"""`python -m kinograph.workflows.cli`."""

import sys

from . import main

sys.exit(main())
