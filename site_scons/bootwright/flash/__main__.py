"""`python -m bootwright.flash IMAGE DEV`."""

import sys

from bootwright.flash.program import main

sys.exit(main())
