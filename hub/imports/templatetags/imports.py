"""Where a model is from, for its page."""

from __future__ import annotations

from typing import Any

from django import template

from hub.catalog.models import Model, Version
from hub.imports.models import Origin, VersionOrigin

register = template.Library()


@register.inclusion_tag("imports/origin.html")
def origin(model: Model, version: Version | None) -> dict[str, Any]:
    """“Imported from …”, for a model that was; nothing for others."""
    found = Origin.objects.filter(model=model).first()
    of = VersionOrigin.objects.filter(version=version).first() if found and version else None
    return {"origin": found, "of": of, "host": found.server.partition("://")[2] if found else ""}
