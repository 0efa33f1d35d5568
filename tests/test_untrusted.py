"""Files from anywhere: whatever is in them, a MwxError and never another error, hang or flood."""

import io
import json
import os
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mwx import untrusted
from mwx.config import from_dict, to_dict
from mwx.errors import MwxError
from mwx.evaluation.policies import load_policy
from mwx.evaluation.report_run import report_run
from mwx.evaluation.run_sources import read_sources
from mwx.experts.config import ExpertConfig
from mwx.experts.library import expert_folders
from mwx.motion import Reference, generate
from mwx.motion.library import Library
from mwx.router.demos import FIELDS, Demonstration
from mwx.router.guidance import load_guidance

EXAMPLES = int(os.environ.get("MWX_BAD_FILES", "16"))  # of each kind; 1,000 in all take minutes


def npz_bomb(path: Path, name: str, header: bytes, size: int = 0) -> None:
    """Write an npz file of one array that says what the header says; `size` is what it unpacks to.

    The zeros themselves are left out: a reader must refuse them before it comes to them.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", header)
        if size:
            archive.filelist[0].file_size = size


def header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    """Return the header of a npy file."""
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(text, {"descr": dtype, "fortran_order": False,
                                                "shape": shape})
    return text.getvalue()


@pytest.mark.parametrize("read", [Reference.load, Demonstration.load, untrusted.read_npz])
def test_an_npz_file_that_unpacks_to_much_more_is_refused_by_its_size(
        read: Callable[[Path], Any], tmp_path: Path) -> None:
    name = "qpos" if read is Reference.load else FIELDS[0]
    path = tmp_path / "bomb.npz"
    npz_bomb(path, name, header((2 ** 26, 1)), untrusted.MAX_UNPACKED + 2 ** 20)
    with pytest.raises(MwxError, match=r"bomb\.npz: its arrays take 0\.5 GiB"):
        read(path)


@pytest.mark.parametrize("shape", [(10 ** 12,), (2 ** 62, 2 ** 62), (-1,), (3,)])
def test_a_header_that_lies_is_refused_before_any_memory_is_taken(shape: tuple[int, ...],
                                                                  tmp_path: Path) -> None:
    path = tmp_path / "lies.npz"
    npz_bomb(path, "qpos", header(shape))
    for read in (Reference.load, untrusted.read_npz):
        with pytest.raises(MwxError, match=r"lies\.npz"):
            read(path)


def test_json_of_every_unreadable_kind_is_refused_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for data, said in ((b"[" * 200_000, "nested too deeply"), (b"[1" + b"0" * 5000 + b"]", "JSON"),
                       (b"[NaN]", "NaN is no number"), (b"[-Infinity]", "Infinity is no number"),
                       (b"[1e999]", "too large"), (b"{", "not JSON"), (b"", "not JSON"),
                       ('"é"'.encode("latin-1"), "UTF-8"), ('"x"'.encode("utf-16"), "UTF-8")):
        path.write_bytes(data)
        with pytest.raises(MwxError, match=said):
            untrusted.read_json(path)
    path.write_bytes(b"\xef\xbb\xbf[1]")  # a byte order mark is no fault
    assert untrusted.read_json(path) == [1]
    path.unlink()
    os.mkfifo(path)
    for read in (untrusted.read_json, untrusted.read_npz, untrusted.read_weights):
        with pytest.raises(MwxError, match="a device, not a file"):
            read(path)
        with pytest.raises(MwxError, match="a folder, not a file"):
            read(tmp_path)
        with pytest.raises(MwxError, match="no such file"):
            read(tmp_path / "absent")
    with pytest.raises(MwxError, match="larger than"):
        untrusted.read_bytes(__file__, 100)


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a shipped expert, as a run directory."""
    folder = tmp_path_factory.mktemp("expert") / "stand"
    shutil.copytree(expert_folders()["stand"], folder)
    return folder


def edited(folder: Path, target: Path, *keys: str, value: Any, file: str = "config.json") -> Path:
    """Return a copy of a folder in which one value of a JSON file differs."""
    shutil.copytree(folder, target)
    config = inner = json.loads((target / file).read_text())
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (target / file).write_text(json.dumps(config))
    return target


@pytest.mark.parametrize(("keys", "value"), [
    ("agent.model.encoder_dim", -5), ("agent.model.hidden_dim", 10 ** 12),
    ("agent.model.hidden_dim", 10 ** 4), ("agent.model.encoder_layers", 10 ** 9),
    ("agent.model.num_q", 10 ** 6), ("agent.model.simnorm_dim", 7), ("agent.model.latent_dim", 0),
    ("agent.model.value.bins", 10 ** 9), ("agent.model.value.bins", 1),
    ("agent.model.start_std", 1e9), ("agent.planner.horizon", 10 ** 12),
    ("agent.planner.horizon", 0), ("agent.planner.samples", -1), ("seed", -1), ("seed", 10 ** 30),
    ("seed", 1.5), ("threads", 0), ("tracking.residual", float("inf")),
    ("tracking.residual", float("nan")), ("tracking.residual", 10 ** 400),
    ("tracking.residual", 1e308), ("tracking.residual", -1), ("tracking.residual", True),
    ("prior.start_s", 1e300), ("prior.kind", ["clip"]), ("prior", None), ("agent", []),
    ("agent.learner", "x" * 10 ** 6), ("skill", 7)])
def test_an_experts_config_with_an_absurd_value_is_refused(keys: str, value: Any, expert: Path,
                                                           tmp_path: Path) -> None:
    with pytest.raises(MwxError) as error:
        load_policy(edited(expert, tmp_path / "x", *keys.split("."), value=value))
    assert len(str(error.value)) < 1000 and "\n" not in str(error.value)


def test_every_whole_number_of_a_config_has_ends_and_no_fraction_is_infinite() -> None:
    def spoilt(values: Any, to: Any, kind: type) -> list[Any]:
        return [{**values, k: v} for k, inner in values.items()
                for v in ([to] if type(inner) is kind else
                          spoilt(inner, to, kind) if isinstance(inner, dict) else [])]

    config = to_dict(ExpertConfig())
    assert from_dict(ExpertConfig, config) == ExpertConfig()
    for bad, kind in ((-1, int), (2 ** 63, int), (float("inf"), float), (float("nan"), float)):
        cases = spoilt(config, bad, kind)
        assert len(cases) > 20
        for case in cases:
            with pytest.raises(MwxError, match="expected a number"):
                from_dict(ExpertConfig, case)


def test_weights_that_are_no_numbers_or_another_models_are_refused(expert: Path,
                                                                   tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file
    weights = load_file(expert / "weights.safetensors")
    shutil.copytree(expert, tmp_path / "x")
    name = next(iter(weights))
    for spoilt, said in (({**weights, name: weights[name] * float("nan")}, "not a finite number"),
                         ({k: v for k, v in weights.items() if k != name}, "does not fit"),
                         ({**weights, "more": weights[name].clone()}, "does not fit"),
                         ({**weights, name: weights[name][:1]}, "does not fit")):
        save_file(spoilt, tmp_path / "x" / "weights.safetensors")
        with pytest.raises(MwxError, match=said):
            load_policy(tmp_path / "x")
    huge = struct.pack("<Q", 2 ** 62) + b"{}"
    (tmp_path / "x" / "weights.safetensors").write_bytes(huge)
    with pytest.raises(MwxError, match="no file of weights"):
        load_policy(tmp_path / "x")


def mutilate(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with one of the faults that files have."""
    kind = rng.randrange(9)
    at = rng.randrange(len(data) + 1)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + rng.randbytes(rng.randrange(1, 40)) + data[at:]
    if kind == 2:
        return data[:at] + rng.randbytes(min(8, len(data) - at)) + data[at + 8:]
    if kind == 3:
        return data[:at] + data[at + rng.randrange(1, 60):]
    if kind == 4:
        return rng.randbytes(rng.randrange(2000))
    if kind == 5:
        return data.replace(b"\n", b"\r\n") + bytes(rng.randrange(3)) + b"\x1a"
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data[::-1]
    if kind == 6:
        return json.dumps(value).encode(rng.choice(["utf-16", "utf-32", "utf-8-sig"]))
    return json.dumps(spoil(rng, value)).encode()


ODD: tuple[Any, ...] = (None, True, -1, 0, 10 ** 30, 1.5, -1e308, float("nan"), float("inf"), "",
                        "$_$", "\u0000", [], {}, [[]], {"a": {}}, "x" * 5000, [1, "a", None])


def spoil(rng: random.Random, value: Any) -> Any:
    """Return a JSON value with one part, at whatever depth, replaced, dropped or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: spoil(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.7:
        i = rng.randrange(len(value))
        return [*value[:i], spoil(rng, value[i]), *value[i + 1:]]
    return rng.choice(ODD)


def spoil_npz(rng: random.Random, data: bytes) -> bytes:
    """Return an npz file with one of its arrays of another shape, kind or content."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {k: file[k] for k in file.files}
    name = rng.choice(list(arrays))
    odd = [np.zeros(0), np.zeros((3, 3)), np.array("{}"), np.array(["a", "b"]), np.array(np.nan),
           np.array([1e300]), np.array(-1), arrays[name][..., None], arrays[name].ravel()[:5],
           np.array([1 + 2j]), np.array(["2020-01-01"], "datetime64[D]"), np.zeros((0, 26)),
           np.full(arrays[name].shape, np.inf), np.zeros(arrays[name].shape)]
    arrays[name] = odd[rng.randrange(len(odd))]
    if rng.random() < 0.1:
        del arrays[name]
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


PRETRAINED = expert_folders()["stand"].parent


def an_agent(folder: Path) -> None:
    from safetensors.torch import save_file

    from mwx import recipes
    from mwx.agents.agent import TaskAgentConfig
    from mwx.agents.world_model import WorldModel
    config = TaskAgentConfig("h1-stand", 51, 19, agent=recipes.agent("tiny"))
    (folder / "agent.json").write_text(json.dumps(to_dict(config)))
    model = WorldModel(51, 19, config.agent.model)
    save_file(dict(model.state_dict()), folder / "weights.safetensors")


def a_demonstration(folder: Path) -> None:
    sizes = {"proprio": (5, 51), "task_state": (5, 2), "target": (5, 3), "right_target": (5, 3),
             "progress": (5,), "labels": (5, 1, 2), "actions": (5, 19)}
    fields: dict[str, Any] = {name: np.full(sizes[name], 0.5) for name in FIELDS}
    Demonstration("door", ("stand", "walk"), success=True, source="script", task_return=1.0,
                  **fields).save(folder / "demo-000.npz")


def a_library(folder: Path) -> None:
    from mwx.motion.manifest import Entry
    (folder / "references").mkdir()
    generate("stand").save(folder / "references" / "a.npz")
    entry = Entry("a", "stand", "told", "a.bvh", "00" * 32, "free", True, 100, 50.0, False, False,
                  "", "", 0, "train", "r", {"mwx": "0"}, {"slip": 0.1})
    (folder / "manifest.jsonl").write_text(2 * entry.line())
    (folder / "labels.json").write_text(json.dumps({"a.bvh": "stand", "b.bvh": {
        "label": "walk", "licence": "free"}}))
    (folder / "labels.csv").write_text("file,label,licence\na.bvh,stand,free\n")


def a_graph(folder: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    port = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Identity", ["proprio"], ["action"])
    graph = onnx.helper.make_graph([node], "g", [port("proprio", 1, ["b", 51])],
                                   [port("action", 1, ["b", 51])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)],
                                   ir_version=8)
    onnx.helper.set_model_props(model, {"carry_start": "{}", "joint_names": "a,b"})
    (folder / "x.onnx").write_bytes(model.SerializeToString())


def copied(name: str) -> Callable[[Path], None]:
    return lambda folder: shutil.copytree(PRETRAINED / name, folder, dirs_exist_ok=True) and None


def read_library(folder: Path) -> None:
    from mwx.motion.labels import told
    for read in (lambda: Library.load(folder).references(), lambda: told(folder)):
        try:
            read()
        except MwxError as error:
            sound(error)


def read_expert(folder: Path) -> None:
    from mwx.evaluation.playing import own_task
    for read in (load_policy, own_task, lambda f: read_sources([f])):
        try:
            read(folder)
        except MwxError as error:
            sound(error)


def read_onnx(folder: Path) -> None:
    from mwx.integrations.onnx.session import OnnxPolicy
    OnnxPolicy(folder / "x.onnx").initial(1)


def read_imitator(folder: Path) -> None:
    from mwx.experts.imitator.policy import load_imitator
    load_imitator(folder)


def read_router(folder: Path) -> None:
    from mwx.router import Router
    Router.load(folder)


def read_adapted(folder: Path) -> None:
    from mwx.evaluation.adapted import adapted_table, read_adaptation
    (folder / "adapted").symlink_to(folder, target_is_directory=True)
    try:
        adapted_table([read_adaptation(folder)])
    except MwxError as error:
        sound(error)
    load_policy(folder)


def sound(error: MwxError) -> None:
    """An error is for people: one line, not a page."""
    REFUSED.append(str(error))
    assert 10 < len(str(error)) < 2000 and "Traceback" not in str(error)


REFUSED: list[str] = []


# kind -> what makes sound files, what reads them, how many examples for one of the others
KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any], float]] = {
    "expert": (copied("stand"), read_expert, 1.5),
    "report": (copied("stand"), lambda f: report_run(f, f.parent / "out.html"), 0.3),
    "agent": (an_agent, load_policy, 1),
    "adapted": (copied("adapted/door"), read_adapted, 0.2),
    "router": (copied("adapted/door/mixture"), read_router, 1),
    "imitator": (copied("imitator"), read_imitator, 0.5),
    "reference": (lambda f: generate("stand").save(f / "x.npz") and None,
                  lambda f: Reference.load(f / "x.npz"), 3),
    "demonstration": (a_demonstration, lambda f: Demonstration.load(f / "demo-000.npz"), 2),
    "guidance": (lambda f: shutil.copy(PRETRAINED / "adapted/door/mixture/guidance.json",
                                       f / "x.json") and None,
                 lambda f: load_guidance(f / "x.json"), 2),
    "library": (a_library, read_library, 1),
    "graph": (a_graph, read_onnx, 1),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sound folders that were made so far, kind -> folder."""
    return {"": tmp_path_factory.mktemp("sound")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_file_of_any_kind_is_a_mistake_not_an_accident(
        kind: str, made: dict[str, Path], tmp_path: Path) -> None:
    make, read, share = KINDS[kind]
    folder = made.setdefault(kind, made[""] / kind)
    folder.mkdir(exist_ok=True)
    make(folder)
    REFUSED.clear()
    read(folder if kind != "adapted" else linked(folder, tmp_path / "sound"))
    assert REFUSED == []  # nothing is wrong with it yet
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".gif"]
    refused = 0
    for example in range(round(share * EXAMPLES)):
        rng = random.Random(f"{kind} {example}")
        spoilt = linked(folder, tmp_path / str(example))
        chosen = rng.choice(files).relative_to(folder)
        data = (folder / chosen).read_bytes()
        change = spoil_npz if chosen.suffix == ".npz" and rng.random() < 0.6 else mutilate
        (spoilt / chosen).unlink()
        if rng.random() < 0.95:
            (spoilt / chosen).write_bytes(change(rng, data))
        else:
            (spoilt / chosen).mkdir()
        try:
            read(spoilt)
        except MwxError as error:
            refused += 1
            sound(error)
        except Exception as error:
            raise AssertionError(f"example {example} of {kind}: {chosen}") from error
        shutil.rmtree(spoilt)
    assert refused > 0 or kind in ("expert", "library", "adapted", "report")


def linked(folder: Path, target: Path) -> Path:
    """Return a folder whose files are links to another's."""
    for path in folder.rglob("*"):
        if path.is_file():
            place = target / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path)
    return target
