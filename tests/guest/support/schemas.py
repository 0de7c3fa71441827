# SPDX-License-Identifier: GPL-2.0
"""The schemas of what filterctl prints as JSON, in docs/schemas/: a file for each command."""

import functools
import json
import pathlib

try:
    import jsonschema
    import referencing
except ImportError:
    # Debian's older releases lack what knows the schemas' draft: there the form is not looked at.
    jsonschema = None

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "docs/schemas"


def read(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


@functools.cache
def _validator(name):
    resources = [(path.name, referencing.Resource.from_contents(json.loads(path.read_text())))
                 for path in FOLDER.glob("*.json")]
    schema = jsonschema.validators.validator_for(read(name))
    return schema({"$ref": f"{name}.json"}, registry=referencing.Registry().with_resources(resources))


def validate(name, told):
    """Checks that an object fits the schema of this name."""
    if jsonschema:
        _validator(name).validate(told)


def parse(name, line):
    """The object that a line of JSON tells, which has to fit the schema of this name."""
    told = json.loads(line)
    validate(name, told)
    return told
