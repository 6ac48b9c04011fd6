"""The website in a real browser, section by section, on one running hub and one uploaded file: Bea brings a LoRA, finds
it, draws with it, keeps its prompt; Otto reads what she made, says something, and reports it.

The stories follow each other and share what they leave; the first brings what the others look at.
"""

import re

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load_file, save_file

from tests.journeys.conftest import WEIGHTS, Person, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.browser]
NAME, WORD = "Bea flat", "beaflat"


@pytest.fixture(scope="module")
def otto(hub):
    return Person.signs_up(hub, "olga")


def model(page, hub) -> None:
    """Open the page of what Bea brought, by the list's own link."""
    page.goto(f"{hub.address}/models?sort=newest")
    page.get_by_role("link", name=NAME, exact=True).click()
    page.wait_for_url("**/models/*/bea-flat*")


def test_upload(hub, nano, page, tmp_path):
    page.goto(f"{hub.address}/sign-up")
    page.fill("[name=username]", "bea")
    page.fill("[name=email]", "bea@example.org")
    page.fill("[name=password1]", "correct horse battery")
    page.click("main [type=submit]")
    page.wait_for_url(f"{hub.address}/**")

    path = tmp_path / "bea-flat.safetensors"
    save_file({k: v * 1.002 for k, v in load_file(WEIGHTS / "nano-flat.safetensors").items()}, path)
    page.goto(f"{hub.address}/uploads/start")
    page.set_input_files("input[type=file]", str(path))
    page.get_by_text("Accepted").first.wait_for(timeout=60_000)
    page.get_by_role("button", name="Publish now").click()
    page.get_by_text("Published").first.wait_for()
    page.get_by_text("Its strip is drawn").wait_for(
        timeout=120_000
    )  # until then the row asks on, and complains of nothing
    assert page.get_by_role("list", name="Pictures of its strip").locator("img").count() == 8
    page.get_by_role("link", name=re.compile("flat", re.IGNORECASE)).first.click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.fill("[name=name]", NAME)
    page.fill("[name=tags]", "flat, bea")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit this version").click()
    page.fill("[name=trigger_words]", WORD)
    page.get_by_role("button", name="Save").click()
    assert page.get_by_role("button", name=WORD).is_visible()


def test_browse_and_search(hub, page):
    page.goto(hub.address)
    page.keyboard.press("/")
    page.keyboard.type("bea fl")
    page.get_by_role("group", name="Models").get_by_role("option", name=NAME).wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.role") == "option"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/models?query=*")
    page.get_by_role("link", name=NAME, exact=True).wait_for()
    page.goto(f"{hub.address}/models")
    page.locator(".facet label", has_text="LoRA").first.click()
    page.wait_for_url("**type=LORA*")
    held = page.locator(".chips.held a")
    held.wait_for()
    assert page.get_by_role("link", name="nano", exact=True).count() == 0, "a checkpoint is no LoRA"
    held.click()
    page.get_by_role("link", name="nano", exact=True).first.wait_for()  # other stories push nano, too
    page.go_back()
    page.wait_for_url("**type=LORA*")


def test_filters_on_a_phone(hub, page):
    """One choice after the other: what stood open does, focus and page stay where they were."""
    page.set_viewport_size({"width": 390, "height": 700})
    page.goto(f"{hub.address}/models")
    page.locator("#filters > summary").click()
    page.locator("#filter-tag > summary").click()
    page.locator("#tag-bea").check()
    page.wait_for_url("**/models?tag=bea&*")
    assert "=&" not in page.url, "what is empty is not in the address"
    tag = page.locator("#tag-bea:focus")
    tag.wait_for()
    assert 0 < tag.bounding_box()["y"] < 700
    page.set_viewport_size({"width": 1280, "height": 900})


def test_model_page(hub, page):
    model(page, hub)
    page.get_by_role("button", name=WORD).click()
    page.get_by_role("button", name="copied").wait_for()
    assert page.locator(".verdict strong").first.inner_text().startswith("Accepted")
    listed = page.get_by_role("link", name="Download all of it as a list").get_attribute("href")
    parts = page.request.get(f"{hub.address}{listed}?format=json").json()["files"]
    assert [part["type"] for part in parts] == ["LORA", "Checkpoint"]
    page.get_by_role("button", name=re.compile("^Like")).first.click()
    page.get_by_role("button", name=re.compile("^Liked")).wait_for()
    page.locator("body").press("t")
    page.wait_for_url("**/try?use=*")


def test_try_it(hub, nano, page):
    """Where the page before led to: Bea's LoRA is in the stack."""
    assert page.locator("#stack .srow", has_text=NAME).is_visible()
    page.fill("[name=prompt]", "rocket, white background")
    page.locator("#stack").get_by_role("button", name=WORD).click()
    assert WORD in page.input_value("[name=prompt]")
    page.locator("[name=prompt]").press("Control+Enter")
    page.wait_for_url(f"{hub.address}/try/*")
    picture = page.locator("main #stage img[src*='/image/']").first
    picture.wait_for(timeout=60_000)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 128
    page.locator("[name=z_axis]").scroll_into_view_if_needed()
    assert picture.bounding_box()["y"] >= 0, "the picture stays in sight, whichever knob is turned"
    picture.click()
    page.wait_for_url("**/pictures/*")
    page.get_by_role("button", name="Keep it in the gallery").click()
    page.get_by_text("It is in the gallery now").wait_for()


def test_compare(hub, page):
    """From the model's page: the base alone beside Bea's LoRA; then one over the other, by keys."""
    kept = page.url
    model(page, hub)
    page.get_by_role("link", name="Compare", exact=True).click()
    page.fill("[name=prompt]", "rocket")
    page.get_by_role("button", name="Show these").click()
    page.get_by_role("button", name="Draw the 2 missing").click()
    page.locator("#cells td img").nth(1).wait_for(timeout=60_000)
    page.locator("body").press("m")
    handle = page.locator(".over").get_by_role("slider")
    handle.press("End")
    assert handle.get_attribute("aria-valuetext") == "100 %"
    assert "mode=slider" in page.url
    handle.press("d")
    page.get_by_text("Difference to the first column: black").wait_for()
    assert page.locator(".over .control").evaluate("image => getComputedStyle(image).mixBlendMode") == "difference"
    page.set_viewport_size({"width": 390, "height": 700})  # a phone: names stay while one scrolls past their heads
    page.fill("[name=prompt]", "rocket\ncat\nfox\nhouse")
    page.get_by_role("button", name="Show these").click()
    page.wait_for_url("**fox**")
    names = page.locator(".names")
    assert names.is_hidden()
    page.locator("#cells tbody tr").nth(1).evaluate("row => scrollTo(0, scrollY + row.getBoundingClientRect().top)")
    names.get_by_text(NAME).wait_for()
    assert names.bounding_box()["y"] == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(kept)


def test_a_picture_opens_over_its_grid(hub, page):
    """The picture that was just kept is the newest of all."""
    kept = page.url
    page.goto(f"{hub.address}/pictures")
    tiles = page.locator(".tiles .tile > a.frame")
    tiles.first.click()
    page.get_by_role("dialog").get_by_role("link", name="Remix").wait_for()
    assert page.url == kept
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(rf"/pictures/(?!{kept.rpartition('/')[2]}$)"))
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(kept)
    page.keyboard.press("Escape")
    page.wait_for_url("**/pictures")
    assert tiles.first.evaluate("link => link === document.activeElement")
    tiles.first.press("Enter")
    page.wait_for_url(kept)
    prints_picture_and_recipe(page)
    assert not page.locator(".tiles").is_visible(), "the grid behind it is not printed"
    page.emulate_media(media="screen", color_scheme="light")
    page.go_back()
    page.get_by_role("dialog").wait_for(state="hidden")
    page.goto(kept)
    prints_picture_and_recipe(page)
    page.emulate_media(media="screen", color_scheme="light")


def prints_picture_and_recipe(page) -> None:
    """On paper: the picture, all of its recipe, where it is and what it was drawn with; black, whatever the theme."""
    page.emulate_media(media="print", color_scheme="dark")
    viewer = page.locator(".viewer")
    for part in (".frame img", ".box .text", ".box ul", ".recipe-table", ".printed"):
        assert viewer.locator(part).first.is_visible(), part
    assert page.url in viewer.locator(".printed").inner_text()
    for part in (".talk", ".bar", ".viewer .acts", ".viewer form"):
        assert not any(one.is_visible() for one in page.locator(part).all()), part
    colour = viewer.locator("h2").first.evaluate("one => getComputedStyle(one).color")
    assert colour == "rgb(0, 0, 0)"


def test_prompt_library(hub, page):
    """From the picture that was just kept."""
    page.get_by_role("link", name="Keep the prompt").click()
    page.fill("[name=title]", "Rocket for Bea")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/prompts/\d+$"))
    page.goto(f"{hub.address}/prompts?query=rocket")
    page.locator(".facet label", has_text="With adapters").click()
    page.wait_for_url("**kind=stacked*")
    page.get_by_role("link", name="Rocket for Bea").click()
    page.get_by_text("Collect", exact=True).click()
    page.fill("#collect-prompt", "For Bea")
    page.get_by_role("button", name="Make it", exact=True).click()
    page.get_by_text("It is in For Bea now.").wait_for()
    page.fill("#say-new", "Red ones **too**.")
    page.get_by_role("button", name="Say it").press("Enter")
    page.locator(".comment strong", has_text="too").wait_for()
    page.locator("button:focus", has_text="Say it").wait_for()  # the keyboard stays where it was
    page.locator(".comment").get_by_role("button", name="Remove").press("Enter")
    page.get_by_text("Nobody has said anything yet.").wait_for()
    page.locator("h2:focus", has_text="Discussion").wait_for()  # or is at the heading of the part
    page.locator("body").press("x")
    page.wait_for_url("**/try?prompt=*")
    assert "rocket" in page.input_value("[name=prompt]")
    assert page.locator("#stack .srow", has_text=NAME).is_visible()


def test_community_and_care(hub, page, otto):
    model(page, hub)
    address = page.url.removeprefix(hub.address)
    number = re.search(r"/models/(\d+)", address)[1]
    secret = otto.http.cookies["csrftoken"]
    said = otto.http.post(
        f"/comments/models/{number}",
        data={"text": "Fine **edges**, @bea.", "csrfmiddlewaretoken": secret},
        headers={"Referer": page.url},
    )
    assert said.status_code == 200
    otto.submits(f"/reports/new?kind=model&id={number}", kind="model", id=number, reason="level", words="Too bold.")
    page.reload()
    page.locator(".bell").click()
    page.get_by_text("olga").first.wait_for()
    page.goto(f"{hub.address}{address}")
    page.locator(".comment strong", has_text="edges").wait_for()
    page.get_by_text("Collect", exact=True).click()
    page.fill("#collect-model", "Flat things")
    page.get_by_role("button", name="Make it", exact=True).click()
    page.get_by_role("link", name=NAME).first.wait_for()
    page.goto(f"{hub.address}/u/olga")
    page.get_by_role("button", name="Follow").click()
    page.get_by_role("button", name="Following").wait_for()


def test_a_new_version_of_it(hub, page, tmp_path):
    """Chosen where its model is: nothing about it has to be said again."""
    path = tmp_path / "bea-flat-softer.safetensors"
    save_file({k: v * 0.998 for k, v in load_file(WEIGHTS / "nano-flat.safetensors").items()}, path)
    model(page, hub)
    page.get_by_role("link", name="New version").click()
    page.get_by_role("heading", name=f"A new version of {NAME}").wait_for()
    page.set_input_files("input[type=file]", str(path))
    row = page.locator("article", has_text=path.name)
    row.locator(".verdict", has_text="Accepted").wait_for(timeout=60_000)
    row.get_by_role("link", name=NAME).click()
    versions = page.get_by_role("navigation", name="Versions").get_by_role("link")
    assert versions.count() == 2
    newer, older = (re.search(r"version=\d+", one)[0] for one in (page.url, versions.nth(1).get_attribute("href")))
    page.locator("body").press("]")
    page.wait_for_url(f"**{older}")
    page.locator("body").press("[")
    page.wait_for_url(f"**{newer}")
    versions.nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{older}")


def test_an_interrupted_upload_goes_on(hub, page, tmp_path):
    """Of three parts only the first arrives before the page is closed; it is not sent again."""
    path = tmp_path / "bea-base.safetensors"
    weights = load_file(WEIGHTS / "nano-sd1.safetensors")
    save_file({k: v * 1.001 if v.is_floating_point() else v for k, v in weights.items()}, path)

    def only_the_first(route):
        if "partNumber=1" in route.request.url:
            route.continue_()  # the others hang

    page.route("**/incoming/*partNumber=*", only_the_first)
    page.goto(f"{hub.address}/uploads/start")
    with page.expect_response("**/incoming/*partNumber=1*"):
        page.set_input_files("input[type=file]", str(path))
    page.goto(f"{hub.address}/models")
    page.unroute("**/incoming/*partNumber=*")
    page.get_by_role("link", name="1 file on its way in").click()
    row = page.locator("article", has_text=path.name)
    row.get_by_text(re.compile(r"^Paused at 4\d %. Choose the same file to go on.")).wait_for()
    page.set_input_files("input[type=file]", str(path))
    row.locator(".verdict", has_text="Accepted").wait_for(timeout=60_000)
    asked = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert sorted(re.findall(r"partNumber=(\d+)", "\n".join(asked))) == ["2", "3"]


# Stands in for the line to the store: each part takes its time, whatever else is under way.
FAR_AWAY = """
const Real = XMLHttpRequest; let flying = 0; window.most = 0; window.sent = [];
window.XMLHttpRequest = class extends Real {
  open(method, url) {
    this.number = method === 'PUT' && new URL(url, location).searchParams.get('partNumber');
    super.open(method, url);
  }
  send(part) {
    if (!this.number) { super.send(part); return; }
    window.most = Math.max(window.most, ++flying); window.sent.push(+this.number);
    let loaded = 0;
    const step = () => { // a quarter of it, as fast as the line is by now
      loaded += part.size / 4;
      if (loaded < part.size) {
        this.upload.onprogress({ loaded });
        setTimeout(step, window.delay(flying) / 4);
        return;
      }
      flying -= 1;
      Object.defineProperty(this, 'status', { value: 200 });
      this.onload();
    };
    setTimeout(step, window.delay(flying) / 4);
  }
};
"""


@pytest.mark.parametrize(
    ("delay", "most"),
    [
        ("() => 400", 4),  # far away: parts beside each other cost no time
        ("(flying) => 400 * flying", 2),  # a full line: a second lane is tried, and was of no use
        ("() => 60000", 1),  # slow: an interruption must not cost more than one part
    ],
)
def test_lanes_open_while_they_make_it_faster(hub, page, tmp_path, delay, most):
    path = tmp_path / f"lanes-{most}.safetensors"
    with path.open("wb") as file:
        file.truncate(12 * 16 * 1024**2)
    page.goto(f"{hub.address}/uploads/start")
    page.evaluate(f"() => {{ window.delay = {delay}; {FAR_AWAY} }}")
    page.set_input_files("input[type=file]", str(path))
    row = page.locator("article", has_text=path.name)
    if most == 1:
        page.wait_for_timeout(5000)
    else:
        wait_for("its parts to go", lambda: page.evaluate("window.sent.length") >= 12)
    assert page.evaluate("window.most") == most
    row.get_by_role("button", name=f"Remove {path.name}").click()
    row.wait_for(state="detached")


def test_choices_and_a_dropped_picture(hub, page, tmp_path):
    """What is typed is counted, and stays where a picture is dropped beside it, with a recipe or without."""
    page.goto(f"{hub.address}/try")
    edges = [
        page.locator(f"#ask {part}").first.bounding_box()["x"] for part in (".lab", "#prompt", "#negative", "summary")
    ]
    assert max(edges) - min(edges) <= 1, "what is written stands in one line on the left"
    page.fill("[name=prompt]", "a {red|blue} rocket")
    page.locator("#reading", has_text="2 pictures, one of each choice").wait_for()
    page.select_option("[name=count]", "2")
    page.locator("#reading", has_text="2 choices × 2 = 4 pictures").wait_for()
    drop = page.locator("[data-open] input[type=file]")
    silent, telling = tmp_path / "silent.png", tmp_path / "telling.png"
    Image.new("RGB", (64, 64), "teal").save(silent)
    info = PngInfo()
    info.add_text("parameters", "a fox\nSteps: 9, Sampler: Euler a, CFG scale: 7, Seed: 1234, Size: 64x64")
    Image.new("RGB", (64, 64), "red").save(telling, pnginfo=info)
    drop.set_input_files(str(silent))
    page.get_by_text("silent.png: This picture carries no recipe.").wait_for(timeout=60_000)
    drop.set_input_files(str(telling))
    page.get_by_text("Read from telling.png: prompt, 9 steps, seed 1234.").wait_for(timeout=60_000)
    page.get_by_role("button", name="Seed only").click()
    page.locator("[name=seed][value='1234']").wait_for()
    assert page.input_value("[name=prompt]") == "a {red|blue} rocket"
    assert page.input_value("[name=count]") == "2"
    page.locator("#stack [name=on]").first.uncheck()
    page.locator("#x_axis:not(:has([value=weight_1]))").wait_for(state="attached")
