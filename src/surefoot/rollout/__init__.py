"""From goals to judged episodes."""
