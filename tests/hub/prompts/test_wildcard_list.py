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
