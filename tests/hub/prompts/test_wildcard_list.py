"""wildcard-list: names that stand for one of some lines, in one's own prompts."""

from hub.prompts.models import Wildcard


def keep(client, name="animals", values="fox\n# a remark\n\nheron\n"):
    return client.post("/prompts/wildcards", {"name": name, "values": values})


def test_it_works(client, alice, bob, lighthouse):
    client.force_login(alice)
    assert keep(client).status_code == 302
    assert Wildcard.objects.get().values == ["fox", "heron"]
    fields = {"title": "L", "prompt": "a __animals__", "negative": "", "tags": "", "licence": "cc0"}
    client.post(f"/prompts/{lighthouse.pk}/edit", fields)
    client.force_login(bob)
    assert "heron" in client.get(f"/prompts/{lighthouse.pk}").content.decode(), "whoever runs it chooses from them"
    assert "animals" not in client.get("/prompts/wildcards").content.decode().split("New wildcard")[0]


def test_no_lines_delete_it(client, alice):
    client.force_login(alice)
    keep(client)
    keep(client, values=" \n")
    assert not Wildcard.objects.exists()


def test_a_bad_name_is_refused(client, alice):
    client.force_login(alice)
    assert keep(client, name="a b").status_code == 422


def test_a_list_that_is_not_there_is_said(client, alice, bob, lighthouse):
    """On the prompt's page and where it is run: a typing error would be drawn as letters, and nobody know why."""
    client.force_login(alice)
    keep(client, values="fox\n__birds__")
    fields = {
        "title": "L",
        "prompt": "an __animals__ by a {boat|__ships__}",
        "negative": "",
        "tags": "",
        "licence": "cc0",
    }
    client.post(f"/prompts/{lighthouse.pk}/edit", fields)
    page = client.get(f"/prompts/{lighthouse.pk}").content.decode()
    for name in ("birds", "ships"):
        assert f"You have no list named <code>{name}</code>" in page
    assert "named <code>animals" not in page
    client.force_login(bob)
    page = client.get(f"/prompts/{lighthouse.pk}").content.decode()
    assert "alice has no list named <code>birds</code> here" in page
    page = client.get(f"/try?prompt={lighthouse.pk}&f0=1&f1=1").content.decode()
    assert "an __birds__ by a __ships__" in page
    assert "There is no list named birds: __birds__ is drawn as these letters." in page
    page = client.get(f"/try?prompt={lighthouse.pk}&f0=0&f1=0").content.decode()
    assert "There is no list" not in page, "a fox by a boat"
