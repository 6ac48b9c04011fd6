"""review-write and review-remove: whether somebody recommends a model, with words, once each."""

from hub.community.models import Review
from tests.hub.catalog.files import added


def review(client, model, recommends="yes", text="Clean lines at 0.7."):
    return client.post(f"/reviews/models/{model.pk}", {"recommends": recommends, "text": text})


def test_it_works(client, alice, bob):
    model = added(alice).version.model
    client.force_login(bob)
    assert review(client, model).status_code == 302
    page = client.get(f"/models/{model.pk}/linocut").content.decode()
    assert "1 of 1 recommend it" in page
    assert "Clean lines at 0.7." in page
    assert list(alice.notices.values_list("kind", flat=True)) == ["review"]


def test_a_second_word_replaces_the_first(client, alice, bob):
    model = added(alice).version.model
    client.force_login(bob)
    review(client, model)
    review(client, model, "no", "On a second look: muddy.")
    assert list(Review.objects.values_list("recommends", "text")) == [(False, "On a second look: muddy.")]
    assert alice.notices.count() == 1


def test_it_may_call_somebody_and_write_prompts(client, alice, bob):
    model = added(alice).version.model
    client.force_login(bob)
    review(client, model, text="Ask @alice about <lora:linocut:1>.")
    page = client.get(f"/models/{model.pk}/linocut").content.decode()
    assert '<a href="/u/alice" rel="nofollow noopener ugc">@alice</a> about &lt;lora:linocut:1&gt;.' in page


def test_nobody_reviews_their_own(client, alice):
    model = added(alice).version.model
    client.force_login(alice)
    assert review(client, model).status_code == 409
    assert b"Write a review" not in client.get(f"/models/{model.pk}/linocut").content


def test_a_review_has_words_and_a_side(client, alice, bob):
    model = added(alice).version.model
    client.force_login(bob)
    assert review(client, model, text=" ").status_code == 422
    assert review(client, model, recommends="maybe").status_code == 422
    assert not Review.objects.exists()


def test_only_its_author_and_moderators_remove_it(client, alice, bob, charlie, mona):
    model = added(alice).version.model
    client.force_login(bob)
    review(client, model)
    address = f"/reviews/{Review.objects.get().pk}/remove"
    for other in (alice, charlie):
        client.force_login(other)
        assert client.post(address).status_code == 404
    client.force_login(mona)
    assert client.post(address).status_code == 302
    assert not Review.objects.exists()
