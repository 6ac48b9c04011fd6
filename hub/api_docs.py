"""The API's page, read out of the same OpenAPI schema that programs read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings

from hub.openapi import REFUSAL

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Field:
    """A parameter, or a key of a body. ``shape`` names a schema that the page explains further down."""

    name: str
    type: str
    where: str = ""
    required: bool = False
    note: str = ""
    shape: str = ""


@dataclass(frozen=True)
class Answer:
    status: str
    note: str
    type: str = ""
    shape: str = ""


@dataclass(frozen=True)
class Operation:
    anchor: str
    method: str
    path: str
    title: str
    note: str
    public: bool
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]
    curl: str


@dataclass(frozen=True)
class Group:
    name: str
    anchor: str
    operations: list[Operation] = field(default_factory=list)


@dataclass(frozen=True)
class Shape:
    name: str
    note: str
    fields: list[Field]


def shape_of(schema: dict[str, Any]) -> str:
    """The component that a schema refers to, through arrays, or nothing."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    for key in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(key, ()):
            if name := shape_of(part):
                return name
    return shape_of(schema["items"]) if isinstance(schema.get("items"), dict) else ""


def type_of(schema: dict[str, Any]) -> str:
    """A schema's type in words: ``text``, ``list of File``, ``one of a, b``."""
    if "$ref" in schema:
        return shape_of(schema)
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_of(part) for part in schema[key] if part.get("type") != "null"))
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    kinds = schema.get("type", "anything")
    kinds = [kind for kind in kinds if kind != "null"] if isinstance(kinds, list) else [kinds]
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}
    word = " or ".join(words.get(kind, kind) for kind in kinds)
    if kinds == ["array"]:
        return f"list of {type_of(schema['items'])}" if schema.get("items") else "list"
    if schema.get("format") in {"uuid", "date-time", "uri", "binary"}:
        return {"uuid": "UUID", "date-time": "date and time", "uri": "URL", "binary": "bytes"}[schema["format"]]
    return word


def fields_of(schema: dict[str, Any], components: dict[str, Any]) -> list[Field]:
    """The keys of an object, of the component it refers to, or of the objects in a list."""
    name = shape_of(schema)
    target = components.get(name, schema) if name else schema
    required = set(target.get("required", ()))
    return [
        Field(key, type_of(part), "", key in required, part.get("description", ""), shape_of(part))
        for key, part in target.get("properties", {}).items()
    ]


def example(schema: dict[str, Any], components: dict[str, Any], depth: int = 0) -> Any:
    """A small value of a schema, for a command line to start from: required keys only, or the first three."""
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    if name := shape_of({key: value for key, value in schema.items() if key != "items"}):
        return example(components.get(name, {}), components, depth + 1) if depth < 4 else {}
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array":
        return [example(schema.get("items", {}), components, depth + 1)]
    if kind == "object" or "properties" in schema:
        keys = schema.get("required") or list(schema.get("properties", {}))[:3]
        parts = schema.get("properties", {})
        return {key: example(parts[key], components, depth + 1) for key in keys if key in parts}
    return {"integer": 1, "number": 1.0, "boolean": True, "null": None}.get(str(kind), "…")


def curl(method: str, path: str, *, public: bool, body: Any) -> str:
    """A command line that makes the call; the token comes from the environment."""
    lines = ["curl" + ("" if method == "get" else f" -X {method.upper()}") + f" {settings.PUBLIC_URL}{path}"]
    if not public or method != "get":
        lines.append('-H "Authorization: Bearer $WEIGHTROOM_TOKEN"')
    if body is not None:
        lines += ["-H 'Content-Type: application/json'", "-d '" + json.dumps(body, ensure_ascii=False) + "'"]
    return " \\\n  ".join(lines)


def body_of(told: dict[str, Any]) -> dict[str, Any]:
    """The schema of a request's or an answer's body: the JSON one of several; empty where there is none."""
    content: dict[str, dict[str, Any]] = told.get("content", {})
    kinds = [content[kind] for kind in sorted(content, key=lambda kind: kind != "application/json")]
    return kinds[0].get("schema", {}) if kinds else {}


def operation(method: str, path: str, told: dict[str, Any], components: dict[str, Any]) -> Operation:
    parameters = [
        Field(
            one["name"],
            type_of(one.get("schema", {})),
            one["in"],
            one.get("required", False),
            one.get("description", ""),
        )
        for one in told.get("parameters", ())
        if "name" in one
    ]
    wanted = body_of(told.get("requestBody", {}))
    answers = []
    for status, answer in sorted(told.get("responses", {}).items()):
        sent = body_of(answer)
        if shape_of(sent or {}) == REFUSAL:  # every operation's; said once, with the shapes
            continue
        answers.append(Answer(status, answer.get("description", ""), type_of(sent) if sent else "", shape_of(sent)))
    security = told.get("security", [])
    public = not security or {} in security
    note = told.get("description", "")
    title = told.get("summary") or note.strip().partition("\n")[0].partition(". ")[0].rstrip(".")
    return Operation(
        anchor=told.get("operationId", f"{method}-{path}"),
        method=method.upper(),
        path=path,
        title=title,
        note=note,
        public=public,
        parameters=parameters,
        body=fields_of(wanted, components) if wanted else [],
        answers=answers,
        curl=curl(method, path, public=public, body=example(wanted, components) if wanted else None),
    )


def read(schema: dict[str, Any]) -> tuple[list[Group], list[Shape]]:
    """The operations of an OpenAPI 3 document, grouped by the noun in their address, and the shapes they name."""
    components = schema.get("components", {}).get("schemas", {})
    groups: dict[str, Group] = {}
    for path, methods in schema.get("paths", {}).items():
        parts = [part for part in path.split("/") if part and not part.startswith("{")]
        while parts and (parts[0] in {"api", "v1"}) and len(parts) > 1:
            parts.pop(0)
        noun = parts[0] if parts else "other"
        group = groups.setdefault(noun, Group(noun.replace("-", " ").capitalize(), f"about-{noun}"))
        for method in METHODS:
            if method in methods:
                group.operations.append(operation(method, path, methods[method], components))
    shapes = [
        Shape(name, part.get("description", ""), fields_of(part, components)) for name, part in components.items()
    ]
    return sorted(groups.values(), key=lambda group: group.name), [shape for shape in shapes if shape.fields]


@cache
def page() -> dict[str, Any]:
    """What ``api_docs.html`` shows; the schema does not change while the process runs."""
    from drf_spectacular.generators import SchemaGenerator

    groups, shapes = read(SchemaGenerator().get_schema(request=None, public=True))
    return {"groups": groups, "shapes": shapes, "scopes": ["read", "upload", "generate", "admin"]}
