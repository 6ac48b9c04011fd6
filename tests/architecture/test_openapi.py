"""infra/openapi.yaml, which client authors read, says what the code does."""

from pathlib import Path

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

KEPT = Path(__file__).resolve().parents[2] / "infra" / "openapi.yaml"


def test_it_is_fresh():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    now = OpenApiYamlRenderer().render(schema, renderer_context={})
    assert KEPT.read_bytes() == now, "run `make openapi`"
