"""prompt-import: a file of styles becomes prompts, once each."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from hub.gallery.models import SentPicture
from hub.prompts.imports import NotStyles, rows
from hub.prompts.models import Prompt
from workers import messages
from workers.messages import PictureRecipe

STYLES = (
    'name,prompt,negative_prompt\nInk,"{prompt}, ink, 4:5",blurry\n"--- groups ---",,\nLight,"a lighthouse, ink",\n'
)


def send(client, body, name="styles.csv"):
    return client.post("/prompts/import", {"file": SimpleUploadedFile(name, body.encode()), "licence": "cc0"})


def test_it_works(client, alice):
    client.force_login(alice)
    assert send(client, STYLES).status_code == 302
    assert set(Prompt.objects.values_list("title", flat=True)) == {"Ink", "Light"}
    assert Prompt.objects.get(title="Ink").negative == "blurry"


def test_what_is_here_is_not_added_twice(client, alice):
    client.force_login(alice)
    send(client, STYLES)
    answer = client.post(
        "/prompts/import", {"file": SimpleUploadedFile("s.csv", STYLES.upper().encode()), "licence": "cc0"}, follow=True
    )
    assert Prompt.objects.count() == 2, "the case of letters makes no new prompt"
    assert b"2 were here already." in answer.content


@pytest.mark.parametrize(
    "data",
    [
        [{"name": "Ink", "prompt": "in ink", "negative": "blurry"}],
        {"Ink": {"prompt": "in ink", "negative_prompt": "blurry"}},
        [{"title": "Ink", "text": "in ink", "negativePrompt": "blurry", "extra": [1]}],
    ],
)
def test_json_of_several_shapes(data):
    assert rows(json.dumps(data).encode()) == [{"title": "Ink", "prompt": "in ink", "negative": "blurry"}]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "no column called prompt"), (b"\xff\xfe\x00", "not UTF-8"), (b"a,b\n1,2", "no column called prompt"),
        (b"[1, 2]", "no list of prompts"), (b"{", "not valid JSON"), (b"[" * 100_000, "not valid JSON"),
        (b"name,prompt\nx,\n", "No prompts were found"), (b"name,prompt\n" + b"x,y\n" * 2_001, "can be added at once"),
        (b"x" * (4 * 1024**2 + 1), "at most 4 MB"),
    ],
)  # fmt: skip
def test_other_files_are_refused_with_a_sentence(body, sentence):
    with pytest.raises(NotStyles, match=sentence):
        rows(body)


def test_no_file(client, alice):
    client.force_login(alice)
    assert client.post("/prompts/import", {"licence": "cc0"}).status_code == 422


def test_it_is_for_people(client):
    assert client.get("/prompts/import")["Location"].startswith("/sign-in")


def sent_by(owner, prompt, **more):
    """A picture that somebody sent and a worker read: its recipe as A1111 writes it."""
    told = PictureRecipe(program="AUTOMATIC1111", prompt=prompt, **more) if prompt else None
    made = messages.msgspec.to_builtins(told) if told else None
    return SentPicture.objects.create(owner=owner, name="p.png", size=1, status="accepted", told=made)


def test_pictures_bring_the_prompts_they_carry(client, alice, bob):
    """With steps and sampler; one without words brings nothing, and another's is not to be had."""
    fox = sent_by(alice, "a fox in ink", negative="blurry", sampler="Euler", steps=12)
    ids = [fox.pk, fox.pk, sent_by(alice, "").pk, sent_by(bob, "a secret").pk, "nonsense"]
    client.force_login(alice)
    answer = client.post("/prompts/import", {"sent": ids, "licence": "cc-by"}, follow=True)
    assert b"1 prompt was added." in answer.content
    kept = Prompt.objects.get()
    assert (kept.text, kept.negative, kept.licence) == ("a fox in ink", "blurry", "cc-by")
    assert (kept.recipe["sampler"], kept.recipe["steps"]) == ("Euler", 12)
    page = client.get(f"/prompts/{kept.pk}").content.decode()
    assert "Drawn with" in page
    assert "Steps: 12, Sampler: Euler" in page
    desk = client.get(f"/try?prompt={kept.pk}").content.decode()
    assert re.search(r'name="steps"[^>]*value="12"', desk), "and it is run with them"
    answer = client.post("/prompts/import", {"sent": [fox.pk], "licence": "cc-by"}, follow=True)
    assert b"1 was here already." in answer.content


def test_nothing_chosen_is_said(client, alice):
    client.force_login(alice)
    answer = client.post("/prompts/import", {"licence": "cc0"}, headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert "Choose a file or a picture first." in answer.content.decode()
