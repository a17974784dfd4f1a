"""`python -m avatar_bridge.cli`: the same as `rdr`."""

from avatar_bridge.cli.main import main

raise SystemExit(main())
