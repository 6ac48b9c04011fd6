"""Ways to run code through a file of weights, or to deceive who looks for it, as the public advisories tell of them.

``GADGETS``: names that are called with text. ``SHAPES``: a pickle's own means. ``CONTAINERS``: what a ZIP or the old
layout can hide. Each makes the bytes of a file; none is ever opened here but by the gate.
"""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable

PROTO = b"\x80\x02"
HARMLESS = PROTO + b"}q\x00."  # an empty dict
COMMAND = "touch /tmp/weightroom-canary"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(dotted: str) -> bytes:
    module, _, last = dotted.rpartition(".")
    return f"c{module}\n{last}\n".encode()


def call(dotted: str, *arguments: str) -> bytes:
    """Opcodes that leave ``dotted(*arguments)`` on the stack."""
    return name(dotted) + b"(" + b"".join(text(argument) for argument in arguments) + b"tR"


def beside(payload: bytes) -> bytes:
    """A dict that holds the payload's value under a key that looks like a setting."""
    return PROTO + b"}q\x00" + text("state_dict") + payload + b"s."


LATER = b"\x80\x04"


def later_text(value: str) -> bytes:
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw if len(raw) < 256 else text(value)


def later(module: str, last: str) -> bytes:
    """A name, as protocol 4 has it."""
    return later_text(module) + later_text(last) + b"\x93"


def frame(pickled: bytes) -> bytes:
    return b"\x95" + struct.pack("<Q", len(pickled)) + pickled


def called_later(dotted: str) -> bytes:
    """A dict whose value is ``dotted(COMMAND)``, as Python's pickler writes it in protocol 4."""
    module, _, last = dotted.rpartition(".")
    return LATER + frame(
        b"}\x94"
        + later_text("state_dict")
        + b"\x94"
        + later(module, last)
        + b"\x94"
        + later_text(COMMAND)
        + b"\x94\x85\x94R"
        b"\x94s."
    )


_GADGETS = """
os.system posix.system nt.system os.popen os.execl os.execv os.spawnl os.posix_spawn os.startfile os.remove os.kill
subprocess.Popen subprocess.call subprocess.run subprocess.check_output subprocess.check_call subprocess.getoutput
subprocess.getstatusoutput commands.getoutput popen2.popen3 pty.spawn platform.popen _posixsubprocess.fork_exec
__builtin__.eval __builtin__.exec __builtin__.execfile __builtin__.compile __builtin__.__import__ __builtin__.getattr
__builtin__.open __builtin__.apply __builtin__.map __builtin__.setattr builtins.eval builtins.exec builtins.compile
builtins.__import__ builtins.getattr builtins.open builtins.breakpoint builtins.globals builtins.vars builtins.input
builtins.filter builtins.type builtins.memoryview builtins.help importlib.import_module importlib.__import__
importlib._bootstrap._exec runpy.run_path runpy.run_module runpy._run_code runpy._run_module_code imp.load_source
imp.load_dynamic code.interact code.InteractiveInterpreter codeop.compile_command pip.main pip._internal.main
pip._internal.cli.main.main ensurepip._run_pip venv.create pdb.run pdb.runeval pdb.Pdb bdb.Bdb trace.Trace
timeit.timeit timeit.main cProfile.run cProfile.runctx profile.run profile.Profile doctest.debug_script
doctest.testsource idlelib.autocomplete.AutoComplete.get_entity idlelib.calltip.get_entity
idlelib.run.Executive.runcode idlelib.pyshell.ModifiedInterpreter.runcode idlelib.debugobj.ObjectTreeItem.SetText
pydoc.pipepager pydoc.locate pydoc.tempfilepager webbrowser.open urllib.request.urlopen urllib2.urlopen
urllib.urlretrieve socket.socket socket.create_connection ssl.get_server_certificate http.client.HTTPSConnection
httplib.HTTPConnection ftplib.FTP smtplib.SMTP telnetlib.Telnet poplib.POP3 imaplib.IMAP4_stream
xmlrpc.client.ServerProxy requests.get requests.api.request aiohttp.client.ClientSession httpx.get
asyncio.create_subprocess_shell asyncio.run asyncio.unix_events._UnixSubprocessTransport._start
multiprocessing.util.spawnv_passfds multiprocessing.Process multiprocessing.popen_fork.Popen threading.Thread
concurrent.futures.ProcessPoolExecutor signal.signal ctypes.CDLL ctypes.cdll.LoadLibrary _ctypes.dlopen cffi.FFI
functools.partial functools.reduce functools.cached_property operator.attrgetter operator.methodcaller
operator.itemgetter _operator.methodcaller itertools.starmap types.CodeType types.FunctionType types.MethodType
types.DynamicClassAttribute marshal.loads pickle.loads pickle.load _pickle.loads cPickle.loads cloudpickle.loads
dill.loads joblib.load joblib.numpy_pickle.load shelve.open copyreg.__newobj__ numpy.load numpy.loadtxt numpy.fromfile
numpy.memmap numpy.testing._private.utils.runstring numpy.f2py.crackfortran._eval_length
numpy.f2py.crackfortran.getlincoef numpy.f2py.crackfortran.param_eval numpy.ctypeslib.load_library scipy.io.loadmat
pandas.read_pickle pandas.io.pickle.read_pickle pandas.eval torch.load torch.serialization.load torch.hub.load
torch.hub._load_local torch.jit.load torch.jit._script.script torch.storage._load_from_bytes torch._ops._Ops
torch.ops.load_library torch.classes.load_library torch._dynamo.guards.GuardBuilder.get
torch.utils._config_module.load_config torch.utils._config_module.ConfigModule.load_config
torch.utils.bottleneck.__main__.run_cprofile torch.utils.bottleneck.__main__.run_autograd_prof
torch.utils.collect_env.run torch.utils.cpp_extension.load_inline
torch.utils.data.datapipes.utils.decoder.basichandlers torch.fx.experimental.symbolic_shapes.ShapeEnv
torch._inductor.codecache.compile_file torch._jit_internal.createResolutionCallbackFromEnv
torch.distributed.rpc.rpc_sync torch.fx._symbolic_trace.Tracer torch.package.package_importer.PackageImporter
torch.nn.modules.linear.Linear torch._C._jit_pass_inline torch.from_file torch.UntypedStorage.from_file
torch.cuda.nccl.init_rank keras.models.load_model tensorflow.keras.layers.Lambda tensorflow.io.read_file
sklearn.externals.joblib.load modules.launch_utils.run modules.scripts.load_module custom_nodes.nodes.run
diffusers.DiffusionPipeline.from_pretrained diffusers.utils.dynamic_modules_utils.get_class_from_dynamic_module
transformers.AutoModel.from_pretrained transformers.dynamic_module_utils.get_class_in_module
ultralytics.nn.tasks.DetectionModel models.yolo.Model pytorch_lightning.utilities.cloud_io.load
lightning.fabric.utilities.cloud_io._load omegaconf.OmegaConf.register_resolver sys.settrace sys.setprofile
sys.modules logging.config.listen logging.config._resolve logging.FileHandler lib2to3.pgen2.grammar.Grammar.loads
lib2to3.pgen2.pgen.ParserGenerator.make_label distutils.file_util.write_file distutils.spawn.spawn
setuptools.sandbox.run_setup shutil.rmtree shutil.move shutil.copyfile pathlib.Path.write_text pathlib.Path.unlink
_io.FileIO io.open tempfile.NamedTemporaryFile linecache.getlines fileinput.input codecs.open zipimport.zipimporter
zipfile.ZipFile tarfile.open pkgutil.resolve_name pkgutil.get_loader test.support.script_helper.assert_python_ok
unittest.mock._importer dataclasses._create_fn typing.get_type_hints inspect.getattr_static gc.get_objects
weakref.finalize atexit.register sqlite3.connect dbm.open uuid._get_command_stdout mailcap.findmatch cgitb.lookup
antigravity.geohash this.s tkinter.Tcl curses.wrapper readline.read_init_file site.execsitecustomize
sysconfig._init_posix py_compile.compile compileall.compile_file zipapp.create_archive xml.etree.ElementTree.parse
xml.sax.parse yaml.unsafe_load ruamel.yaml.YAML jsonpickle.decode git.Repo.clone_from fabric.Connection
paramiko.SSHClient psutil.Popen sh.Command invoke.run pexpect.spawn IPython.start_ipython
ipykernel.kernelapp.launch_new_instance nbformat.read streamlit.web.cli.main gradio.Interface.load win32api.WinExec
asyncio.subprocess.create_subprocess_exec _xxsubinterpreters.run_string _testcapi.run_in_subinterp
_osx_support._read_output _aix_support._read_cmd_output _pyrepl.pager.pipe_pager collections.OrderedDict.__class__
torch._utils._rebuild_tensor_v2.__globals__ torch._tensor.Tensor.__reduce_ex__ argparse.FileType argparse._sys.modules
typing.re datetime.sys.modules pathlib.os.system collections.abc._sys.modules
"""
GADGETS: dict[str, bytes] = {dotted: beside(call(dotted, COMMAND)) for dotted in _GADGETS.split()}
GADGETS_LATER: dict[str, bytes] = {dotted: called_later(dotted) for dotted in _GADGETS.split()}

_ZERO = b"J" + struct.pack("<i", 0)


def _storage(numel: bytes = b"K\x04", key: str = "0", kind: str = "torch.FloatStorage") -> bytes:
    return b"(" + text("storage") + name(kind) + text(key) + text("cpu") + numel + b"tQ"


def _tensor(storage: bytes, offset: bytes = b"K\x00", shape: bytes = b"K\x04\x85", stride: bytes = b"K\x01\x85",
            hooks: bytes = b"ccollections\nOrderedDict\n)R") -> bytes:  # fmt: skip
    return name("torch._utils._rebuild_tensor_v2") + b"(" + storage + offset + shape + stride + b"\x89" + hooks + b"tR"


_SYSTEM = call("os.system", COMMAND)
SHAPES: dict[str, bytes] = {
    "stack_global": b"\x80\x04" + text("os") + text("system") + b"\x93" + text(COMMAND) + b"\x85R.",
    "stack_global in protocol 2": PROTO + text("os") + text("system") + b"\x93" + text(COMMAND) + b"\x85R.",
    "short unicode names": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R.",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", len(_SYSTEM) + 1) + _SYSTEM + b".",
    "frame that straddles": b"\x80\x04\x95" + struct.pack("<Q", 3) + _SYSTEM + b".",
    "frame in protocol 2": PROTO + b"\x95" + struct.pack("<Q", 1) + b"}.",
    "inst": PROTO + b"(" + text(COMMAND) + b"ios\nsystem\n.",
    "obj": PROTO + b"(" + name("os.system") + text(COMMAND) + b"o.",
    "newobj": PROTO + name("subprocess.Popen") + text(COMMAND) + b"\x85\x81.",
    "newobj_ex": PROTO + name("subprocess.Popen") + text(COMMAND) + b"\x85}\x92.",
    "ext1": PROTO + b"\x82\x01)R.",
    "ext2": PROTO + b"\x83\x01\x00)R.",
    "ext4": PROTO + b"\x84\x01\x00\x00\x00)R.",
    "no protocol": name("os.system") + b"(" + text(COMMAND) + b"tR.",
    "protocol 0": b"cos\nsystem\n(S'id'\ntR.",
    "protocol 0, no newline care": b"cos\nsystem\n(V\\u0069d\ntR.",
    "protocol 1": b"cos\nsystem\nq\x00(U\x02idtR.",
    "protocol 3": b"\x80\x03" + _SYSTEM + b".",
    "protocol 5": b"\x80\x05" + _SYSTEM + b".",
    "protocol 9": b"\x80\x09" + _SYSTEM + b".",
    "two protocols": PROTO + PROTO + _SYSTEM + b".",
    "memoised callable": PROTO + name("os.system") + b"q\x05" + text("x") + b"0h\x05" + text(COMMAND) + b"\x85R.",
    "popped result": PROTO + _SYSTEM + b"0}.",
    "pop_mark": PROTO + b"(" + _SYSTEM + b"1}.",
    "dup": PROTO + _SYSTEM + b"2\x86.",
    "payload, then broken": PROTO + _SYSTEM + b"\xff\xff",
    "payload, then cut off": PROTO + _SYSTEM,
    "payload, then too few values": PROTO + _SYSTEM + b"tuuu.",
    "second pickle": HARMLESS + PROTO + _SYSTEM + b".",
    "second pickle of protocol 4": HARMLESS + pickle.dumps({}, 4),
    "bytes after the end": HARMLESS + b"\x00" * 64,
    "persistent id": PROTO + _SYSTEM + b"Q.",
    "persistent id in text": PROTO + b"Pos.system\n.",
    "persistent id that is no storage": PROTO + text("os.system") + b"\x85Q.",
    "storage of a stranger's type": PROTO + _storage(kind="os.system") + b".",
    "module with its source": PROTO + b"(" + text("module") + name("os.system") + text("f")
    + text("import os") + b"tQ.",
    "build on a class": PROTO + name("argparse.Namespace") + b"}" + text("__setstate__")
    + name("argparse.Namespace") + b"sb.",
    "build on a function": PROTO + name("torch._utils._rebuild_tensor_v2") + b"}" + text("x") + b"K\x01sb.",
    "build with slots": PROTO + name("argparse.Namespace") + b")\x81N}" + text("__class__") + b"Ks" + b"s\x86b.",
    "build with dunder": PROTO + name("argparse.Namespace") + b")\x81}" + text("__reduce__") + b"K\x01sb.",
    "build a tensor": PROTO + _tensor(_storage()) + b"(" + _storage() + b"K\x00K\x04\x85K\x01\x85tb.",
    "build a state with a call": PROTO + name("argparse.Namespace") + b")\x81}" + text("x") + _SYSTEM + b"sb.",
    "reduce of a result": PROTO + call("argparse.Namespace") + b")R.",
    "reduce of a text": PROTO + text("os.system") + b")R.",
    "reduce without a tuple": PROTO + name("collections.OrderedDict") + text(COMMAND) + b"R.",
    "namespace called": PROTO + call("argparse.Namespace", "a") + b".",
    "callback called": PROTO + call("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint", "/etc") + b".",
    "defaultdict that calls": PROTO + name("collections.defaultdict") + name("os.system") + b"\x85R.",
    "defaultdict of a known class": PROTO + name("collections.defaultdict") + name("argparse.Namespace") + b"\x85R.",
    "bytearray of gigabytes": PROTO + b"c__builtin__\nbytearray\n\x8a\x05\x00\x00\x00\x00\x02\x85R.",
    "codec rot13": PROTO + call("_codecs.encode", "vzcbeg bf", "rot13") + b".",
    "codec zip bomb": PROTO + call("_codecs.encode", "x", "zip") + b".",
    "decoding": PROTO + call("_codecs.decode", "x", "hex") + b".",
    "numpy objects": PROTO + call("numpy.dtype", "O8") + b".",
    "numpy scalar of an object": PROTO + name("numpy.core.multiarray.scalar") + call("numpy.dtype", "O")
    + b"C\x00\x86R.",
    "numpy scalar of no type": PROTO + call("numpy.core.multiarray.scalar", "f8", "x") + b".",
    "numpy array by size": PROTO + name("numpy.ndarray") + b"\x8a\x05\x00\x00\x00\x00\x02\x85\x85R.",
    "numpy array of a class": PROTO + name("numpy.core.multiarray._reconstruct") + name("os.system")
    + b"K\x00\x85U\x01b\x87R.",
    "reconstructor": PROTO + b"ccopy_reg\n_reconstructor\n" + name("subprocess.Popen")
    + b"c__builtin__\nobject\nN\x87R.",
    "reconstructor of a base": PROTO + b"ccopy_reg\n_reconstructor\n" + name("argparse.Namespace")
    + b"c__builtin__\ndict\nN\x87R.",
    "rebuild from a type": PROTO + name("torch._tensor._rebuild_from_type_v2") + b"(" + name("os.system")
    + name("torch.Tensor") + text(COMMAND) + b"\x85}tR.",
    "rebuild from a strange type": PROTO + name("torch._tensor._rebuild_from_type_v2") + b"("
    + name("torch._utils._rebuild_tensor_v2") + name("os.system") + b"(" + _storage()
    + b"K\x00K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt}tR.",
    "hooks": PROTO + _tensor(_storage(), hooks=b"}K\x00" + name("argparse.Namespace") + b"s") + b".",
    "parameter with hooks": PROTO + name("torch._utils._rebuild_parameter") + b"(" + _tensor(_storage())
    + b"\x89}K\x00K\x01stR.",
    "tensor beyond its storage": PROTO + _tensor(_storage(), shape=b"M\xff\xff\x85") + b".",
    "tensor that starts beyond": PROTO + _tensor(_storage(), offset=b"M\xff\xff") + b".",
    "tensor of negative stride": PROTO + _tensor(_storage(), stride=b"J\xff\xff\xff\xff\x85") + b".",
    "tensor of negative size": PROTO + _tensor(_storage(), shape=b"J\xff\xff\xff\xff\x85") + b".",
    "tensor of a negative offset": PROTO + _tensor(_storage(), offset=b"J\xff\xff\xff\xff") + b".",
    "storage of 2^62 elements": PROTO + _tensor(_storage(b"\x8a\x08" + struct.pack("<q", 2**62))) + b".",
    "storage of -1 elements": PROTO + _tensor(_storage(b"J\xff\xff\xff\xff")) + b".",
    "one storage, two types": PROTO + b"]" + _storage() + b"a" + _storage(kind="torch.LongStorage") + b"a.",
    "storage that is not there": PROTO + _tensor(_storage(key="../../etc/passwd")) + b".",
    "name with a path": PROTO + b"c../../evil\nrun\n(tR.",
    "name with a letter that looks alike": PROTO + "cоs\nsystem\n(tR.".encode(),
    "name of spaces": PROTO + b"c os\nsystem \n(tR.",
    "dotted attribute": PROTO + b"ccollections\nOrderedDict.fromkeys.__class__\n)R.",
    "object's subclasses": PROTO + b"c__builtin__\nobject.__subclasses__\n)R.",
    "getattr chain": PROTO + name("builtins.getattr") + name("collections.OrderedDict") + text("__init__") + b"\x86R.",
    "set of a call": PROTO + b"c__builtin__\nset\n" + _SYSTEM + b"\x85R.",
    "ordered dict of a call": PROTO + name("collections.OrderedDict") + b"]" + text("x") + _SYSTEM + b"\x86a\x85R.",
    "append to a known class": PROTO + name("argparse.Namespace") + b")\x81K\x01a.",
    "set items in a known class": PROTO + name("argparse.Namespace") + b")\x81K\x01K\x01s.",
    "a list as a key": PROTO + b"}]K\x01s.",
    "a long of megabytes": PROTO + b"\x8b\x00\x00\x10\x00" + b"\x01" * 0x100000 + b".",
    "long1 of 255 bytes": PROTO + b"\x8a\xff" + b"\x7f" * 255 + b".",
    "length of 4 GiB": PROTO + b"X\xff\xff\xff\xff" + b"a.",
    "binbytes8": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
    "memo of 4 G": PROTO + b"}r\xff\xff\xff\xff.",
    "memo never put": PROTO + b"h\x07.",
    "marks without end": PROTO + b"(" * 100_000 + b".",
    "value from under a mark": PROTO + b"}(K\x01s.",
    "next buffer": b"\x80\x05\x97.",
    "readonly buffer": b"\x80\x05}\x98.",
    "stack_global of numbers": b"\x80\x04K\x01K\x02\x93.",
    "stack_global of a name": LATER + later("os", "system") + later_text("x") + b"\x93.",
    "stack_global through the memo": LATER + later_text("os") + b"\x94" + later_text("system") + b"\x94h\x00h\x01\x93"
    + b")R.",
    "stack_global with dots": LATER + later("collections", "OrderedDict.fromkeys.__func__") + b")R.",
    "stack_global of a lookalike": LATER + later("colleсtions", "OrderedDict") + b")R.",
    "stack_global with a line end": LATER + later("os\nsystem", "OrderedDict") + b")R.",
    "stack_global of nothing": b"\x80\x04\x93.",
    "an old module's name in protocol 3": b"\x80\x03c__builtin__\nset\n]\x85R.",
    "an old module's name in protocol 4": LATER + later("copy_reg", "_reconstructor") + b".",
    "global in protocol 4": b"\x80\x04ccollections\nOrderedDict\n)R.",
    "put in protocol 4": b"\x80\x04}q\x00.",
    "long put in protocol 5": b"\x80\x05}r\x00\x00\x00\x00.",
    "memoize in protocol 3": b"\x80\x03}\x94.",
    "memoize of nothing": b"\x80\x04\x94.",
    "short text in protocol 3": b"\x80\x03\x8c\x01a.",
    "bytes in protocol 2": PROTO + b"C\x01a.",
    "text of Python 2 in protocol 3": b"\x80\x03U\x01a.",
    "bytearray in protocol 4": b"\x80\x04\x96" + struct.pack("<Q", 1) + b"a.",
    "bytearray of 2^60": b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".",
    "text of 2^60": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b".",
    "bytes of 4 GiB": b"\x80\x03B\xff\xff\xff\xffa.",
    "frame in a frame": LATER + frame(frame(b"}.")),
    "frame of nothing": LATER + frame(b"") + b"}.",
    "frame that ends too late": LATER + b"\x95" + struct.pack("<Q", 9) + b"}" + b".",
    "frame that ends in a value": LATER + b"\x95" + struct.pack("<Q", 3) + later_text("abc") + b".",
    "frame that ends behind the pickle": LATER + frame(b"}." + b"cos\nsystem\n)R."),
    "frame around another pickle": LATER + frame(b"}") + b"0" + LATER + b"}.",
    "newobj_ex in protocol 4": LATER + later("argparse", "Namespace") + b")}\x92.",
    "ext1 in protocol 4": b"\x80\x04\x82\x01)R.",
    "inst in protocol 4": b"\x80\x04(iargparse\nNamespace\n.",
    "dup in protocol 4": b"\x80\x04}2\x86.",
    "add to a list": b"\x80\x04](K\x01\x90.",
    "append to a set": b"\x80\x04\x8fK\x01a.",
    "set items in a set": b"\x80\x04\x8fK\x01K\x01s.",
    "set of a dict": b"\x80\x04\x8f(}\x90.",
    "frozen set of a list": b"\x80\x04(]\x91.",
    "frozen set without a mark": b"\x80\x04}\x91.",
    "call in protocol 5": b"\x80\x05" + frame(later("os", "system") + later_text(COMMAND) + b"\x85R."),
    "persistent id in protocol 4": LATER + later_text("os.system") + b"\x85Q.",
    "array of objects from bytes": b"\x80\x05" + later("numpy._core.numeric", "_frombuffer") + b"(C\x08" + bytes(8)
    + later("numpy", "dtype") + later_text("O8") + b"\x85RK\x01\x85" + later_text("C") + b"tR.",
    "array from a call": b"\x80\x05" + later("numpy._core.numeric", "_frombuffer") + b"(K\x01K\x01K\x01K\x01tR.",
    "empty set opcode": PROTO + b"\x8f.",
    "float in text": PROTO + b"F1.0\n.",
    "integer in text": PROTO + b"I1\n.",
    "unknown opcode": PROTO + b"\x00.",
    "nothing but a stop": PROTO + b".",
    "empty": b"",
}  # fmt: skip


def _stored(pickled: bytes) -> bool:
    """Whether a storage must be there for the file to be refused for nothing but its pickle."""
    return text("storage") in pickled


def torch_zip(pickled: bytes, **members: bytes) -> bytes:
    """The zip layout, stored; ``members`` by name below the root, with ``__`` for a slash."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        usual = {"byteorder": b"little", "version": b"3\n"} | ({"data__0": bytes(16)} if _stored(pickled) else {})
        for key, content in (usual | members).items():
            archive.writestr(f"archive/{key.replace('__', '/')}", content)
    return buffer.getvalue()


def legacy(pickled: bytes, magic: bytes = b"", protocol: bytes = b"", system: bytes = b"", keys: bytes = b"") -> bytes:
    """The old layout, with parts of it replaced."""
    info = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return b"".join(
        (
            magic or pickle.dumps(0x1950A86A20F9469CFC6C, 2),
            protocol or pickle.dumps(1001, 2),
            system or pickle.dumps(info, 2),
            pickled,
            keys or pickle.dumps(["0"] if _stored(pickled) else [], 2),
            struct.pack("<q", 4) + bytes(16) if _stored(pickled) else b"",
        )
    )


def raw(pickled: bytes) -> bytes:
    return pickled


LAYOUTS: dict[str, Callable[[bytes], bytes]] = {"zip": torch_zip, "legacy": legacy, "raw": raw}
GOOD = PROTO + b"}" + text("<word>") + _tensor(_storage()) + b"s."
EVIL = PROTO + _SYSTEM + b"."


def _zip(write: Callable[[zipfile.ZipFile], None], **given: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **given) as archive:  # type: ignore[arg-type]
        write(archive)
    return buffer.getvalue()


def _twice(first: str, second: str) -> bytes:
    def write(archive: zipfile.ZipFile) -> None:
        archive.writestr(first, GOOD)
        archive.writestr("archive/data/0", bytes(16))
        archive.writestr(second, EVIL)

    return _zip(write)


def _flagged(bit: int, raw: bytes) -> bytes:
    """Every member's flags with one bit turned on, in both places."""
    changed = bytearray(raw)
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := raw.find(magic, start)) >= 0:
            (flags,) = struct.unpack_from("<H", raw, start + at)
            struct.pack_into("<H", changed, start + at, flags | bit)
            start += 4
    return bytes(changed)


def _wrong_crc() -> bytes:
    made = torch_zip(GOOD)
    crc = struct.pack("<I", zlib.crc32(GOOD))
    return made.replace(crc, b"\x01\x02\x03\x04")


_SOUND = torch_zip(GOOD)
CONTAINERS: dict[str, bytes] = {
    "two data.pkl": _twice("archive/data.pkl", "archive/data.pkl"),
    "two data.pkl, by case": _twice("archive/data.pkl", "archive/DATA.pkl"),
    "two roots": _twice("archive/data.pkl", "other/data.pkl"),
    "a pickle among the storages": _twice("archive/data.pkl", "archive/data/1"),
    "a pickle with another name": _twice("archive/data.pkl", "archive/extra.pkl"),
    "a path that leads out": _twice("archive/data.pkl", "archive/../data.pkl"),
    "an absolute path": _twice("archive/data.pkl", "/archive/data.pkl"),
    "a backslash": _twice("archive/data.pkl", "archive\\data.pkl"),
    "no data.pkl": _twice("archive/data.pkx", "archive/data2.pkl"),
    "torchscript": torch_zip(GOOD, code__run=b"import os"),
    "constants.pkl": torch_zip(GOOD, **{"constants.pkl": EVIL}),
    "bytecode.pkl": torch_zip(GOOD, **{"bytecode.pkl": EVIL}),
    "a zip in the zip": torch_zip(GOOD, data__1=_SOUND),
    "version of kilobytes": torch_zip(GOOD, version=EVIL * 1000),
    "big-endian": torch_zip(GOOD, byteorder=b"big"),
    "compressed": _zip(lambda a: a.writestr("archive/data.pkl", GOOD * 1), compression=zipfile.ZIP_DEFLATED),
    "encrypted by its flag": _flagged(0x1, _SOUND),
    "strongly encrypted by its flag": _flagged(0x40, _SOUND),
    "wrong checksum": _wrong_crc(),
    "bytes before": b"PK\x03\x04" + bytes(40) + _SOUND,
    "bytes after": _SOUND + b"\x00" * 100,
    "a pickle after": _SOUND + EVIL,
    "another zip after": _SOUND + torch_zip(EVIL),
    "a comment": _SOUND[:-2] + struct.pack("<H", len(EVIL)) + EVIL,
    "a gap": _SOUND.replace(b"PK\x01\x02", bytes(8) + b"PK\x01\x02", 1),
    "cut off": _SOUND[:-30],
    "another name in the member than in the directory": _SOUND.replace(b"archive/data.pkl", b"archive/xata.pkl", 1),
    "magic number that runs": legacy(GOOD, magic=EVIL),
    "protocol that runs": legacy(GOOD, protocol=EVIL),
    "system that runs": legacy(GOOD, system=EVIL),
    "keys that run": legacy(GOOD, keys=EVIL),
    "keys of another storage": legacy(GOOD, keys=pickle.dumps(["1"], 2)),
    "keys twice": legacy(GOOD, keys=pickle.dumps(["0", "0"], 2)),
    "a pickle behind the storages": legacy(GOOD) + EVIL,
    "big-endian in the old layout": legacy(GOOD, system=pickle.dumps({"little_endian": False}, 2)),
    "storages cut off": legacy(GOOD)[:-4],
    "storage of another size": legacy(GOOD)[:-24] + struct.pack("<q", 5) + bytes(16),
    "7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + EVIL,
    "gzip": b"\x1f\x8b\x08\x00" + bytes(6) + EVIL,
    "tar": EVIL.ljust(257, b"\x00") + b"ustar\x0000" + bytes(300),
}
