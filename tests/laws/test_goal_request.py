"""A solution knows nothing that the policy cannot read: every value of the request stands in the
prompt, and nothing else but results reaches it."""

import re
from itertools import islice
from random import Random

import pytest

from surefoot.goals import FAMILIES, Family, FamilySource


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_value_of_the_request_stands_in_the_prompt(family: Family) -> None:
    for seed in range(300):
        draft = family.make(Random(seed))
        for value in draft.request.values():
            assert re.search(rf"(?<![\w./]){re.escape(value)}(?![\w/])", draft.prompt), draft


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_hidden_answer_stands_in_no_prompt(family: Family) -> None:
    for goal in islice(FamilySource([family], seed=2).goals("train"), 200):
        if "answer" in goal.expected:
            assert goal.expected["answer"] not in re.split(r"[^\w]+", goal.prompt)
