"""bfloat16 rows on a CPU attend as float32 rows do, up to bfloat16's rounding."""

import pytest
import torch

from surefoot.engines.torch_attention import PackedRows
from surefoot.training import attend


@pytest.mark.parametrize("longest", [1024, 20], ids=["products", "fused above the limit"])
def test_products_equal_the_fused_kernel_in_values_and_gradients(
    longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attend, "LONGEST", longest)
    generator = torch.Generator().manual_seed(0)
    lengths = [5, 33, 1, 17]
    draw = [torch.randn(heads, 56, 8, generator=generator) for heads in (4, 2, 2)]
    found = []
    for rows in (attend.ProductRows(lengths), PackedRows(lengths)):
        inputs = [part.clone().requires_grad_() for part in draw]
        seen_NHD = rows(0, *inputs, 8**-0.5)
        (seen_NHD.float() ** 2).sum().backward()
        found.append([seen_NHD.detach().float(), *(part.grad for part in inputs)])
    for ours, reference in zip(*found, strict=True):
        torch.testing.assert_close(ours, reference, atol=0.06, rtol=0.06)


def test_bfloat16_on_a_cpu_takes_products_and_everything_else_the_fused_kernel() -> None:
    cpu = torch.device("cpu")
    assert isinstance(attend.attend_rows([3], cpu, "bfloat16"), attend.ProductRows)
    assert isinstance(attend.attend_rows([3], cpu, "float32"), PackedRows)
    assert isinstance(attend.attend_rows([3], torch.device("cuda"), "bfloat16"), PackedRows)
