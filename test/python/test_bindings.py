"""The package `transmamba` (python-bindings/) on the trained example: golden logits, state between calls, errors."""

import importlib.metadata
import json
import pathlib
import re
import shutil
import threading

import numpy as np
import pytest
import transmamba

# ||x - exact|| / ||exact|| of a float32 package, as in test/Integration/cpu.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def example(root):
    return root / "examples" / "byte-transmamba"


@pytest.fixture(scope="module")
def golden(example):
    return lambda name: np.load(example / "golden" / f"{name}.npy")


@pytest.fixture(scope="module")
def path(tool, example, tmp_path_factory):
    file = tmp_path_factory.mktemp("bindings") / "model.tmpkg"
    tool("transmamba-compile", example / "model.json", "--quiet", "-o", file)
    return file


@pytest.fixture(scope="module")
def package(path):
    return transmamba.Package(path)


def error(x, reference):
    assert x.shape == reference.shape and np.isfinite(x).all()
    return np.linalg.norm(x.astype(np.float64) - reference) / np.linalg.norm(reference)


def prefilled(package, tokens, lengths, **options):
    """A session that has seen `tokens`."""
    session = package.session(rows=len(lengths), **options)
    session.run("prefill", {"tokens": tokens, "lengths": np.asarray(lengths, np.int32)})
    return session


def test_version():
    assert transmamba.__version__ == importlib.metadata.version("transmamba")
    assert ("cpu" in dict(transmamba.devices())) and dict(transmamba.devices())["cpu"]


def test_package(package, path):
    assert package.name == "byte-transmamba"
    assert package.targets == ["cpu:x86-64-v3"]
    assert set(package.entries) == {"prefill", "decode", "forward"}
    prefill = package.entries["prefill"]
    assert prefill.inputs == (
        transmamba.Tensor("tokens", "i32", ("B", "T"), None),
        transmamba.Tensor("lengths", "i32", ("B",), "lengths"),
    )
    assert prefill.outputs == (transmamba.Tensor("logits", "f32", ("B", 256), None),)
    # Positions are the session's business.
    assert [one.name for one in package.entries["decode"].inputs] == ["tokens"]
    assert package.manifest["format"] == "transmamba-package"
    package.verify()


def test_forward(package, golden):
    outputs = package.session(rows=2).run("forward", {"tokens": golden("tokens")})
    assert list(outputs) == ["logits"]
    assert outputs["logits"].dtype == np.float32
    assert error(outputs["logits"], golden("logits-f64")) <= TOLERANCE


def test_ragged_prefill(package, golden):
    tokens, lengths, reference = golden("ragged-tokens"), golden("ragged-lengths"), golden("ragged-logits-f64")
    session = package.session(rows=len(tokens), poison=True)
    logits = session.run("prefill", {"tokens": tokens, "lengths": lengths.astype(np.int32)})["logits"]
    assert error(logits, reference) <= TOLERANCE
    assert (session.positions == lengths).all()


def test_state_lives_in_the_session(package, golden):
    """Two rows at different positions decode across the TransPoints 256 and 512; a second session does not disturb them."""
    tokens, positions, reference = golden("long-tokens"), golden("long-positions").tolist(), golden("long-logits-f64")
    lengths = np.array([250, 490], np.int32)
    session = prefilled(package, tokens[:, :490], lengths)
    other = prefilled(package, tokens[:, 100:120], [20, 20])
    compared = set()
    for step in range(32):
        logits = session.run("decode", {"tokens": tokens[np.arange(2), lengths + step][:, None]})["logits"]
        other.run("decode", {"tokens": [[step], [step]]})
        for row in range(2):
            position = int(lengths[row]) + step
            if position in positions:
                assert error(logits[row], reference[row, positions.index(position)]) <= TOLERANCE
                compared.add(position)
    assert {255, 256, 511, 512} <= compared
    assert session.positions.tolist() == [282, 522]
    assert other.positions.tolist() == [52, 52]


def test_reset(package, golden):
    tokens = golden("tokens")[:1, :20]
    session = prefilled(package, tokens, [20])
    first = session.run("decode", {"tokens": [[65]]})["logits"]
    session.reset()
    assert session.positions.tolist() == [0]
    assert all(not session.read_state(name).any() for name in session.states)
    session.run("prefill", {"tokens": tokens, "lengths": [20]})
    assert session.run("decode", {"tokens": [[65]]})["logits"].tobytes() == first.tobytes()


def test_states_can_be_moved(package, golden):
    """A session with the state of another goes on as that one."""
    tokens = golden("tokens")
    one, two = prefilled(package, tokens[:1, :40], [40]), prefilled(package, tokens[1:, :40], [40])
    step = {"tokens": [[97]]}
    assert any(one.read_state(name).any() for name in one.states)
    for name, (_, shape) in one.states.items():
        state = one.read_state(name)
        assert state.shape == shape
        two.write_state(name, state)
    assert two.run("decode", step)["logits"].tobytes() == one.run("decode", step)["logits"].tobytes()
    with pytest.raises(transmamba.InvalidArgument, match="there is no such state"):
        one.read_state("layers.99.ssm")
    with pytest.raises(transmamba.InvalidArgument, match="this state is f32"):
        one.write_state(name, state[..., :1])


def test_arrays(package, golden):
    """What is not contiguous, lists, other libraries' arrays, and outputs in the caller's memory give the same bits."""
    tokens = golden("tokens")[:, :16]
    session = package.session(rows=2)
    logits = session.run("forward", {"tokens": np.ascontiguousarray(tokens)})["logits"]

    class Foreign:
        """Knows DLPack and nothing else."""

        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    for form in (np.asfortranarray(tokens), np.repeat(tokens, 2, 1)[:, ::2], tokens.tolist(), Foreign(tokens.copy())):
        assert session.run("forward", {"tokens": form})["logits"].tobytes() == logits.tobytes()
    mine = np.full((2, 16, 256), np.nan, np.float32)
    assert session.run("forward", {"tokens": tokens}, {"logits": mine})["logits"] is mine
    assert mine.tobytes() == logits.tobytes()
    assert session.run("forward", {"tokens": tokens}, []) == {}
    mine.flags.writeable = False
    for wrong in (mine, np.empty((2, 256, 16), np.float32).transpose(0, 2, 1), "text"):
        with pytest.raises(transmamba.InvalidArgument, match="output 'logits'"):
            session.run("forward", {"tokens": tokens}, {"logits": wrong})


@pytest.mark.parametrize(
    "entry, inputs, kind, message",
    [
        ("backward", {}, transmamba.InvalidArgument, "backward"),
        ("forward", {}, transmamba.InvalidArgument, "tokens"),
        ("forward", {"tokens": [[1]], "more": [1]}, transmamba.InvalidArgument, "more"),
        ("forward", {"tokens": np.zeros((1, 4), np.int64)}, transmamba.InvalidArgument, "i64"),
        ("forward", {"tokens": np.zeros((1, 4), np.complex64)}, transmamba.InvalidArgument, "have a type"),
        ("forward", {"tokens": np.zeros(4, np.int32)}, transmamba.InvalidArgument, "tokens"),
        ("forward", {"tokens": [[256]]}, transmamba.InvalidArgument, "256"),
        ("prefill", {"tokens": [[1, 2]], "lengths": [3]}, transmamba.InvalidArgument, "3"),
        ("decode", {"tokens": [[1]]}, transmamba.BadState, "position"),
    ],
)
def test_refused_calls(package, entry, inputs, kind, message):
    """The session is as before."""
    session = package.session()
    with pytest.raises(kind, match=re.escape(message)) as caught:
        session.run(entry, inputs)
    assert isinstance(caught.value, transmamba.Error)
    assert isinstance(caught.value, ValueError) == (kind is transmamba.InvalidArgument)
    assert session.positions.tolist() == [0]
    session.run("prefill", {"tokens": [[1, 2]], "lengths": [2]})


def test_refused_packages(path, tmp_path):
    with pytest.raises(transmamba.BadPackage, match="none.tmpkg"):
        transmamba.Package(tmp_path / "none.tmpkg")
    with pytest.raises(OSError):
        transmamba.Package(pathlib.Path(__file__))
    damaged = tmp_path / "damaged.tmpkg"
    shutil.copyfile(path, damaged)
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    package = transmamba.Package(damaged)
    with pytest.raises(transmamba.BadPackage):
        package.verify()
    with pytest.raises(transmamba.BadPackage):
        package.session()


def test_refused_sessions(package):
    with pytest.raises(transmamba.InvalidArgument, match="tpu"):
        package.session(device="tpu")
    for rows in (0, -1, 10**6):
        with pytest.raises(transmamba.InvalidArgument):
            package.session(rows=rows)


def test_no_code_for_this_device(tool, example, tmp_path):
    file = tmp_path / "gpu.tmpkg"
    options = ("--target=nvidia:sm_80", "--ptxas=none", "--entries=forward", "--quiet", "-o", file)
    tool("transmamba-compile", example / "model.json", *options)
    with pytest.raises(transmamba.Unsupported, match="sm_80"):
        transmamba.Package(file).session()


def test_threads(package, golden):
    """Threads that share a session take turns; each step advances by one."""
    session = prefilled(package, golden("tokens")[:1, :8], [8])
    failures = []

    def work():
        try:
            for _ in range(25):
                assert np.isfinite(session.run("decode", {"tokens": [[65]]})["logits"]).all()
        except Exception as problem:  # noqa: BLE001
            failures.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert session.positions.tolist() == [8 + 4 * 25]


def test_handles_in_any_order(path):
    """A session keeps what it needs."""
    session = transmamba.Package(path).session()
    assert session.target in session.selection
    assert session.run("forward", {"tokens": [[1, 2, 3]]})["logits"].shape == (1, 3, 256)


def test_bf16(tool, example, golden, tmp_path):
    """bfloat16 comes out as float32, is no nearer than bfloat16 can be, and goes back in without loss."""
    file = tmp_path / "bf16.tmpkg"
    tool("transmamba-compile", example / "model.json", "--element-type=bf16", "--quiet", "-o", file)
    package = transmamba.Package(file)
    session = package.session(rows=2)
    logits = session.run("forward", {"tokens": golden("tokens")})["logits"]
    assert logits.dtype == np.float32
    recorded = json.loads((example / "golden" / "errors.json").read_text())["bf16"]["logits"]
    assert 1e-5 < error(logits, golden("logits-f64")) <= 1.5 * recorded
    narrow = [name for name, (type_, _) in session.states.items() if type_ == "bf16"]
    assert narrow
    one, two = (prefilled(package, golden("tokens")[row : row + 1, :20], [20]) for row in range(2))
    for name in one.states:
        state = one.read_state(name)
        two.write_state(name, state)
        assert two.read_state(name).tobytes() == state.tobytes()
        if name in narrow:
            assert not (state.view(np.uint32) & 0xFFFF).any()


def test_bf16_rounding():
    """To nearest, ties to even; NaNs stay NaNs and infinities infinities."""
    bits = np.array([0x3F800000, 0x3F808000, 0x3F818000, 0x3F808001, 0x7F800000, 0x7F800001, 0xFFFFFFFF, 0x7F7FFFFF], np.uint32)
    expected = [0x3F80, 0x3F80, 0x3F82, 0x3F81, 0x7F80, 0x7FC0, 0xFFFF, 0x7F80]
    assert transmamba._narrowed(bits.view(np.float32)).tolist() == expected


def test_readme(root, path, monkeypatch, capsys):
    """The example of python-bindings/README.md runs."""
    text = (root / "python-bindings" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    monkeypatch.chdir(path.parent)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("byte-transmamba ['cpu:x86-64-v3']")
    assert printed[1].startswith("In the beginning God created")
