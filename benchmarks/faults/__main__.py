"""What goes wrong, done on purpose: `python -m benchmarks.faults`. Prints the table of docs/protocol.md.

Real processes, sockets, signals and files. A row is fine where nothing of ours ended that should not, and nothing was
lost that need not be.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.faults.cameras import camera_unplugged, clock_set
from benchmarks.faults.files import disk_full, recorder_killed
from benchmarks.faults.floods import flood_of_frames, flood_of_requests, flood_of_subscriptions
from benchmarks.faults.garbage import garbage_at_control, garbage_on_the_stream, garbage_to_the_sender
from benchmarks.faults.peers import machine_asleep, port_taken, receiver_frozen, receiver_killed, sender_killed
from benchmarks.faults.row import Row
from benchmarks.machine import machine

FAULTS: Final[dict[str, Callable[[], Row]]] = {
    fault.__name__: fault
    for fault in (
        sender_killed, receiver_killed, receiver_frozen, garbage_on_the_stream, garbage_to_the_sender,
        garbage_at_control, flood_of_frames, flood_of_subscriptions, flood_of_requests, clock_set, camera_unplugged,
        disk_full, recorder_killed, machine_asleep, port_taken,
    )
}  # fmt: skip
_RESULTS: Final = Path(__file__).parents[1] / "results" / "faults.json"


def main() -> None:
    """Parse the command line, do the faults, print the table; exit 1 where one was not fine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), default=list(FAULTS), metavar="NAME")
    parser.add_argument("--json", type=Path, help="where to write the rows; all faults: benchmarks/results/faults.json")
    options = parser.parse_args()
    out = options.json or (_RESULTS if options.only == list(FAULTS) else None)
    facts, started, rows = machine(), time.monotonic(), []
    print("| fault | what was done | what happened |\n|---|---|---|")
    for name in options.only:
        rows.append(FAULTS[name]())
        print(rows[-1], flush=True)
    if out:
        found = {"machine": facts, "seconds": round(time.monotonic() - started), "rows": [asdict(row) for row in rows]}
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if all(row.fine for row in rows) else 1)


if __name__ == "__main__":
    main()
