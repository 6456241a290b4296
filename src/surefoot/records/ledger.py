"""What a run says about itself besides its episodes: how it was started, and what is worth a note.

Dispatches, episodes, verdicts, judged rows and step metrics are the other records that a store
takes; these two complete them.
"""

from collections.abc import Mapping
from typing import Any

from surefoot.records.base import Record


class Start(Record):
    """One start of a run's process. The first one founds the run; each resumption adds another.

    `config` is the resolved configuration as JSON values; `versions` names the software.
    """

    config: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str] = {}


class Event(Record):
    """A note in the run's own story: a filter that took a group, a warning, a resumption.

    An event with a `step` belongs to that step and becomes true together with it; one without
    belongs to the process that wrote it. `kind` is a short stable name, `text` one sentence.
    """

    kind: str
    text: str
    step: int | None = None
    values: Mapping[str, Any] = {}
