"""Five hundred strings that try to run, in every field that a stranger's words reach, in a real browser.

They are written past the forms, as if every check had failed: what a page shows must be harmless whatever it holds.
"""

import itertools
import os
import shutil
import uuid
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from hub.accounts.models import Token
from hub.catalog.listings import listing_refresh
from hub.catalog.models import File, Model, Tag, Version
from hub.community.models import Collection, CollectionItem, Comment, Review
from hub.gallery.models import Picture, PictureUse
from hub.moderation.chain import entry_add
from hub.moderation.models import Case
from hub.prompts.actions import prompt_create
from hub.prompts.models import Prompt, Wildcard
from hub.tryit.models import Generation
from hub.uploads.models import Upload
from tests import cast, hostile
from tests.hub.catalog.files import added

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
STRINGS = hostile.strings()
PIECES, EACH = 10, 50  # the strings, 50 at a time, for what a page shows one of
LISTENS = """
window.ran = [];
window.alert = () => { window.ran.push("alert"); };
document.addEventListener("securitypolicyviolation", (event) => {
  window.ran.push(`${event.violatedDirective}: ${event.sample || event.blockedURI}`);
});
"""
# What no page of ours holds, so a stranger's text became markup.
MARKUP = r"""() => {
  const odd = "iframe, object, embed, base, meta[http-equiv], math, animate, script:not([src]):not([type$=json])";
  const wrong = [...document.querySelectorAll(odd)].map((element) => element.outerHTML);
  for (const element of document.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      const runs = /^(on|hx-on|style$)/.test(name) || (name.startsWith("hx-") && /^js(on)?:|\[.*\(/.test(value));
      const leads = /^(href|src|action|formaction|xlink:href)$/.test(name);
      const script = leads && /^[\s\x00-\x20]*(javascript|vbscript|data:text)/i.test(value);
      if (runs || script) wrong.push(element.outerHTML);
    }
  }
  return [...window.ran, ...wrong].map((one) => one.slice(0, 200));
}"""


def pieces() -> list[list[str]]:
    return [STRINGS[n : n + EACH] for n in range(0, len(STRINGS), EACH)]


@transaction.atomic  # one commit, not thousands
def fill(alice, bob) -> list[str]:
    """A hub of such words; the addresses of the pages that show them."""
    tags = [Tag.objects.create(name=text[:60]) for text in dict.fromkeys(text[:60] for text in STRINGS)]
    files = [added(alice, f"Model {n}", seed=str(n)) for n in range(PIECES)]
    addresses = []
    for n, (file, texts) in enumerate(zip(files, pieces(), strict=True)):
        every, version = "\n\n".join(texts), file.version
        finding = [{"severity": "warning", "sentence": text, "evidence": text, "public": True} for text in texts]
        Version.objects.filter(pk=version.pk).update(
            name=texts[0][:80], trigger_words=texts, description=every,
            training={"network": dict(zip(texts, texts, strict=True)), "software": {"software": every},
                      "dataset": {"top_tags": [[text, 1] for text in texts], "folders": every}},
        )  # fmt: skip
        File.objects.filter(pk=file.pk).update(
            name=" ".join(texts)[:255], findings=finding, tier="B", metadata={text: text for text in texts},
            scans=[{"tool": texts[0], "version": texts[1], "verdict": "flagged", "findings": texts}],
        )  # fmt: skip
        Model.objects.filter(pk=version.model_id).update(name=" ".join(texts)[:120], description=every)
        version.model.tags.set(tags[n * EACH : (n + 1) * EACH])
        for text in texts:
            Comment.objects.create(author=bob, model=version.model, text=text)
        Review.objects.create(author=bob, model=version.model, recommends=True, text=every)
        addresses.append(f"/models/{version.model_id}/x?version={version.pk}")
    for n, text in enumerate(STRINGS):
        model = Model.objects.create(owner=alice, name=text, slug=f"s{n}", type="LORA", status="published")
        base, now = files[0].version.base, timezone.now()
        version = Version.objects.create(model=model, name=text[:80], base=base, status="published", published_at=now)
        File.objects.create(version=version, blob=files[0].blob, name=text, adapter="lora", verdict="accepted")
        listing_refresh(model)
    recipe = {"base": files[0].blob_id, "base_family": "sd1"}
    for n, (file, texts) in enumerate(zip(files, pieces(), strict=True)):
        uses = [{"kind": "lora", "sha256": f"{n:064x}", "weight": 1.0, "name": text} for text in texts]
        words = {"prompt": " ".join(texts), "negative": " ".join(texts), "base_name": texts[0], "uses": uses}
        told = {"program": texts[0], "prompt": " ".join(texts), "sampler": texts[1],
                "others": dict(zip(texts, texts, strict=True)),
                "resources": [{"kind": "lora", "name": text} for text in texts]}  # fmt: skip
        picture = Picture.objects.create(
            owner=alice, sha256=f"{n:064x}", width=8, height=8, recipe=recipe | words, told=told, visible=True
        )
        PictureUse.objects.create(picture=picture, version=file.version, weight=1)
        Comment.objects.create(author=bob, picture=picture, text="\n\n".join(texts))
        addresses.append(f"/pictures/{picture.pk}")
        generation = Generation.objects.create(
            owner=alice, purpose="tryit", recipe=recipe | words, status="failed", error_code="x", error=" ".join(texts)
        )
        addresses.append(f"/try/{generation.pk}")
        collection = Collection.objects.create(owner=alice, name=texts[0][:80], description=" ".join(texts)[:500])
        CollectionItem.objects.create(collection=collection, model=file.version.model, position=1)
        addresses.append(f"/collections/{collection.pk}")
        prompt = prompt_create(owner=alice, fields={"title": f"p{n}", "prompt": "a cat"})
        Prompt.objects.filter(pk=prompt.pk).update(title=" ".join(texts)[:120], recipe=recipe | words)
        prompt.tags.set(tags[n * EACH : (n + 1) * EACH])
        Wildcard.objects.create(owner=alice, name=texts[0][:60], values=texts)
        addresses.append(f"/prompts/{prompt.pk}")
        report = {"severity": "danger", "sentence": " ".join(texts), "evidence": texts[0]}
        Upload.objects.create(
            owner=alice, filename=" ".join(texts)[:255], size=1, part_size=1, key=str(uuid.uuid4()), status="refused",
            findings=[report], fields={"model_name": texts[0], "trigger_words": texts, "version_name": texts[1]},
        )  # fmt: skip
        Token.objects.create(user=alice, name=texts[0][:80], start="wr_x", digest=f"{n:064x}", scopes=["read"])
        entry_add(actor=alice, action="released", subject=" ".join(texts)[:300], reason=" ".join(texts))
        case = Case.objects.create(kind="model", thing=file.version.model_id, title=texts[0], words=" ".join(texts))
        case.reports.create(reason="other", words=" ".join(texts)[:2000], who=str(n))
    edited = files[0].version
    addresses += [f"/models/{edited.model_id}/edit", f"/model-versions/{edited.pk}/edit", f"/prompts/{prompt.pk}/edit"]
    addresses += ["/", "/prompts", "/prompts?page=1", "/pictures", "/collections", "/notifications", "/settings/tokens"]
    addresses += [
        "/uploads/start",
        "/prompts/wildcards",
        "/moderation",
        "/moderation/log",
        "/moderation/held",
        "/u/alice",
        "/operator",
    ]
    addresses += [f"/try?use={files[0].version_id}", f"/compare?stack=&stack={files[0].version_id}:1"]
    return addresses


def asked_for() -> list[str]:
    """Addresses that carry the strings themselves: searches, filters, pages that are not there."""
    addresses = []
    for text in itertools.islice(STRINGS, 0, None, 100):
        word = quote(text, safe="")
        addresses += [
            f"/models?query={word}&tag={word}&base={word}&creator={word}",
            f"/prompts?query={word}&tag={word}",
        ]
        addresses += [f"/u/{word}", f"/search?query={word}", f"/try?prompt={word}&use={word}&base={word}", f"/{word}"]
    return addresses


def test_nothing_runs(live_server, settings, alice, bob):
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install Debian's chromium, or name one in CHROMIUM")
    from playwright.sync_api import sync_playwright

    adam = cast.adam()
    addresses = fill(adam, bob) + asked_for()
    client = Client()
    client.force_login(adam)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    wrong, said = [], ""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        context.add_cookies([cookie | {"url": live_server.url}])
        context.add_init_script(LISTENS)
        page = context.new_page()
        # Only what runs. Not by `page.route`, which takes the browser's cache from it, and scripts come 120 times.
        blocked = context.new_cdp_session(page)
        blocked.send("Network.enable")
        blocked.send("Network.setBlockedURLs", {"urls": ["*/image/*", "*.css*", "*.svg*"]})
        page.on("dialog", lambda dialog: (wrong.append(f"a dialog: {dialog.message}"), dialog.dismiss()))

        def look(address: str) -> None:
            nonlocal said
            answer = page.goto(f"{live_server.url}{address}", wait_until="load")
            if answer is None or answer.status >= 500:
                wrong.append(f"{address}: {answer and answer.status}")
            wrong.extend(f"{address}: {one}" for one in page.evaluate(MARKUP))

        page.set_content(f"<p>{STRINGS[0]}")
        assert page.evaluate(MARKUP), "what would be wrong is not seen"
        for address in addresses:
            look(address)
        address = "/models"
        while address:
            look(address)
            said += page.inner_text("#results")
            following = page.locator("#results a[href*='after=']")
            address = following.first.get_attribute("href") if following.count() else ""
            address = address if address.startswith("/") or not address else f"/models{address}"
        browser.close()
    with connection.cursor() as cursor:  # the log can be emptied by nobody but a superuser who goes round its guard
        cursor.execute("SET session_replication_role = replica; TRUNCATE moderation_entry CASCADE")
        cursor.execute("SET session_replication_role = origin")
    assert not wrong, "\n".join(wrong[:40])
    flat = " ".join(said.split())
    missing = [text for text in STRINGS if " ".join(text.split()) not in flat]
    assert not missing, f"not shown as they were written: {missing[:5]}"
