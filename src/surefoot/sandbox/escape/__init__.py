"""Ways out of a box, tried one by one: a sandbox that measures itself.

Not a proof. A probe says `open` where the way out worked, with the evidence, and each probe is
itself tested on the driver that isolates nothing, where most must be open.
"""

from surefoot.sandbox.escape.probe import GROUPS, Finding, Probe
from surefoot.sandbox.escape.scorecard import PROBES, Score, Scorecard, scorecard

__all__ = ["GROUPS", "PROBES", "Finding", "Probe", "Score", "Scorecard", "scorecard"]
