"""Worlds and their tools."""

from surefoot.environments.factory import ENVIRONMENTS, EnvironmentFactory, make_factory
from surefoot.environments.tool import ToolError, ToolFunction, tool_from_function
from surefoot.environments.workspace import Workspace, WorkspaceConfig

__all__ = [
    "ENVIRONMENTS",
    "EnvironmentFactory",
    "ToolError",
    "ToolFunction",
    "Workspace",
    "WorkspaceConfig",
    "make_factory",
    "tool_from_function",
]
