"""Lets test files in any folder import the shared computations in `independent.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
