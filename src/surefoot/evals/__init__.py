"""Suites, statistics, proof of goals, the report.

    suites --plan--> play --rows--> compare, statistics --> summarise --> terminal, page, report

Nothing is imported here, so that what needs only a suite does not wait for plots.
"""
