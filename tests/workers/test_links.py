import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import Refusal
from workers.links import CIVITAI, HUGGINGFACE, NO_OWNERS, BadLink, Link, Shelf, parse, shelf

SHA = "A5F58EB1C3616C4F06BCA55AF39876915887482DF8CD383052468EC4E00707C9"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://civitai.com/models/12", Link("civitai", CIVITAI, model=12)),
        (
            " https://civitai.com/models/12/ink-wash?modelVersionId=34&x=1 ",
            Link("civitai", CIVITAI, model=12, version=34),
        ),
        ("civitai.com/models/12/ink", Link("civitai", CIVITAI, model=12)),
        ("https://civitai.com/model-versions/34", Link("civitai", CIVITAI, version=34)),
        (
            "https://civitai.com/api/download/models/34?type=Model&format=SafeTensor",
            Link("civitai", CIVITAI, version=34),
        ),
        ("https://civitai.com/api/download/models/34?token=abc", Link("civitai", CIVITAI, version=34, token="abc")),
        ("https://civitai.com/api/v1/models/12", Link("civitai", CIVITAI, model=12)),
        (f"https://civitai.com/api/v1/model-versions/by-hash/{SHA}", Link("civitai", CIVITAI, hash=SHA)),
        (
            "http://127.0.0.1:8000/models/12/ink?version=34",
            Link("civitai", "http://127.0.0.1:8000", model=12, version=34),
        ),
        ("urn:air:sdxl:checkpoint:civitai:827184@2514310", Link("civitai", CIVITAI, model=827184, version=2514310)),
        ("sd1:lora:civitai:12@34+56.safetensors", Link("civitai", CIVITAI, model=12, version=34)),
        ("urn:air:sd1:lora:hub.example.org:12", Link("civitai", "https://hub.example.org", model=12)),
        (SHA.lower(), Link("civitai", CIVITAI, hash=SHA)),
        ("0xa5f58eb1c3", Link("civitai", CIVITAI, hash="A5F58EB1C3")),
        ("https://huggingface.co/ada/ink", Link("huggingface", HUGGINGFACE, repo="ada/ink")),
        (
            "https://hf.co/ada/ink/tree/feature%2Fx",
            Link("huggingface", HUGGINGFACE, repo="ada/ink", revision="feature/x"),
        ),
        (
            "https://huggingface.co/ada/ink/resolve/main/sub/in k.safetensors?download=true",
            Link("huggingface", HUGGINGFACE, repo="ada/ink", revision="main", path="sub/in k.safetensors"),
        ),
        ("ada/ink", Link("huggingface", HUGGINGFACE, repo="ada/ink")),
        ("ada/ink@v1.2", Link("huggingface", HUGGINGFACE, repo="ada/ink", revision="v1.2")),
        ("http://127.0.0.1:8000/ada/ink", Link("huggingface", "http://127.0.0.1:8000", repo="ada/ink")),
    ],
)
def test_it_works(text, link):
    assert parse(text) == link
    assert "abc" not in link.shown
    assert parse(link.shown, link.server).server == link.server


def test_another_server_is_asked_where_one_is_named():
    assert parse(SHA, "hub.example.org") == Link("civitai", "https://hub.example.org", hash=SHA)
    assert parse("ada/ink", "http://127.0.0.1:8000/") == Link("huggingface", "http://127.0.0.1:8000", repo="ada/ink")


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "hello", "abc/def/ghi", "https://civitai.com/", "https://civitai.com/models/abc", "zz" * 32,
        "A" * 63, "https://civitai.com/models/99999999999", "https://civitai.com/models/4294967296",
        "../etc/passwd",
        "https://huggingface.co/ada/ink/resolve/main/../../x", "https://huggingface.co/ada/ink/resolve/main/a%00b",
        "urn:air:sd1:lora:nobody:12@34", "file:///models/12", "https://user:pw@civitai.com/models/12", "x" * 3000,
        "https://civitai.com/api/v1/model-versions/by-hash/nothex", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_names_nothing_is_refused_with_words(text):
    with pytest.raises(Refusal) as refusal:
        parse(text)
    assert refusal.value.sentence.endswith((".", "…"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://civitai.com/user/ada", Shelf(CIVITAI, "username", "ada")),
        ("http://127.0.0.1:8000/u/ada", Shelf("http://127.0.0.1:8000", "username", "ada")),
        ("https://civitai.com/models?tag=ink", Shelf(CIVITAI, "tag", "ink")),
        ("https://civitai.com/tag/ink%20wash", Shelf(CIVITAI, "tag", "ink wash")),
        ("https://huggingface.co/ada", Shelf(HUGGINGFACE, "username", "ada", "huggingface")),
        ("https://hub.example.org/models", Shelf("https://hub.example.org", "all", "")),
    ],
)
def test_shelves(text, found):
    assert shelf(text) == found


ids = st.integers(1, 2**31 - 1)
names = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20)


@given(ids, ids, names)
def test_every_way_to_write_a_version_names_the_same(model, version, slug):
    for text in (
        f"https://civitai.com/models/{model}/{slug}?modelVersionId={version}",
        f"urn:air:sd1:lora:civitai:{model}@{version}",
    ):
        assert parse(text) == Link("civitai", CIVITAI, model=model, version=version)
    assert parse(f"https://civitai.com/api/download/models/{version}").version == version


@given(names, names, names)
def test_every_way_to_write_a_repository_names_the_same(owner, name, revision):
    repo = f"{owner}/{name}"
    if owner not in NO_OWNERS:
        assert parse(f"https://huggingface.co/{repo}").repo == repo
        assert parse(f"https://huggingface.co/{repo}/tree/{revision}").revision == revision
        assert parse(f"{repo}@{revision}") == Link("huggingface", HUGGINGFACE, repo=repo, revision=revision)


@given(st.text(max_size=80) | st.text(alphabet="htps:/.@%?=&[]\\0123456789abcivmodels", max_size=80))
def test_whatever_is_pasted_is_a_link_or_refused(text):
    for reader in (parse, shelf):
        try:
            found = reader(text)
        except Refusal:
            continue
        assert found.server.startswith(("https://", "http://"))


def test_refusals_are_of_their_kind():
    with pytest.raises(BadLink, match="is no link"):
        parse("hello")
