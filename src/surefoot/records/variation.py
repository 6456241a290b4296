"""What surrounds the policy in one episode: agent, format, perturbations and a seed."""

from surefoot.records.base import Record


class Variation(Record):
    """One choice of surroundings, drawn again exactly from its `seed`.

    `name` is the column under which results are reported (`canonical`, `seen`, `names`, `grammar`,
    `both` ...). `held_out` perturbations and formats draw from what training never shows:
    `held_out_names` for tool and argument names, `held_out_format` for grammar combinations.
    """

    name: str
    format: str
    perturbations: tuple[str, ...] = ()
    held_out_names: bool = False
    held_out_format: bool = False
    agent: str = "loop"
    seed: int = 0

    @property
    def held_out(self) -> bool:
        """True where anything is drawn from what training never shows."""
        return self.held_out_names or self.held_out_format
