"""The only way to the policy: render, generate, parse, record. In-process here."""

from surefoot.gateway.render import Renderer
from surefoot.gateway.turn import Budget, Session, Voice

__all__ = ["Budget", "Renderer", "Session", "Voice"]
