"""comment-create and comment-remove: threads under a model or a picture, and who is told."""

import pytest

from hub.community.models import Comment, Notice
from hub.prompts.actions import prompt_edit
from tests.hub.catalog.files import added


@pytest.fixture
def model(alice):
    return added(alice).version.model


def say(client, model, text, **more):
    return client.post(f"/comments/models/{model.pk}", {"text": text} | more)


def told(user):
    return list(user.notices.values_list("kind", "actor__username"))


def page(client, model):
    return client.get(f"/models/{model.pk}/{model.slug}").content.decode()


def test_it_works(client, alice, bob, model):
    client.force_login(bob)
    assert say(client, model, "Works **well** at 0.6.").status_code == 302
    assert "Works <strong>well</strong> at 0.6." in page(client, model)
    assert told(alice) == [("comment", "bob")]


def test_an_answer_reaches_its_author_and_stands_below(client, alice, bob, model):
    client.force_login(bob)
    say(client, model, "Which seed?")
    client.force_login(alice)
    first = Comment.objects.get()
    say(client, model, "1234", parent=first.pk)
    assert told(bob) == [("answer", "alice")]
    answer = Comment.objects.get(parent=first)
    client.force_login(bob)
    say(client, model, "Thank you", parent=answer.pk)
    assert Comment.objects.filter(parent=first).count() == 2, "an answer to an answer stands beside it"


def test_a_mention_calls_those_who_may_see_it(client, alice, bob, charlie, model):
    client.force_login(bob)
    say(client, model, "@charlie look; not an@alice.example, @nobody")
    assert told(charlie) == [("mention", "bob")]
    assert told(alice) == [("comment", "bob")]


def test_a_mention_tells_nobody_of_a_draft(client, alice, bob):
    draft = added(alice, "Hidden", publish=False).version.model
    client.force_login(alice)
    assert say(client, draft, "@bob soon").status_code == 302
    assert told(bob) == []


def test_text_is_never_trusted(client, bob, model):
    client.force_login(bob)
    say(client, model, "<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1))")
    shown = page(client, model).split('id="discussion"')[1].split("</section>")[0]
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown, "nobody's words are left out, either"
    assert 'href="javascript' not in shown


def test_words_of_prompts_stay_as_they_were_said(client, bob, model):
    """Here people talk of <lora:…>, and of tags: neither is HTML to them."""
    client.force_login(bob)
    say(client, model, "Try <lora:linocut:0.8>, <ink>, & no <b>frame</b>.")
    assert "Try &lt;lora:linocut:0.8&gt;, &lt;ink&gt;, &amp; no &lt;b&gt;frame&lt;/b&gt;." in page(client, model)


def test_names_and_addresses_lead_somewhere(client, bob, charlie, model):
    client.force_login(bob)
    say(client, model, "@Charlie, see (https://example.org/a_b?c=1&d=2). Not @nobody, `@charlie`, me@charlie.example.")
    shown = page(client, model).split('id="discussion"')[1].split("</section>")[0]
    assert '<a href="/u/charlie" rel="nofollow noopener ugc">@Charlie</a>,' in shown
    link = "https://example.org/a_b?c=1&amp;d=2"
    assert f'(<a href="{link}" rel="nofollow noopener ugc">{link}</a>).' in shown
    assert "Not @nobody, <code>@charlie</code>, me@charlie.example." in shown


def test_without_scripts_one_returns_to_what_one_said(client, bob, model):
    client.force_login(bob)
    assert say(client, model, "First")["Location"].endswith(f"#comment-{Comment.objects.get().pk}")


def test_nothing_said_comes_back_with_a_sentence(client, bob, model):
    client.force_login(bob)
    answer = client.post(f"/comments/models/{model.pk}", {"text": "  "}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert b"Write something first." in answer.content


def test_too_long_comes_back_whole(client, bob, model):
    client.force_login(bob)
    text = "word " * 1100
    answer = client.post(f"/comments/models/{model.pk}", {"text": text}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert text.strip().encode() in answer.content
    assert not Comment.objects.exists()


def test_seven_in_a_minute_is_too_fast(client, bob, model):
    client.force_login(bob)
    answers = [say(client, model, f"number {n}").status_code for n in range(7)]
    assert answers == [302] * 6 + [429]


def test_charlie_cannot_comment_on_what_he_cannot_see(client, alice, charlie):
    draft = added(alice, "Hidden", publish=False).version.model
    client.force_login(charlie)
    assert say(client, draft, "found it").status_code == 404


def test_an_answer_to_a_comment_elsewhere_is_refused(client, alice, bob, model):
    other = added(alice, "Other").version.model
    client.force_login(bob)
    say(client, other, "there")
    assert say(client, model, "here", parent=Comment.objects.get().pk).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("bob", 302), ("alice", 302), ("mona", 302), ("charlie", 403)])
def test_removing(client, request, bob, model, who, status):
    client.force_login(bob)
    say(client, model, "to be removed")
    comment = Comment.objects.get()
    client.force_login(request.getfixturevalue(who))
    assert client.post(f"/comments/{comment.pk}/remove").status_code == status
    comment.refresh_from_db()
    assert (comment.removed_at is not None) == (status == 302)
    if status == 302:
        assert comment.text == ""
        assert not Notice.objects.filter(comment=comment).exists()
        assert "to be removed" not in page(client, model)


def test_answers_outlive_a_removed_comment(client, alice, bob, model):
    client.force_login(bob)
    say(client, model, "first")
    first = Comment.objects.get()
    client.force_login(alice)
    say(client, model, "an answer that stays", parent=first.pk)
    client.force_login(bob)
    client.post(f"/comments/{first.pk}/remove")
    shown = page(client, model)
    assert "This comment was removed." in shown
    assert "an answer that stays" in shown


def test_under_a_picture(client, alice, bob, draw):
    picture = draw(alice, visible=True)
    client.force_login(bob)
    client.post(f"/comments/pictures/{picture.pk}", {"text": "What a cat"})
    assert b"What a cat" in client.get(f"/pictures/{picture.pk}").content
    assert told(alice) == [("comment", "bob")]


def test_under_a_prompt(client, alice, bob, charlie, lighthouse):
    address = f"/prompts/{lighthouse.pk}"
    client.force_login(bob)
    client.post(f"/comments/prompts/{lighthouse.pk}", {"text": "@charlie, dusk is the better half"})
    assert "dusk is the better half" in client.get(address).content.decode()
    assert told(alice) == [("comment", "bob")]
    assert told(charlie) == [("mention", "bob")]
    client.force_login(alice)
    shown = client.get("/notifications").content.decode()
    assert f'<a href="{address}#comment-{Comment.objects.get().pk}">Lighthouse</a>' in shown
    prompt_edit(prompt_id=lighthouse.pk, by=alice, fields={"private": True})
    assert "dusk is" not in client.get(address).content.decode(), "there is nobody to talk to"
    client.force_login(bob)
    assert client.post(f"/comments/prompts/{lighthouse.pk}", {"text": "Where is it?"}).status_code == 404


def test_nothing_that_was_said_is_out_of_reach(client, alice, bob, model):
    Comment.objects.bulk_create(Comment(author=bob, model=model, text=f"word {n:03}") for n in range(51))
    short = page(client, model)
    assert "word 050" in short
    assert "word 000" not in short
    assert '<a class="note" href="?said=all#discussion"' in short
    whole = client.get(f"/models/{model.pk}/{model.slug}?said=all").content.decode()
    assert "word 000" in whole
    assert "?said=all" not in whole
