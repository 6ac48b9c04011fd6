import pytest
from django.urls import reverse


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_works(signed_in, theme):
    assert signed_in.post(reverse("accounts:theme-set"), {"theme": theme}).status_code == 302
    assert signed_in.cookies["theme"].value == theme
    assert f'data-theme="{theme}"' in signed_in.get(reverse("accounts:settings-edit")).content.decode()


def test_back_to_the_system(signed_in):
    signed_in.post(reverse("accounts:theme-set"), {"theme": "dark"})
    signed_in.post(reverse("accounts:theme-set"), {"theme": "system"})
    assert "data-theme=" not in signed_in.get(reverse("accounts:settings-edit")).content.decode().split("<body")[0]


def test_nothing_else(client, db):
    answer = client.post(reverse("accounts:theme-set"), {"theme": '"><script>'}, HTTP_ACCEPT="application/json")
    assert answer.status_code == 400
    assert "theme" not in client.cookies
    assert client.get(reverse("accounts:theme-set")).status_code == 405
