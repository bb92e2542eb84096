"""The commands of this paper: `python -m kurakin2017 --help`."""

import sys

from common import cli
from kurakin2017 import PAPER

if __name__ == "__main__":
    sys.exit(cli.main(PAPER))
