"""From goals to judged episodes.

scheduler --Dispatch--> episode --surroundings--> agents <--> gateway
"""

from surefoot.rollout.episode import Judge, LimitsConfig, Stage, play
from surefoot.rollout.scheduler import Planned, RolloutConfig, Scheduler

__all__ = ["Judge", "LimitsConfig", "Planned", "RolloutConfig", "Scheduler", "Stage", "play"]
