"""From judged episodes to the next policy version."""
