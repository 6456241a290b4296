"""Changes of what surrounds the policy, each with an exact inverse on calls."""
