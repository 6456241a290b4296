"""Losses against numbers worked out by hand, against finite differences, and against each other."""

import math

import numpy as np
import pytest
import torch

from surefoot.training.losses import LOSSES, Clip, Terms

CLIP = Clip(0.2, 0.3)


def terms(ratios: list[float], advantages: list[float], episodes: list[int]) -> Terms:
    old = torch.full((len(ratios),), -1.0, dtype=torch.float64)
    new = (old + torch.tensor(ratios, dtype=torch.float64).log()).requires_grad_()
    return Terms(
        logprobs_M=new,
        old_logprobs_M=old,
        advantages_M=torch.tensor(advantages, dtype=torch.float64),
        weights_M=torch.full((len(ratios),), 0.25, dtype=torch.float64),
        episodes_M=torch.tensor(episodes),
    )


# Four tokens of weight 1/4: ratio above, within, above, below the clip [0.8, 1.3].
RATIOS = [2.0, 1.1, 2.0, 0.5]
ADVANTAGES = [1.0, 1.0, -1.0, -1.0]

# d loss / d log p of each token, by hand.
GRADIENTS = {
    # The weight is cut at 1.3, never from below, and every token keeps a gradient.
    "cispo": [-0.25 * 1.3, -0.25 * 1.1, 0.25 * 1.3, 0.25 * 0.5],
    # A token that went too far in the direction of its advantage loses its gradient.
    "grpo": [0.0, -0.25 * 1.1, 0.25 * 2.0, 0.0],
    "dapo": [0.0, -0.25 * 1.1, 0.25 * 2.0, 0.0],
    "reinforce": [-0.25, -0.25, 0.25, 0.25],
    "sft": [-0.25, -0.25, -0.25, -0.25],
}
CLIPPED = {
    "cispo": [True, False, True, False],
    "grpo": [True, False, False, True],
    "dapo": [True, False, False, True],
    "reinforce": [False] * 4,
    "sft": [False] * 4,
}


@pytest.mark.parametrize("name", sorted(GRADIENTS))
def test_gradients_equal_hand_computed_numbers(name: str) -> None:
    made = terms(RATIOS, ADVANTAGES, [0, 0, 1, 1])
    value = LOSSES[name].value(made, CLIP)  # type: ignore[index]
    value.loss.backward()
    assert made.logprobs_M.grad is not None
    np.testing.assert_allclose(made.logprobs_M.grad.numpy(), GRADIENTS[name], atol=1e-15)
    assert value.clipped_M.tolist() == CLIPPED[name]


def test_surrogate_value_equals_hand_computed_number() -> None:
    value = LOSSES["grpo"].value(terms(RATIOS, ADVANTAGES, [0, 0, 1, 1]), CLIP)
    assert value.loss.item() == pytest.approx(-0.25 * (1.3 + 1.1 - 2.0 - 0.8))


def test_cispo_value_equals_hand_computed_number() -> None:
    value = LOSSES["cispo"].value(terms([2.0, 0.5], [1.0, -2.0], [0, 1]), CLIP)
    by_hand = -0.25 * (1.3 * 1.0 * (-1 + math.log(2)) + 0.5 * -2.0 * (-1 - math.log(2)))
    assert value.loss.item() == pytest.approx(by_hand)


def test_gspo_uses_the_geometric_mean_of_an_episode() -> None:
    made = terms([1.2, 1.25, 4.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0, 0, 1, 1])
    value = LOSSES["gspo"].value(made, CLIP)
    value.loss.backward()
    first = math.sqrt(1.2 * 1.25)  # 1.22: not clipped, though 4.0 in the other episode is
    assert value.loss.item() == pytest.approx(-0.25 * (2 * first + 2 * 1.3))
    assert made.logprobs_M.grad is not None
    by_hand = [-0.25 * first, -0.25 * first, 0.0, 0.0]
    np.testing.assert_allclose(made.logprobs_M.grad.numpy(), by_hand, atol=1e-15)
    assert value.clipped_M.tolist() == [False, False, True, True]


@pytest.mark.parametrize("name", ["grpo", "dapo", "gspo", "reinforce", "sft"])
def test_gradients_equal_finite_differences(name: str) -> None:
    """CISPO is left out: its stopped weight makes its gradient that of no function."""
    generator = torch.Generator().manual_seed(3)
    ratios = (torch.randn(12, generator=generator, dtype=torch.float64) * 0.5).exp().tolist()
    advantages = torch.randn(12, generator=generator, dtype=torch.float64).tolist()
    made = terms(ratios, advantages, [at // 4 for at in range(12)])
    LOSSES[name].value(made, CLIP).loss.backward()  # type: ignore[index]
    assert made.logprobs_M.grad is not None
    for at in range(12):
        step = torch.zeros(12, dtype=torch.float64)
        step[at] = 1e-6
        ends = [
            LOSSES[name].value(made._replace(logprobs_M=made.logprobs_M.detach() + s), CLIP).loss  # type: ignore[index]
            for s in (step, -step)
        ]
        slope = (ends[0] - ends[1]).item() / 2e-6
        assert made.logprobs_M.grad[at].item() == pytest.approx(slope, abs=1e-8)


def test_every_ratio_loss_has_the_policy_gradient_on_policy() -> None:
    """At ratio 1 nothing is clipped, and all of them follow REINFORCE of the same weights."""
    gradients: dict[str, list[float]] = {}
    for name in ("cispo", "grpo", "dapo", "gspo", "reinforce"):
        made = terms([1.0] * 4, [1.0, 1.0, -0.5, -0.5], [0, 0, 1, 1])
        LOSSES[name].value(made, LOSSES[name].clip).loss.backward()  # type: ignore[index]
        assert made.logprobs_M.grad is not None
        gradients[name] = made.logprobs_M.grad.tolist()
    for name, found in gradients.items():
        assert found == pytest.approx(gradients["reinforce"], abs=1e-12), name
