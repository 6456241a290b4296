# pyright: basic
"""Loads any Hugging Face causal LM directory and runs rows of tokens packed, without padding.

Used by the trainer (`logits`, differentiable) and by the torch engine (`run`, `head`), so both see
the same numbers. It is not a tokenizer, an optimizer or a sampler. Dropout is never active: the
distribution that is trained is the one that was sampled from.

    tokens_N --run(attend)--> hidden_NE --[select_M]--> head --> logits_MV (always float32)

Shapes: N packed tokens, M selected positions, V vocabulary, E hidden size.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils.logging import disable_progress_bar

from surefoot.engines.model_files import TOKENIZER_FILES, replacing
from surefoot.engines.torch_attention import NAME, Attend, PackedRows
from surefoot.records.errors import MachineError, PolicyError

ADAPTER = "adapter.safetensors"

disable_progress_bar()  # what is shown while a policy loads is the command's to say


class LoraConfig(BaseModel):
    """Trains low-rank additions to the linear layers instead of all weights (arXiv 2106.09685)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = 16
    """Rank of the additions: larger learns more and costs more memory."""
    alpha: int = 32
    """The additions are scaled by alpha / rank."""
    targets: tuple[str, ...] = ()
    """Names of the linear layers that get one (`q_proj` ...); empty: all but the LM head."""


class Geometry(NamedTuple):
    """The size of what attention keeps for one token: the same in every layer."""

    layers: int
    kv_heads: int
    head_dim: int


class Model:
    """A causal LM with its weights on one device. Made by `load_model`.

    `context` is the longest row in tokens; `geometry` sizes a KV cache; `source` is the directory
    that the tokenizer's files are copied from.
    """

    def __init__(self, network: PreTrainedModel, source: Path, geometry: Geometry) -> None:
        self.network = network
        self.source = source
        self.geometry = geometry
        self.context = _context(network.config)
        head = network.get_output_embeddings()
        if not isinstance(head, nn.Linear):
            raise PolicyError(f"{source} is no causal LM: it has no linear LM head.")
        self.lm_head = head
        self.vocabulary: int = head.weight.shape[0]
        self.lora = False

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' type; logits are float32 whatever it is."""
        return self.network.dtype

    def logits(
        self, tokens_N: Tensor, positions_N: Tensor, lengths: Sequence[int], select_M: Tensor
    ) -> Tensor:
        """Float32 logits [M, V] at the flat positions `select_M`, differentiable.

        Rows of `lengths` tokens lie end to end in `tokens_N`; each attends causally to itself.
        Logits at position i are about the token at i + 1.
        """
        hidden_NE = self.run(tokens_N, positions_N, PackedRows(lengths))
        return self.head(hidden_NE[select_M])

    def run(self, tokens_N: Tensor, positions_N: Tensor, attend: Attend) -> Tensor:
        """The last hidden states [N, E] of tokens that see what `attend` lets them see."""
        output = self.network.base_model(
            input_ids=tokens_N[None], position_ids=positions_N[None], use_cache=False, attend=attend
        )
        return output.last_hidden_state[0]

    def head(self, hidden_ME: Tensor) -> Tensor:
        """The LM head, computed in float32 or wider (MiniMax-M1, arXiv 2506.13585, section
        3.2: a head of lower precision makes trainer and engine disagree)."""
        wide = torch.promote_types(hidden_ME.dtype, torch.float32)
        bias = self.lm_head.bias
        bias_V = None if bias is None else bias.to(wide)
        return linear(hidden_ME.to(wide), self.lm_head.weight.to(wide), bias_V)

    def parameters(self) -> list[nn.Parameter]:
        """The trainable parameters: all of them, or LoRA's additions."""
        return [p for p in self.network.parameters() if p.requires_grad]

    def weights(self) -> dict[str, Tensor]:
        """All weights by their Hugging Face names, LoRA's additions merged in; detached."""
        state = {name: value.detach() for name, value in self.network.state_dict().items()}
        if not self.lora:
            return state
        merged = {n.replace(".base_layer", ""): v for n, v in state.items() if ".lora_" not in n}
        for name, layer in _lora_layers(self.network).items():
            merged[f"{name}.weight"] = _merged(layer)
        return merged

    def copy_from(self, other: "Model") -> None:
        """Takes over the weights of another model of the same architecture, in place."""
        self._take(other.weights())

    def load_weights(self, directory: Path) -> None:
        """Takes over the weights of a saved version of the same architecture, in place.

        A model with LoRA reads only its additions, exactly as `save` wrote them.

        Raises:
            PolicyError: the directory is missing, corrupt, or of another architecture.
        """
        if self.lora:
            self._take_adapter(directory)
            return
        self._take(_read(directory, self.dtype).state_dict())

    def save(self, directory: Path) -> None:
        """Writes a Hugging Face directory: config, weights (LoRA merged), tokenizer files.

        Atomic: the directory holds the old version or the new one, never half of one. A model with
        LoRA also writes its additions alone (`adapter.safetensors`), for an exact resume.
        """
        with replacing(directory) as partial:
            self.network.save_pretrained(partial, state_dict=self.weights())
            if self.lora:
                save_file({n: v.detach() for n, v in self._adapter()}, partial / ADAPTER)
            for pattern in TOKENIZER_FILES:
                for file in self.source.glob(pattern):
                    shutil.copyfile(file, partial / file.name)

    def _adapter(self) -> list[tuple[str, nn.Parameter]]:
        return [(n, p) for n, p in self.network.named_parameters() if ".lora_" in n]

    def _take(self, weights: dict[str, Tensor]) -> None:
        own = self.network.state_dict()
        if {n: v.shape for n, v in own.items()} != {n: v.shape for n, v in weights.items()}:
            raise PolicyError(
                f"These weights are of another architecture than the policy in {self.source}; "
                "use a version of the same policy."
            )
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(weights[name])

    def _take_adapter(self, directory: Path) -> None:
        try:
            saved = load_file(directory / ADAPTER)
            with torch.no_grad():
                for name, parameter in self._adapter():
                    parameter.copy_(saved[name])
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise PolicyError(
                f"{directory} holds no usable {ADAPTER} for this LoRA policy ({error}); "
                "resume from a version that the same configuration saved."
            ) from error


def load_model(
    directory: Path, *, device: str = "auto", dtype: str = "float32", lora: LoraConfig | None = None
) -> Model:
    """Loads a Hugging Face causal LM directory (config.json and safetensors).

    Args:
        device: a torch device, or `auto`: CUDA where found.
        dtype: `float32` or `bfloat16`, the type of the weights.
        lora: train low-rank additions instead of all weights.

    Raises:
        PolicyError: the directory is missing, foreign or corrupt, or its architecture computes
            something that packed rows cannot (found by comparing with its own attention).
        MachineError: the device is not there.
    """
    network: Any = _read(Path(directory), _dtype(dtype))
    network.to(_device(device))
    model = Model(network, Path(directory), _probe(network, Path(directory)))
    if lora is not None:
        _add_lora(model, lora)
    return model


def _dtype(name: str) -> torch.dtype:
    types = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}
    if name not in types:
        raise PolicyError(f"A policy cannot be loaded as {name}; use float32 or bfloat16.")
    return types[name]


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise MachineError(f"There is no device {name} here; use device = 'auto'.") from error
    return device


def _read(directory: Path, dtype: torch.dtype) -> PreTrainedModel:
    """The network with all its weights, on the CPU."""
    if not (directory / "config.json").is_file():
        raise PolicyError(
            f"{directory} is no Hugging Face model directory: it has no config.json; "
            "point to a directory that holds config.json and safetensors."
        )
    loader: Any = AutoModelForCausalLM
    try:
        network, found = loader.from_pretrained(
            directory,
            dtype=dtype,
            attn_implementation=NAME,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise PolicyError(f"{directory} cannot be loaded as a causal LM: {reason}") from error
    if found["missing_keys"] or found["mismatched_keys"]:
        names = sorted([*found["missing_keys"], *(k[0] for k in found["mismatched_keys"])])
        raise PolicyError(
            f"{directory} lacks weights that its config.json asks for ({names[0]} and "
            f"{len(names) - 1} more); copy the complete model again."
        )
    return network.eval()


class _Recorder:
    """Attends as PackedRows does and notes what each layer brought."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.rows = PackedRows(lengths)
        self.layers: list[tuple[int, int, int, int]] = []

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        self.layers.append((layer, key_KND.shape[0], key_KND.shape[2], value_KND.shape[2]))
        return self.rows(layer, query_HND, key_KND, value_KND, scaling)


def _probe(network: PreTrainedModel, directory: Path) -> Geometry:
    """Runs two short rows packed and again alone through the network's own attention.

    Whatever packed rows cannot express (recurrent layers, soft-capped or scaled logits, a mask of
    its own ...) shows here, whatever the architecture's name.
    """
    lengths = (7, 5)
    tokens_N = torch.arange(sum(lengths), device=network.device) % network.config.vocab_size
    positions_N = torch.cat([torch.arange(n, device=network.device) for n in lengths])
    recorder = _Recorder(lengths)
    unsupported = f"The architecture of {directory} ({network.config.model_type}) is not supported"
    try:
        with torch.no_grad():
            model = Model(network, directory, Geometry(0, 0, 0))
            packed_NV = model.head(model.run(tokens_N, positions_N, recorder))
            network.set_attn_implementation("eager")
            alone = [network(row[None]).logits[0].float() for row in tokens_N.split(lengths)]
            network.set_attn_implementation(NAME)
    except (TypeError, AttributeError, ValueError, RuntimeError, KeyError, IndexError) as error:
        raise PolicyError(f"{unsupported}: {type(error).__name__}: {error}.") from error
    expected_NV = torch.cat(alone)
    tolerance = (5e-2 if network.dtype == torch.bfloat16 else 1e-3) * expected_NV.abs().max()
    sizes = {layer[1:] for layer in recorder.layers}
    if sorted(layer[0] for layer in recorder.layers) != list(range(len(recorder.layers))):
        raise PolicyError(f"{unsupported}: its layers are not numbered one by one.")
    if len(recorder.layers) != network.config.num_hidden_layers or len(sizes) != 1:
        raise PolicyError(f"{unsupported}: not all its layers attend in the same, ordinary way.")
    if (packed_NV - expected_NV).abs().max() > tolerance:
        raise PolicyError(f"{unsupported}: rows packed together do not give its own logits.")
    kv_heads, head_dim, value_dim = sizes.pop()
    if head_dim != value_dim:
        raise PolicyError(f"{unsupported}: its keys and values differ in size.")
    return Geometry(len(recorder.layers), kv_heads, head_dim)


def _context(config: PretrainedConfig) -> int:
    """The longest row that full attention computes as this config means it, in tokens.

    A sliding window and `longrope`'s switch of frequencies are exact up to their own lengths.
    """
    settings = config.to_dict()
    limits = [settings.get("max_position_embeddings"), settings.get("n_positions")]
    if "sliding_attention" in settings.get("layer_types", ["sliding_attention"]):
        limits.append(settings.get("sliding_window"))
    limits.append((settings.get("rope_parameters") or {}).get("original_max_position_embeddings"))
    return min((limit for limit in limits if limit is not None), default=2**31)


def _add_lora(model: Model, lora: LoraConfig) -> None:
    import peft  # heavy, and only wanted with LoRA

    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=list(lora.targets) or "all-linear",
        lora_dropout=0.0,
        fan_in_fan_out=any(isinstance(m, Conv1D) for m in model.network.modules()),
    )
    try:
        peft.inject_adapter_in_model(config, model.network)
    except ValueError as error:
        raise PolicyError(
            f"LoRA found no layers named {', '.join(lora.targets)} in {model.source}; "
            "name linear layers of this architecture."
        ) from error
    model.lora = True


def _lora_layers(network: nn.Module) -> dict[str, Any]:
    from peft.tuners.lora import LoraLayer

    return {n: m for n, m in network.named_modules() if isinstance(m, LoraLayer)}


def _merged(layer: Any) -> Tensor:
    delta = layer.get_delta_weight("default").detach()
    return layer.base_layer.weight.detach() + delta
