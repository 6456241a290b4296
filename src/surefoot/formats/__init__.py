"""How tools are written to the policy and how its calls are read back."""
