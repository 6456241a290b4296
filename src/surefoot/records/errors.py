"""The tree of errors: whose fault it was, and what becomes of it.

    SurefootError
    |-- UserError            unusable input: exit status 2
    |   |-- ConfigError        an unknown key, a bad value
    |   |-- PolicyError        a model directory that is missing, foreign or corrupt
    |   |-- StoreError         a run folder that is missing, corrupt or of another version
    |   |-- GoalError          no goals left, or a goal whose reference fails
    |   `-- MachineError       something that this machine lacks; the message says what to type
    |-- StoppedError         stopped and resumable: exit status 3 (disk full, a stall)
    `-- Fault                our infrastructure failed under one episode: outcome `fault(kind)`,
        |                    never a reward of 0
        |-- SandboxFault       the sandbox died or could not start
        |-- EngineFault        the engine failed while it generated
        |-- CheckFault         a check died on the reference too, or returned no finite number
        `-- DeadlineFault      time ran out through us

An error of the policy's own making is no exception here: it is a tool error that the policy reads,
or a named stop. Every message is one sentence that names the fault and the remedy.
"""


class SurefootError(Exception):
    """Root of every error that Surefoot raises on purpose."""


class UserError(SurefootError):
    """Unusable input. The command ends with status 2."""


class ConfigError(UserError):
    """A configuration that cannot be used: unknown key, bad value, missing file."""


class PolicyError(UserError):
    """A policy that cannot be loaded: directory missing, foreign, corrupt or unsupported."""


class StoreError(UserError):
    """A run folder that cannot be used: missing, corrupt, locked or of another version."""


class GoalError(UserError):
    """No goals left after filtering, or a goal that does not prove itself."""


class MachineError(UserError):
    """This machine lacks something; the message says what to type."""


class StoppedError(SurefootError):
    """The run stopped and can be resumed (disk full, a stall). Status 3."""


class Fault(SurefootError):
    """Our infrastructure failed under one episode. Outcome `fault(kind)`, never reward 0."""

    kind = "fault"


class SandboxFault(Fault):
    """The sandbox died, or could not start."""

    kind = "sandbox"


class EngineFault(Fault):
    """The engine failed while it generated."""

    kind = "engine"


class CheckFault(Fault):
    """A check died on the reference's end state too, or returned no finite number."""

    kind = "check"


class DeadlineFault(Fault):
    """Time ran out through us, not through the policy."""

    kind = "deadline"
