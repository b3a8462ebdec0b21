"""docs/graph.schema.json against the importer: on the same damaged graphs they say the same."""

import copy
import json
import pathlib
import subprocess

import jsonschema
import pytest

INPUTS = pathlib.Path(__file__).resolve().parents[1] / "Import" / "Inputs"


def objects(node, path=()):
    """Every object of a graph, with the way to it."""
    if isinstance(node, dict):
        yield path, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from objects(value, (*path, key))


def changed(graph, path, change):
    result = copy.deepcopy(graph)
    node = result
    for key in path:
        node = node[key]
    change(node)
    return result


def damaged(graph):
    """Copies of a graph, each with one key too many, of another type, or missing."""
    for path, node in objects(graph):
        where = "/".join(map(str, path))
        yield f"{where}: a key too many", changed(graph, path, lambda node: node.update({"no_such_key": None}))
        for key in node:
            yield f"{where}/{key}: null", changed(graph, path, lambda node, key=key: node.update({key: None}))
            yield f"{where}/{key}: missing", changed(graph, path, lambda node, key=key: node.pop(key))


@pytest.mark.parametrize("name", ["tiny", "hybrid"])
def test_damaged_graphs(root, tool, tmp_path, name):
    """What the schema refuses, the importer refuses. A key that is unknown or null both refuse; a missing one may be one that
    only the importer can miss, such as a tensor that something else refers to."""
    schema = jsonschema.Draft202012Validator(json.loads((root / "docs" / "graph.schema.json").read_text()))
    graph = json.loads((INPUTS / f"{name}.json").read_text())
    file, translate = tmp_path / "graph.json", tool.path("transmamba-translate")
    file.write_text(json.dumps(graph))
    assert schema.is_valid(graph)
    tool("transmamba-translate", "--import-json", file)
    refused = disagreements = 0
    for what, copy_ in damaged(graph):
        file.write_text(json.dumps(copy_))
        result = subprocess.run([translate, "--import-json", file, "-o", "/dev/null"], capture_output=True, text=True, check=False)
        assert result.returncode in (0, 1), f"{what}: {result.stderr}"
        valid, taken = schema.is_valid(copy_), result.returncode == 0
        refused += not taken
        if taken and not valid or valid and not taken and not what.endswith("missing"):
            print(f"{what}: the schema {'takes' if valid else 'refuses'} it, the importer {'takes it' if taken else 'says ' + result.stderr}")
            disagreements += 1
    assert disagreements == 0
    assert refused > 50
