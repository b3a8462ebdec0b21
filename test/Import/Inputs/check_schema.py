"""Validates graphs against the schema: check_schema.py SCHEMA GRAPH..."""

import json
import pathlib
import sys

import jsonschema


def main() -> None:
    schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in sys.argv[2:]:
        for error in validator.iter_errors(json.loads(pathlib.Path(path).read_text())):
            sys.exit(f"{path}: {error.json_path}: {error.message}")


if __name__ == "__main__":
    main()
