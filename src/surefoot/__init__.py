"""Surefoot trains and evaluates LLM agents with reinforcement learning so that they hold up in any
environment, and finds out why when they do not."""

__version__ = "0.1.0"
