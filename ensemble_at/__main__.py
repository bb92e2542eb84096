"""The commands of this paper: `python -m ensemble_at --help`."""

import sys

from common import cli
from ensemble_at import PAPER

if __name__ == "__main__":
    sys.exit(cli.main(PAPER))
