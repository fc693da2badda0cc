"""Runs one program and writes down what it used.

A process of its own and a small one, because the kernel counts the memory of whoever starts a program as part
of that program's peak. So no peak is told below that of a bare Python, about 10 MB.
"""

import json
import os
import sys
import time


def main() -> None:
    """`launch.py REPORT PROGRAM ARGUMENT...`: the report is JSON; its CPU is that of all descendants."""
    report, *command = sys.argv[1:]
    started = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    found = {
        'exit_code': os.waitstatus_to_exitcode(status),
        'wall_seconds': time.monotonic() - started,
        'cpu_seconds': used.ru_utime + used.ru_stime,
        'peak_bytes': used.ru_maxrss * 1024,
    }
    with open(report, 'w') as file:  # noqa: PTH123 (pathlib would double what has to be imported)
        json.dump(found, file)


if __name__ == '__main__':
    main()
