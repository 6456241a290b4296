"""From goals to judged episodes.

scheduler --Dispatch--> episode --surroundings--> agents <--> gateway
"""

from surefoot.rollout.curriculum import Curriculum
from surefoot.rollout.episode import Judge, LimitsConfig, Stage, play
from surefoot.rollout.scheduler import Planned, RolloutConfig, Scheduler

__all__ = [
    "Curriculum",
    "Judge",
    "LimitsConfig",
    "Planned",
    "RolloutConfig",
    "Scheduler",
    "Stage",
    "play",
]
