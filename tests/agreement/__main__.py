"""Writes the arrays of groups: `python -m tests.agreement FOLDER SLOW GROUP ...`."""

import pathlib
import sys

from tests import agreement

if __name__ == "__main__":
    folder, slow, *groups = sys.argv[1:]
    for group in groups:
        agreement.write(pathlib.Path(folder), group, slow=slow == "1")
