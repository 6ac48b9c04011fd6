"""Every page in a real browser, wide and narrow, light and dark: axe finds nothing, and nothing scrolls sideways."""

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.browser]
SIGNED_OUT = [
    "/",
    "/models",
    "/prompts",
    "/pictures",
    "/try",
    "/collections",
    "/sign-in",
    "/sign-up",
    "/reset",
    "/compare",
    "/api/docs",
]
SIGNED_IN = [
    "/uploads/start",
    "/pictures/send",
    "/pictures/send?field=sent",
    "/prompts/new",
    "/prompts/import",
    "/prompts/wildcards",
    "/notifications",
    "/settings",
    "/settings/tokens",
    "/settings/webhooks",
    "/settings/data",
    "/import",
    "/groups",
    "/u/paula",
]
STAFF = [
    "/moderation",
    "/moderation/blocks",
    "/moderation/held",
    "/moderation/log",
    "/moderation/rechecks",
    "/operator",
    "/operator/people",
]
TURNED = """document.documentElement.dir = "rtl"
document.querySelectorAll("details.menu").forEach((menu) => { menu.open = true })"""
SIZES = [({"width": 1440, "height": 900}, "light"), ({"width": 390, "height": 844}, "dark")]
SMALLEST = {"width": 320, "height": 640}  # or 640, and letters of twice the size
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def addresses(hub, nano, page):
    """What a person sees: signed in, with a prompt and a word under a model of their own hub."""
    page.goto(f"{hub.address}/sign-up")
    page.fill("[name=username]", "paula")
    page.fill("[name=email]", "paula@example.org")
    page.fill("[name=password1]", "correct horse battery")
    page.click("main [type=submit]")
    page.wait_for_url(f"{hub.address}/**")
    page.goto(f"{hub.address}/prompts/new")
    page.fill("[name=prompt]", "cat, {blue|red} background")
    page.click("main form [type=submit]")
    page.wait_for_url(f"{hub.address}/prompts/*")
    prompt = page.url.removeprefix(hub.address)
    page.goto(f"{hub.address}/model-versions/{nano['version']}")
    model = page.url.removeprefix(hub.address)
    page.fill("#say-new", f"Draws **cats** well.\n\n```\n{'a line of code ' * 12}\n```")
    page.get_by_role("button", name="Say it").click()
    page.locator(".comment strong").wait_for()
    page.get_by_text("Collect", exact=True).click()
    page.fill("#collect-model", "For everybody")
    page.get_by_role("button", name="Make it", exact=True).click()
    page.get_by_role("link", name="nano").first.wait_for()
    collection = page.url.removeprefix(hub.address)
    page.goto(f"{hub.address}/groups")
    page.fill("main [name=name]", "guild")
    page.click("main form [type=submit]")
    page.wait_for_url(f"{hub.address}/groups/guild")
    report = f"/reports/new?kind=model&id={model.split('/')[2]}"
    page.goto(f"{hub.address}{report}")
    page.check("main [name=reason][value=level]")
    page.fill("main [name=words]", "It shows **edges**.")
    page.click("main form [type=submit]")
    hub.becomes_admin("paula")
    hub.does(
        "INSERT INTO community_notice (user_id, kind, sentence, address, created_at)"
        f" SELECT id, 'import', '{'w' * 200}', '/import', now() FROM accounts_user WHERE username = 'paula'"
    )
    page.goto(f"{hub.address}/pictures")
    pictures = page.locator(".tiles .tile > a.frame")
    picture = [pictures.first.get_attribute("href")] if pictures.count() else []
    return [
        *SIGNED_OUT,
        *SIGNED_IN,
        prompt,
        f"{prompt}/edit",
        model,
        collection,
        "/groups/guild",
        report,
        *picture,
        *STAFF,
    ]


def test_it_works(hub, page, addresses):
    from axe_playwright_python.sync_playwright import Axe

    def turn(size, theme):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")

    axe, wrong = Axe(), []
    for n, address in enumerate(addresses):
        sizes = SIZES if n % 2 else SIZES[::-1]  # half of the pages are loaded wide, half narrow
        turn(*sizes[0])
        page.goto(f"{hub.address}{address}")
        for size, theme in sizes:
            turn(size, theme)
            found = axe.run(page, options=RULES).response["violations"]
            wrong += [f"{address}, {theme}: {one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{address} scrolls sideways at {size['width']}")
        page.set_viewport_size(SMALLEST)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{address} scrolls sideways at {SMALLEST['width']}")
        page.evaluate(TURNED)
        for size in (SMALLEST, SIZES[0][0]):
            page.set_viewport_size(size)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{address}, from right to left with its menus open, scrolls sideways at {size['width']}")
    assert not wrong, "\n".join(wrong)


def test_what_is_offered_while_typing(hub, page, addresses):
    """A list of groups with headings: axe finds nothing in it where it is open. What it lies over is another test's."""
    from axe_playwright_python.sync_playwright import Axe

    page.goto(f"{hub.address}/collections")
    page.locator("#search").press_sequentially("nano")
    page.get_by_role("listbox").get_by_role("group", name="Models").wait_for()
    for size, theme in SIZES:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found = Axe().run(page, "[role=listbox]", RULES).response["violations"]
        assert not found, [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
