"""Loading, packed rows, saving: what a policy directory must be and what becomes of it."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, BloomConfig, CohereConfig, Gemma2Config, MambaConfig

from engines import tiny
from surefoot.engines.model import LoraConfig, load_model
from surefoot.records.errors import MachineError, PolicyError

ROWS = (23, 1, 40)
TOKENS = torch.tensor(tiny.prompt(0, sum(ROWS)))
POSITIONS = torch.cat([torch.arange(n) for n in ROWS])
ALL = torch.arange(sum(ROWS))


def load(directory, **settings):
    return load_model(directory, device="cpu", **settings)


def logits(model):
    return model.logits(TOKENS, POSITIONS, ROWS, ALL)


@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_packed_rows_give_the_logits_and_gradients_of_rows_alone(name, tmp_path):
    directory = tiny.policy(name, tmp_path / "policy")
    model = load(directory)
    logits(model).logsumexp(-1).sum().backward()
    alone = AutoModelForCausalLM.from_pretrained(directory, attn_implementation="eager")
    rows = [alone(row[None]).logits[0] for row in TOKENS.split(ROWS)]
    torch.cat(rows).logsumexp(-1).sum().backward()
    assert torch.allclose(logits(model), torch.cat(rows), atol=1e-5)
    for mine, theirs in zip(model.parameters(), alone.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-3, rtol=1e-4)


def test_only_selected_positions_are_computed(tmp_path):
    model = load(tiny.policy("qwen3", tmp_path / "policy"))
    select = torch.tensor([5, 60, 23])
    few = model.logits(TOKENS, POSITIONS, ROWS, select)
    assert few.shape == (3, tiny.VOCABULARY)
    assert torch.allclose(few, logits(model)[select], atol=1e-6)


def test_dropout_in_a_config_is_never_active(tmp_path):
    config = tiny.GPT2Config(
        vocab_size=tiny.VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        attn_pdrop=0.5,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = load(tiny.save(config, tmp_path / "policy"))
    assert torch.equal(logits(model), logits(model))


def test_the_context_ends_with_the_smallest_window(tmp_path):
    assert load(tiny.policy("mistral", tmp_path / "mistral")).context == 400
    assert load(tiny.policy("gpt2", tmp_path / "gpt2")).context == 512


REFUSED = {
    "soft-capped attention": Gemma2Config(**tiny.SIZES, num_key_value_heads=2, head_dim=8),
    "scaled logits": CohereConfig(**tiny.SIZES, num_key_value_heads=2),
    "recurrent layers": MambaConfig(
        vocab_size=tiny.VOCABULARY, hidden_size=32, num_hidden_layers=2, eos_token_id=2
    ),
    "attention of its own": BloomConfig(
        vocab_size=tiny.VOCABULARY, hidden_size=32, n_layer=2, n_head=4
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_packed_rows_cannot_express_is_refused(kind, tmp_path):
    directory = tiny.save(REFUSED[kind], tmp_path / "policy")
    with pytest.raises(PolicyError, match=r"architecture .* is not supported"):
        load(directory)


def test_a_directory_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(PolicyError, match=r"no config\.json"):
        load(tmp_path / "missing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(PolicyError, match="cannot be loaded"):
        load(tmp_path)
    (tmp_path / "config.json").write_text("not json")
    with pytest.raises(PolicyError, match="cannot be loaded"):
        load(tmp_path)


def test_corrupt_weights_are_refused(tmp_path):
    directory = tiny.policy("qwen3", tmp_path / "policy")
    weights = directory / "model.safetensors"
    whole = weights.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"\xff" * 64):
        weights.write_bytes(broken)
        with pytest.raises(PolicyError, match="cannot be loaded"):
            load(directory)
    weights.unlink()
    with pytest.raises(PolicyError, match="cannot be loaded"):
        load(directory)


def test_missing_or_foreign_weights_are_refused(tmp_path):
    directory = tiny.policy("qwen3", tmp_path / "policy")
    config = json.loads((directory / "config.json").read_text())
    for change in ({"num_hidden_layers": 3, "layer_types": None}, {"intermediate_size": 50}):
        (directory / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(PolicyError):
            load(directory)


def test_a_type_or_device_that_is_not_there_is_refused(tmp_path):
    directory = tiny.policy("gpt2", tmp_path / "policy")
    with pytest.raises(PolicyError, match="float32 or bfloat16"):
        load(directory, dtype="int4")
    with pytest.raises(MachineError, match="auto"):
        load_model(directory, device="abacus")


def test_a_saved_policy_is_the_same_policy(tmp_path):
    source = tiny.policy("qwen3", tmp_path / "policy")
    (source / "tokenizer.json").write_text("{}")
    (source / "notes.txt").write_text("not the tokenizer's")
    model = load(source)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01
    for _ in range(2):  # the second replaces the first
        model.save(tmp_path / "saved")
    assert torch.equal(logits(load(tmp_path / "saved")), logits(model))
    names = {path.name for path in (tmp_path / "saved").iterdir()}
    assert names == {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy", "saved"]
    again = load(source)
    again.load_weights(tmp_path / "saved")
    assert torch.equal(logits(again), logits(model))


def test_a_save_that_fails_leaves_the_old_version(tmp_path):
    model = load(tiny.policy("qwen3", tmp_path / "policy"))
    model.save(tmp_path / "saved")
    before = (tmp_path / "saved" / "model.safetensors").read_bytes()
    (tmp_path / "policy" / "tokenizer.json").mkdir()  # cannot be copied as a file
    with pytest.raises(OSError):
        model.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy", "saved"]


@pytest.mark.parametrize("name", ["qwen3", "gpt2", "gpt_neox"])
def test_lora_trains_few_parameters_and_saves_a_whole_policy(name, tmp_path):
    source = tiny.policy(name, tmp_path / "policy")
    model = load(source, lora=LoraConfig(rank=2))
    assert torch.equal(logits(model), logits(load(source))), "it begins as the policy itself"
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    model.save(tmp_path / "saved")
    assert torch.allclose(logits(load(tmp_path / "saved")), logits(model), atol=1e-4)
    resumed = load(source, lora=LoraConfig(rank=2))
    resumed.load_weights(tmp_path / "saved")
    assert torch.equal(logits(resumed), logits(model))


def test_lora_refuses_layers_and_versions_that_do_not_fit(tmp_path):
    source = tiny.policy("qwen3", tmp_path / "policy")
    with pytest.raises(PolicyError, match="no layers named nothing"):
        load(source, lora=LoraConfig(targets=("nothing",)))
    model = load(source, lora=LoraConfig(rank=2))
    with pytest.raises(PolicyError, match=r"adapter\.safetensors"):
        model.load_weights(source)
