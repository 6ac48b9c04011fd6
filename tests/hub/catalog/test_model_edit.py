import pytest

from hub.catalog import actions
from hub.catalog.models import Model
from tests.hub.catalog.files import added

WHOLE = {"name": "Lino Print", "type": "LoCon", "tags": "Ink, stýle", "description": "*x*", "allow_no_credit": "on"}


@pytest.fixture
def linocut(alice):
    return added(alice)


def test_it_works(client, alice, linocut):
    client.force_login(alice)
    url = f"/models/{linocut.version.model_id}/edit"
    assert 'value="Linocut"' in client.get(url).content.decode()
    answer = client.post(url, WHOLE | {"allow_commercial_use": ["Sell"]})
    assert answer.status_code == 302
    model = Model.objects.get(pk=linocut.version.model_id)
    assert (model.name, model.type, model.slug) == ("Lino Print", "LoCon", "linocut")
    assert (model.allow_no_credit, model.allow_derivatives, model.allow_commercial_use) == (True, False, ["Sell"])
    assert sorted(model.tags.values_list("name", flat=True)) == ["ink", "style"]
    assert "Lino Print" in client.get("/models?tag=style").content.decode()


@pytest.mark.parametrize(("who", "status"), [("alice", 200), ("mona", 200), ("bob", 404), ("charlie", 404), ("", 302)])
def test_only_its_owner_and_moderators_edit(client, request, linocut, who, status):
    if who:
        client.force_login(request.getfixturevalue(who))
    for path in (f"/models/{linocut.version.model_id}/edit", f"/model-versions/{linocut.version_id}/edit"):
        assert client.get(path).status_code == status
        if status != 200:
            assert client.post(path, WHOLE).status_code == status
    assert Model.objects.get(pk=linocut.version.model_id).name == "Linocut"


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": " \u202e "}, {"type": "Poem"}, {"tags": ",".join(map(str, range(30)))}]
)
def test_a_wrong_field_is_said_and_nothing_is_lost(client, alice, linocut, wrong):
    client.force_login(alice)
    answer = client.post(f"/models/{linocut.version.model_id}/edit", WHOLE | wrong)
    assert answer.status_code == 422
    assert "*x*" in answer.content.decode()
    assert Model.objects.get(pk=linocut.version.model_id).name == "Linocut"


def test_version_edit(client, alice, linocut):
    client.force_login(alice)
    url = f"/model-versions/{linocut.version_id}/edit"
    whole = {
        "name": "v2",
        "base": "SD 1.4",
        "trigger_words": "a b, c",
        "weight": "0.8",
        "weight_min": "0",
        "weight_max": "1",
    }
    assert client.post(url, whole).status_code == 302
    linocut.version.refresh_from_db()
    version = linocut.version
    assert (version.name, version.base.name, version.trigger_words, version.weight) == (
        "v2",
        "SD 1.4",
        ["a b", "c"],
        0.8,
    )
    for wrong in ({"weight": "5"}, {"base": "SDXL 1.0"}, {"base": "Nosuch"}, {"weight": "nan"}, {"name": ""}):
        assert client.post(url, whole | wrong).status_code == 422, wrong
    assert client.get("/models?base=SD+1.4").content.decode().count("<article") == 1


def test_version_publish_and_version_unpublish(client, alice, charlie, linocut):
    publish, unpublish = (f"/model-versions/{linocut.version_id}/{word}" for word in ("publish", "unpublish"))
    client.force_login(charlie)
    assert client.post(unpublish).status_code == 404
    client.force_login(alice)
    assert client.get(publish).status_code == 405
    first = Model.objects.get(pk=linocut.version.model_id).published_at
    assert client.post(unpublish).status_code == 302
    assert Model.objects.get(pk=linocut.version.model_id).status == "draft"
    assert client.post(publish).status_code == 302
    again = Model.objects.get(pk=linocut.version.model_id)
    assert (again.status, again.published_at) == ("published", first)


def test_what_was_taken_down_is_not_published_by_its_owner(alice, linocut):
    Model.objects.update(status="taken-down")
    with pytest.raises(actions.NothingToPublish):
        actions.version_publish(version=linocut.version, by=alice)


def test_a_draft_needs_an_accepted_file(client, alice):
    file = added(alice, publish=False, inspected={"verdict": "unknown"})
    client.force_login(alice)
    answer = client.post(f"/model-versions/{file.version_id}/publish")
    assert answer.status_code == 409
    assert "nothing to publish yet" in answer.content.decode()


def test_the_cover_is_on_the_card(client, linocut):
    actions.cover_set(version=linocut.version, sha256="c" * 64, width=128, height=128)
    assert f"/image/{'c' * 64}/" in client.get("/models").content.decode()
