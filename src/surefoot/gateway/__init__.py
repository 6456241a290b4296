"""The only way to the policy: render, generate, parse, record."""
