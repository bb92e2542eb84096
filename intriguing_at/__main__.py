"""The commands of this paper: `python -m intriguing_at --help`."""

import sys

from common import cli
from intriguing_at import PAPER

if __name__ == "__main__":
    sys.exit(cli.main(PAPER))
