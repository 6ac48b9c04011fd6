"""`{% prompts_begun query as prompts %}`: what the library has for a query that is still being typed."""

from django import template

from hub.prompts import queries
from hub.prompts.models import Prompt

register = template.Library()
SHOWN = 3


@register.simple_tag(takes_context=True)
def prompts_begun(context: template.Context, query: str) -> list[Prompt]:
    """A few prompts that the person who looks may see, best first, with their owners."""
    return queries.prompts_begun(context["request"].user, query, most=SHOWN)
