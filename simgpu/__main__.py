"""`python -m simgpu`: the same as the command `simgpu`."""

import sys

from simgpu.cli import main

if __name__ == "__main__":
    sys.exit(main())
