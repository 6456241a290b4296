"""What samples from a policy; model.py loads and runs weights, for the trainer too."""
