"""Template filters that every page may use (registered as builtins)."""

from django import template

register = template.Library()


@register.filter
def size(value: int | None) -> str:
    """Bytes as people say them: 18.6 MB."""
    number = float(value or 0)
    for unit in ("bytes", "KB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return ""
