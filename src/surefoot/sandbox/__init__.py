"""The box in which an episode's commands run."""
