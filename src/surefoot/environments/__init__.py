"""Worlds and their tools."""
