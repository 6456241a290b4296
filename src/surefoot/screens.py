"""What the verbs print for people: transcripts, goals, proofs, the machine, the scorecard.

Renderables only; nothing here reads a file or decides anything. JSON is printed by the verbs from
the same records.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from surefoot.evals.proof import Proof
from surefoot.records import Episode, Goal, Node, Verdict
from surefoot.sandbox.escape import Scorecard

_ROLES = {"system": "magenta", "user": "cyan", "assistant": "green", "tool": "yellow"}


def pairs(title: str, values: Mapping[str, object]) -> RenderableType:
    """Names and values in two columns."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(name, escape(str(value)))
    return table


def goal_table(goals: Iterable[Goal]) -> Table:
    """One goal a line."""
    table = Table(box=None, pad_edge=False)
    for name in ("key", "calls", "fingerprint", "prompt"):
        table.add_column(name, overflow="fold", justify="right" if name == "calls" else "left")
    for goal in goals:
        table.add_row(goal.key, str(goal.horizon), goal.fingerprint, escape(goal.prompt))
    return table


def proof_table(proofs: Sequence[Proof]) -> RenderableType:
    """Proofs by family and solution: how many, what they earned, what is wrong."""
    table = Table(box=None, pad_edge=False)
    for name in ("family", "solution", "runs", "earned", "problems"):
        table.add_column(name, justify="left" if name in ("family", "solution") else "right")
    groups: dict[tuple[str, str], list[Proof]] = {}
    for proof in proofs:
        groups.setdefault((proof.family, proof.solution), []).append(proof)
    for (family, solution), found in groups.items():
        rewards = Counter("none" if p.reward is None else f"{p.reward:g}" for p in found)
        wrong = sum(bool(p.problem) for p in found)
        table.add_row(
            family,
            solution,
            str(len(found)),
            ", ".join(f"{value} x{count}" for value, count in rewards.items()),
            Text(str(wrong), style="red" if wrong else "dim"),
        )
    problems = [
        Text(f"{p.goal} under {p.variation}, {p.solution}: {p.problem}", style="red")
        for p in proofs
        if p.problem
    ]
    return Group(table, *problems)


def score_table(card: Scorecard) -> RenderableType:
    """One way out a line."""
    table = Table(box=None, pad_edge=False)
    for name in ("group", "way out", "result", "evidence"):
        table.add_column(name, overflow="fold")
    for score in card.scores:
        result = Text("closed", style="green") if score.closed else Text("OPEN", style="bold red")
        table.add_row(score.group, escape(score.description), result, escape(score.evidence))
    line = Text(f"{card.closed} of {len(card.scores)} ways out are closed ({card.driver}).")
    return Group(table, line)


def episode_table(rows: Iterable[Sequence[object]]) -> Table:
    """One episode of a run a line."""
    table = Table(box=None, pad_edge=False)
    for name in ("episode", "goal", "variation", "outcome", "reason", "reward"):
        table.add_column(name)
    for row in rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    return table


def transcript(
    episode: Episode, verdicts: Sequence[Verdict], *, tokens: bool = False
) -> RenderableType:
    """One episode as it was said: turns, calls, results, rewards, what was trained."""
    sent = episode.dispatch
    head = {
        "goal": sent.goal.key,
        "prompt": sent.goal.prompt,
        "variation": f"{sent.variation.name}: {sent.variation.format} "
        f"{'+'.join(sent.variation.perturbations)}",
        "outcome": f"{episode.outcome.kind} {episode.outcome.reason}".strip(),
        "reward": "none" if episode.reward is None else f"{episode.reward.value:g}",
        "evidence": episode.reward.evidence if episode.reward is not None else "",
        "seconds": f"{episode.seconds:.2f}",
    }
    parts: list[RenderableType] = [pairs(f"episode {sent.id}", head)]
    if episode.trace is None:
        return Group(*parts, Text("No trace: the episode never ended.", style="red"))
    trained = episode.outcome.kind == "trained"
    for number, node in enumerate(episode.trace.nodes):
        parts += _node(number, node, trained=trained, tokens=tokens)
    effects = ", ".join(f"{e.kind} {e.path}" for e in episode.trace.effects) or "none"
    parts.append(pairs("end", {"stop": episode.trace.stop, "effects": effects}))
    parts += [Text(f"{v.judge}: {v.reward.value:g} {v.reward.evidence}") for v in verdicts]
    return Group(*parts)


def _node(number: int, node: Node, *, trained: bool, tokens: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for message in node.messages:
        style = _ROLES[message.role]
        note = f"  node {number}, {len(node.tokens)} tokens, "
        if node.sampled and node.logprobs and node.versions:
            mean = sum(node.logprobs) / len(node.logprobs)
            note += f"sampled by version {node.versions[0]}, mean logprob {mean:.3f}"
            note += ", trained" if trained else ", not trained"
        else:
            note += "given"
        parts.append(Text.assemble("\n", (message.role, f"bold {style}"), (note, "dim")))
        parts.append(Text(message.content))
    if tokens:
        parts.append(Text(" ".join(map(str, node.tokens)), style="dim"))
    return parts
