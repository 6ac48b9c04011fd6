"""What a plot will cost is said while it is written."""

from hub.tryit.models import Generation
from tests.hub.tryit.test_generation_create import form

AXES = {"x_axis": "steps", "x_values": "4, 8", "y_axis": "cfg", "y_values": "3, 5, 7"}


def told(client, nano, linocut, **fields):
    answer = client.post("/try/plot", form(nano, linocut, **fields))
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_works(client, alice, nano, linocut, recipe):
    assert "2 × 3 = 6 pictures<" in told(client, nano, linocut, **AXES)
    Generation.objects.create(
        owner=alice, recipe={"base": "", "width": 1, "height": 1, "steps": 10}, status="done", seconds=20
    )
    assert "2 × 3 = 6 pictures, about 72 s<" in told(client, nano, linocut, **AXES)  # 36 steps of 2 s


def test_nothing_is_said_of_no_plot(client, nano, linocut):
    page = told(client, nano, linocut)
    assert 'id="plot-price"' in page
    assert "picture" not in page


def test_what_cannot_be_plotted_is_said(client, nano, linocut):
    assert "100 is the most" in told(client, nano, linocut, **AXES | {"x_values": "1-100"})
    assert "Steps" in told(client, nano, linocut, **AXES | {"x_values": "many"})
