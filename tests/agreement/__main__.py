"""Writes the arrays of a group: `python -m tests.agreement FOLDER GROUP SLOW`."""

import pathlib
import sys

from tests import agreement

if __name__ == "__main__":
    folder, group, slow = sys.argv[1:]
    agreement.write(pathlib.Path(folder), group, slow=slow == "1")
