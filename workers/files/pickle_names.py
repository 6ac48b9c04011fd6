"""The names that a pickle of weights may use, and how. Whatever is not here is code: the file is of tier C.

Tier A is what PyTorch's own weights-only loader admits; tier B are classes that trainers leave in checkpoints beside
the weights, and that hold values and do nothing when they are made. Modules are as Python 3 calls them.
"""

from __future__ import annotations

from typing import NamedTuple


class NumberType(NamedTuple):
    """A tensor's element: its name in safetensors (empty where that has none) and its bytes."""

    dtype: str
    bytes: int


_NUMBER_TYPES = {
    "float64": NumberType("F64", 8),
    "float32": NumberType("F32", 4),
    "float16": NumberType("F16", 2),
    "bfloat16": NumberType("BF16", 2),
    "float8_e4m3fn": NumberType("F8_E4M3", 1),
    "float8_e5m2": NumberType("F8_E5M2", 1),
    "float8_e4m3fnuz": NumberType("F8_E4M3FNUZ", 1),
    "float8_e5m2fnuz": NumberType("F8_E5M2FNUZ", 1),
    "float8_e8m0fnu": NumberType("F8_E8M0", 1),
    "complex64": NumberType("C64", 8),
    "complex128": NumberType("", 16),
    "complex32": NumberType("", 4),
    "int64": NumberType("I64", 8),
    "int32": NumberType("I32", 4),
    "int16": NumberType("I16", 2),
    "int8": NumberType("I8", 1),
    "uint64": NumberType("U64", 8),
    "uint32": NumberType("U32", 4),
    "uint16": NumberType("U16", 2),
    "uint8": NumberType("U8", 1),
    "bool": NumberType("BOOL", 1),
    "quint8": NumberType("", 1),
    "qint8": NumberType("", 1),
    "qint32": NumberType("", 4),
}
_STORAGE_NAMES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "QUInt8Storage": "quint8",
    "QInt8Storage": "qint8",
    "QInt32Storage": "qint32",
}
# Global → the number type of its elements; an untyped storage is counted in bytes.
STORAGES: dict[tuple[str, str], NumberType] = {
    (module, name): _NUMBER_TYPES[number]
    for name, number in _STORAGE_NAMES.items()
    for module in ("torch", "torch.cuda")
} | {(f"torch.{where}storage", "UntypedStorage"): NumberType("U8", 1) for where in ("", "cuda.")}
STORAGES[("torch", "UntypedStorage")] = NumberType("U8", 1)
NUMBER_TYPES: dict[tuple[str, str], NumberType] = {("torch", name): kind for name, kind in _NUMBER_TYPES.items()}

# Functions whose meaning the reader knows (`workers.files.pickle`); tier A.
KNOWN_CALLS: frozenset[tuple[str, str]] = frozenset(
    {
        ("collections", "OrderedDict"),
        ("torch._utils", "_rebuild_tensor"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_tensor_v3"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch._utils", "_rebuild_parameter_with_state"),
        ("torch._tensor", "_rebuild_from_type_v2"),
        ("torch", "Size"),
        ("torch", "device"),
        ("torch.serialization", "_get_layout"),
        ("_codecs", "encode"),
        ("builtins", "set"),
        ("builtins", "frozenset"),
    }
)
# Classes that stand for themselves and may only be handed on as values; tier A.
PLAIN_TYPES: frozenset[tuple[str, str]] = frozenset(
    {("torch", "Tensor"), ("torch.nn.parameter", "Parameter"), ("torch", "strided")}
    | {("builtins", name) for name in ("int", "float", "str", "bool", "list", "dict", "tuple", "complex", "bytes")}
)
# Tensors that safetensors cannot hold: the file is harmless, and cannot be converted.
UNKEEPABLE: dict[tuple[str, str], str] = {
    ("torch._utils", "_rebuild_qtensor"): "quantised",
    ("torch._utils", "_rebuild_sparse_tensor"): "sparse",
    ("torch._utils", "_rebuild_sparse_csr_tensor"): "sparse",
    ("torch._utils", "_rebuild_nested_tensor"): "nested",
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): "empty (meta)",
}

_CALLBACKS = (
    "model_checkpoint.ModelCheckpoint early_stopping.EarlyStopping lr_monitor.LearningRateMonitor "
    "device_stats_monitor.DeviceStatsMonitor gpu_stats_monitor.GPUStatsMonitor timer.Timer "
    "progress.tqdm_progress.TQDMProgressBar progress.ProgressBar stochastic_weight_avg.StochasticWeightAveraging"
)
_OMEGACONF = (
    "dictconfig.DictConfig listconfig.ListConfig base.ContainerMetadata base.Metadata nodes.AnyNode nodes.StringNode "
    "nodes.IntegerNode nodes.FloatNode nodes.BooleanNode nodes.BytesNode nodes.PathNode nodes.EnumNode nodes.ValueNode"
)
_SCHEDULERS = (
    "LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR CosineAnnealingLR OneCycleLR "
    "CosineAnnealingWarmRestarts ReduceLROnPlateau CyclicLR PolynomialLR SequentialLR"
)
_OPTIMIZERS = "adam.Adam adamw.AdamW sgd.SGD rmsprop.RMSprop adagrad.Adagrad adadelta.Adadelta nadam.NAdam radam.RAdam"


def _named(prefix: str, dotted: str) -> tuple[str, str]:
    module, _, name = f"{prefix}.{dotted}".rpartition(".")
    return module, name


# Inert extras, tier B: made as placeholders, their contents kept only where a conversion asks for them.
INERT: frozenset[tuple[str, str]] = frozenset(
    {
        ("argparse", "Namespace"),
        ("types", "SimpleNamespace"),
        ("collections", "defaultdict"),
        ("collections", "Counter"),
        ("collections", "deque"),
        ("copyreg", "_reconstructor"),
        ("builtins", "bytearray"),
        ("datetime", "datetime"),
        ("datetime", "date"),
        ("datetime", "timedelta"),
        ("pathlib", "PosixPath"),
        ("pathlib", "WindowsPath"),
        ("pathlib", "PurePosixPath"),
        ("pathlib", "PureWindowsPath"),
        ("typing", "Any"),
        ("typing", "Dict"),
        ("typing", "List"),
        ("typing", "Union"),
        ("typing", "Optional"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("torch.nn.modules.container", "ParameterDict"),
        ("torch.nn.modules.container", "ParameterList"),
        ("torch.torch_version", "TorchVersion"),
        ("pytorch_lightning.utilities.parsing", "AttributeDict"),
        ("lightning_fabric.utilities.data", "AttributeDict"),
        ("lightning.fabric.utilities.data", "AttributeDict"),
        ("lightning.pytorch.utilities.parsing", "AttributeDict"),
    }
    | {
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("scalar", "_reconstruct")
    }
    | {(f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")}
    | {
        _named(f"{lightning}.callbacks", callback)
        for lightning in ("pytorch_lightning", "lightning.pytorch")
        for callback in _CALLBACKS.split()
    }
    | {_named("omegaconf", name) for name in _OMEGACONF.split()}
    | {("torch.optim.lr_scheduler", name) for name in _SCHEDULERS.split()}
    | {_named("torch.optim", name) for name in _OPTIMIZERS.split()}
)  # fmt: skip
# Python 2's and older names of the same.
RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "UserDict": "collections"}
# Where instances of these take items (`obj[key] = value`) and elements (`obj.append(value)`).
MAPPINGS = frozenset({"defaultdict", "Counter", "AttributeDict", "ParameterDict"})
SEQUENCES = frozenset({"deque", "bytearray"})
# Those of the inert that are called with arguments (REDUCE); instances of the others are made empty, then filled.
_CALLED = (
    "defaultdict Counter deque _reconstructor bytearray datetime date timedelta PosixPath WindowsPath PurePosixPath "
    "PureWindowsPath SimpleNamespace scalar _reconstruct _frombuffer dtype"
)
CALLED = frozenset(_CALLED.split())
# What a defaultdict may make of a missing key.
FACTORIES = frozenset({"list", "dict", "int", "float", "set", "str", "bool", "tuple", "OrderedDict"})
