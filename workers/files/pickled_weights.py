"""Which of a pickle's tensors are weights, and what they are called once they are safetensors.

A trainer's checkpoint keeps its weights under one key (``state_dict``) beside what only training needs: that is left
out, and told. Hypernetworks and A1111's textual inversions get the layouts that `workers.adapters` read, with their
settings as metadata. Anything else keeps its names, those of nested dicts joined by dots.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from workers.files.pickle_values import BadPickle, Made, Tensor
from workers.files.text import clean, evidence

MAX_TENSORS = 100_000
MAX_VALUES = 1_000_000
MAX_DEPTH = 12
MAX_TEXT = 10_000
# Under which a trainer keeps the weights, the likeliest first; averaged ones before the last step's.
WRAPPERS = ("state_dict", "params_ema", "params", "model_state_dict", "model", "module", "net", "generator", "weights")
# Facts beside the weights that say what they are.
FACTS = ("name", "step", "epoch", "global_step", "sd_checkpoint", "sd_checkpoint_name", "arch", "scale")
# A1111 (`modules/hypernetworks/hypernetwork.py`, `load`): what its nets are built from, with its defaults.
HYPERNETWORK_DEFAULTS: dict[str, Any] = {
    "layer_structure": [1, 2, 1],
    "activation_func": None,
    "is_layer_norm": False,
    "weight_initialization": "Normal",
    "use_dropout": False,
    "activate_output": True,
    "last_layer_dropout": False,
    "dropout_structure": None,
    "optional_info": None,
}
_OLD_LAYERS = {"linear1": "linear.0", "linear2": "linear.1"}


@dataclass
class Weights:
    """Tensors by name, metadata as safetensors keeps it (texts), and the keys whose values were left out."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def weights_of(value: Any) -> Weights:
    """The weights in a pickle's ``value``. Raises `BadPickle` where there are none, or none that can be kept."""
    value = _inside(value)
    if type(value) is Tensor:
        found = Weights({"tensor": value})
    elif type(value) is dict and _is_hypernetwork(value):
        found = _hypernetwork(value)
    elif type(value) is dict and "string_to_param" in value:
        found = _inversion(value)
    else:
        found = _checkpoint(value)
    if not found.tensors:
        raise BadPickle("no-tensors", "The pickle holds no tensors, so there are no weights in it.")
    _check_keepable(found.tensors)
    return found


def _inside(value: Any) -> Any:
    """The dict of a class that is one (an AttributeDict, a ParameterDict); other values as they are."""
    if type(value) is not Made:
        return value
    if value.name.name.startswith("Parameter") and type(value.state) is dict:
        return value.state.get("_parameters")
    return value.items or value


def _checkpoint(value: Any) -> Weights:
    found = Weights()
    chosen = value
    if type(value) is dict:
        found.metadata = facts(value)
        if not any(type(part) is Tensor for part in value.values()):
            for key in WRAPPERS:
                inner = _inside(value.get(key))
                if type(inner) is dict and any(type(part) is Tensor for part in inner.values()):
                    chosen = inner
                    found.left_out = [_key_text(other) for other in value if other != key and other not in FACTS]
                    break
    budget = iter(range(MAX_VALUES))
    for name, tensor in _named(chosen, "", 0, budget):
        _put(found.tensors, name, tensor)
    if chosen is value and type(value) is dict:
        found.left_out = [_key_text(key) for key, part in value.items() if type(part) in (Made, bytes)]
    return found


def _named(value: Any, prefix: str, depth: int, budget: Iterator[int]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in nested dicts and lists with its path; ``budget`` and depth end values that hold themselves."""
    if next(budget, None) is None or depth > MAX_DEPTH:
        _refuse("tangled", "The pickle's values are nested in one another beyond all measure.")
    value = _inside(value)
    if type(value) is Tensor:
        yield prefix or "tensor", value
    elif type(value) is dict:
        for key, part in value.items():
            if type(part) in (Tensor, dict, list, tuple, Made):
                yield from _named(part, f"{prefix}.{_key_text(key)}" if prefix else _key_text(key), depth + 1, budget)
    elif type(value) in (list, tuple):
        for place, part in enumerate(value):
            if type(part) in (Tensor, dict, list, tuple, Made):
                yield from _named(part, f"{prefix}.{place}" if prefix else str(place), depth + 1, budget)


def _put(tensors: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    if name in tensors:
        _refuse("twice", "Two tensors of the pickle would have the same name.", name)
    if name == "__metadata__":
        _refuse("name", "A tensor has the name that safetensors keeps for metadata.")
    if len(tensors) >= MAX_TENSORS:
        _refuse("too-many-tensors", f"The pickle holds more than {MAX_TENSORS:,} tensors; no model does.")
    tensors[name] = tensor


def _key_text(key: Any) -> str:
    return key if type(key) is str else str(key) if type(key) in (int, float, bool, type(None)) else "?"


def facts(value: dict[Any, Any]) -> dict[str, str]:
    """What the values beside the weights say of them, as clean texts."""
    told = {}
    for key in FACTS:
        fact = value.get(key)
        if type(fact) in (str, int, float, bool) and fact != "":
            told[key] = clean(str(fact), MAX_TEXT)
    return told


# Hypernetworks.


def _is_hypernetwork(value: dict[Any, Any]) -> bool:
    return any(type(key) is int and _is_pair(part) for key, part in value.items())


def _is_pair(part: Any) -> bool:
    return type(part) in (tuple, list) and len(part) == 2 and all(type(half) is dict for half in part)


def _hypernetwork(value: dict[Any, Any]) -> Weights:
    """``hn.<width>.<k|v>.linear.<index>.<weight|bias>``; the indices as in the file: they count activations, norms and
    dropouts, and the metadata says which those are."""
    found = Weights(metadata=facts(value))
    for width, pair in value.items():
        if type(width) is not int:
            continue
        if not _is_pair(pair):
            _refuse("hypernetwork", "The hypernetwork lacks the nets for keys or for values.", str(width))
        for stream, state in zip("kv", pair, strict=True):
            for key, tensor in state.items():
                if type(tensor) is not Tensor or type(key) is not str:
                    _refuse("hypernetwork", "A net of the hypernetwork holds what is no tensor.", _key_text(key))
                layer, _, rest = key.partition(".")
                _put(found.tensors, f"hn.{width}.{stream}.{_OLD_LAYERS.get(layer, layer)}.{rest}", tensor)
    for setting, default in HYPERNETWORK_DEFAULTS.items():
        if (chosen := value.get(setting, default)) is not None:
            found.metadata[setting] = _setting(setting, chosen)
    return found


def _setting(name: str, chosen: Any) -> str:
    if type(chosen) in (list, tuple):
        if not all(type(part) in (int, float, bool) or part is None for part in chosen) or len(chosen) > 64:
            _refuse("hypernetwork", f"The hypernetwork's {name.replace('_', ' ')} is not a list of numbers.")
        return json.dumps(list(chosen))
    if type(chosen) not in (str, int, float, bool):
        _refuse("hypernetwork", f"The hypernetwork's {name.replace('_', ' ')} is no text and no number.")
    return clean(str(chosen), MAX_TEXT)


# Textual inversions.


def _inversion(value: dict[Any, Any]) -> Weights:
    """``emb_params``, as kohya writes it and every UI reads it; where there are several words, each by its name."""
    vectors = _inside(value["string_to_param"])
    if type(vectors) is not dict or not vectors or not all(type(part) is Tensor for part in vectors.values()):
        _refuse("inversion", "The textual inversion holds no vectors.")
    found = Weights(metadata=facts(value), left_out=[])
    for word, tensor in vectors.items():
        name = "emb_params" if len(vectors) == 1 else f"string_to_param.{_key_text(word)}"
        _put(found.tensors, name, tensor)
    word = next(iter(vectors))
    if "name" not in found.metadata and type(word) is str and word != "*":
        found.metadata["name"] = clean(word, MAX_TEXT)
    return found


def _check_keepable(tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.unkeepable:
            _refuse("unkeepable", f"The pickle holds {tensor.unkeepable} tensors, which safetensors cannot.", name)
        if not tensor.number.dtype:
            _refuse("unkeepable", "A tensor's number type (complex double, quantised) is none of safetensors'.", name)


def _refuse(code: str, sentence: str, found: str = "") -> NoReturn:
    raise BadPickle(code, sentence, evidence(found))
