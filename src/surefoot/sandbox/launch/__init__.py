"""The launcher: a small process that makes boxes, so that the big one never forks.

Only the standard library, and no import of the rest of the package: it must start in milliseconds.

    owner --requests, descriptors--> launcher --fork--> mounts, drops the uid, execs bwrap -> bash
          <--events, descriptors----
"""
