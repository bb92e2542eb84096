"""The commands of this paper: `python -m smooth_at --help`."""

import sys

from common import cli
from smooth_at import PAPER

if __name__ == "__main__":
    sys.exit(cli.main(PAPER))
