"""Suites, statistics, proof of goals, the report."""
