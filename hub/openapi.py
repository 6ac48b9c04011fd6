"""What the OpenAPI file says beyond the views: how every operation refuses."""

from __future__ import annotations

from typing import Any

REFUSAL = "Refusal"
SHAPE = {
    "type": "object",
    "description": "Why not, in a sentence for the person, and in a word for the program.",
    "properties": {
        "error": {"type": "string"},
        "code": {"type": "string", "description": "not-found, quota-reached, …: stays the same when sentences change."},
        "fields": {"description": "What is wrong with which field of the body."},
    },
    "required": ["error"],
}
WHY = {
    "401": "Sign in, or send a token that is known here.",
    "403": "The token lacks a scope, or the person may not.",
    "404": "It is not there; what others keep private is not there either.",
    "4XX": "Any other no: `code` says which.",
    "503": "The object store does not answer just now; trying again is safe.",
}


def refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Adds to every operation how it may refuse, in the one shape that refusals have; where it has told that itself,
    in its own. A nullable value of any kind is said so once."""
    result["components"]["schemas"][REFUSAL] = SHAPE
    for path, operations in result["paths"].items():
        for operation in operations.values():
            told = operation["responses"]
            own = next((told[status] for status in ("400", "404") if status in told), None)
            security = operation.get("security", [])
            for status, why in WHY.items():
                never = (status in {"401", "403"} and (not security or {} in security)) or (
                    status == "404" and "{" not in path
                )
                if status not in told and not never:
                    told[status] = {**(own if own and own.get("content") else _refusal()), "description": why}
            operation["responses"] = dict(sorted(told.items()))
    for schema in result["components"]["schemas"].values():
        for name, value in schema.get("properties", {}).items():
            if isinstance(value.get("oneOf"), list) and {} in value["oneOf"]:
                schema["properties"][name] = {key: said for key, said in value.items() if key != "oneOf"}
    return result


def _refusal() -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{REFUSAL}"}}}}
