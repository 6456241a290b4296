"""Conformance checkers for every joint, for third parties too."""
