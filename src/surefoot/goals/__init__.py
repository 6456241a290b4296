"""What is asked, and how success is judged. Proposes; never runs an episode."""
