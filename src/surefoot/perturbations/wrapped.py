"""What a perturbation is once it is bound to one opening: three maps and their inverses.

    canonical call --transport--> call as shown --recover--> canonical call, or a failed Result
    canonical result --result--> result as shown

`Relabelled` is the map of the whole tools axis; `Composed` lays maps over each other. Kept: recover
undoes transport for every call of a tool on offer; a call of anything else recovers to a failed
Result and never becomes a call of something else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from surefoot.joints import Wrapped
from surefoot.records import Call, Opening, Result

REFUSAL = "this tool does nothing here"
"""What a distractor answers."""


@dataclass
class Relabelled:
    """Shows tools under other names.

    `names`: canonical name -> shown name, for each canonical tool on offer. `arguments`: canonical
    tool -> canonical argument -> shown argument, in the order in which they are shown; a tool that
    is absent there keeps its arguments. `refused`: shown names that stand for no canonical tool.
    """

    opening: Opening
    names: Mapping[str, str]
    arguments: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    refused: frozenset[str] = frozenset()

    def transport(self, call: Call) -> Call:
        """Canonical call -> call as shown. A tool that is not on offer stays so."""
        if call.name not in self.names:
            return Call(name=self._not_shown(call.name), arguments=call.arguments)
        shown = self.arguments.get(call.name, {})
        listed = [argument for argument in shown if argument in call.arguments]
        others = [argument for argument in call.arguments if argument not in shown]
        renamed = {shown.get(each, each): call.arguments[each] for each in (*listed, *others)}
        return Call(name=self.names[call.name], arguments=renamed)

    def recover(self, call: Call) -> Call | Result:
        """Call as shown -> canonical call, or a failed Result where it cannot be meant."""
        if call.name in self.refused:
            return Result(name=call.name, text=REFUSAL, failed=True)
        found = next((own for own, shown in self.names.items() if shown == call.name), None)
        if found is None:
            return Result(name=call.name, text=f"no tool {call.name}", failed=True)
        if found not in self.arguments:
            return Call(name=found, arguments=call.arguments)
        own = {shown: argument for argument, shown in self.arguments[found].items()}
        canonical: dict[str, Any] = {}
        for argument, value in call.arguments.items():
            if argument not in own:
                text = f"{call.name} has no argument {argument}"
                return Result(name=call.name, text=text, failed=True)
            canonical[own[argument]] = value
        return Call(name=found, arguments=canonical)

    def result(self, result: Result) -> Result:
        """The result under the name that the policy called."""
        return result.model_copy(update={"name": self.names.get(result.name, result.name)})

    def _not_shown(self, name: str) -> str:
        taken = {tool.name for tool in self.opening.tools}
        while name in taken:
            name += "_"
        return name


@dataclass
class Composed:
    """Maps laid over each other, the first next to the environment. Empty: the identity."""

    opening: Opening
    layers: Sequence[Wrapped] = ()

    def transport(self, call: Call) -> Call:
        """Through every layer, outwards."""
        for layer in self.layers:
            call = layer.transport(call)
        return call

    def recover(self, call: Call) -> Call | Result:
        """Through every layer, inwards; what a layer refuses goes back out through the others."""
        if not self.layers and call.name not in {tool.name for tool in self.opening.tools}:
            return Result(name=call.name, text=f"no tool {call.name}", failed=True)
        for depth in reversed(range(len(self.layers))):
            recovered = self.layers[depth].recover(call)
            if isinstance(recovered, Result):
                return _outwards(recovered, self.layers[depth + 1 :])
            call = recovered
        return call

    def result(self, result: Result) -> Result:
        """Through every layer, outwards."""
        return _outwards(result, self.layers)


def _outwards(result: Result, layers: Sequence[Wrapped]) -> Result:
    for layer in layers:
        result = layer.result(result)
    return result
