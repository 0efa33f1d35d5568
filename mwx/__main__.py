"""`python -m mwx` is the `mwx` command."""

from mwx.cli import main

raise SystemExit(main())
