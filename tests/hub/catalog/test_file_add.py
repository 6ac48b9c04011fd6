import pytest

import workers.parts
from hub.catalog import actions
from hub.catalog.bases import NAMES
from hub.catalog.listings import STACKED
from hub.catalog.models import Base, Blob, Digest, File, Listing, Model, Revision, RevisionEntry, Text
from hub.catalog.revisions import revision_oid
from hub.errors import NotFound
from tests.hub.catalog.files import added, report
from workers.messages import Finding
from workers.plugins import found_in


def test_it_works(alice):
    file = actions.file_add(
        owner=alice,
        report=report("linocut", trigger_words=("lnct print",), metadata={"modelspec.title": "Linocut"}),
        filename="linocut-v3.safetensors",
        fields={"tags": ["Style", "Prínt"], "publish": True},
    )
    model = file.version.model
    assert (model.name, model.slug, model.type, model.status) == ("Linocut", "linocut", "LORA", "published")
    assert (file.version.name, file.version.base.name, file.version.trigger_words) == ("v1", "SD 1.5", ["lnct print"])
    assert sorted(model.tags.values_list("name", flat=True)) == ["print", "style"]
    assert Digest.objects.filter(file=file).count() == 5
    listing = Listing.objects.get(model=model)
    assert (listing.type, listing.lead, listing.can_generate) == ("LORA", True, True)
    assert "lnct print" in Text.objects.get(model=model).plain


def test_a_repeat_finds_the_same_file(alice):
    first = added(alice)
    again = actions.file_add(
        owner=alice, report=report("alice/Linocut"), filename="x.safetensors", fields={"version_id": first.version_id}
    )
    assert again.pk == first.pk
    assert File.objects.count() == 1


def test_a_blob_is_stored_once(alice, bob):
    assert added(alice, seed="same").blob_id == added(bob, seed="same").blob_id
    assert Blob.objects.count() == 1


def test_the_tensors_are_right_about_the_base(alice):
    file = added(alice, base="SDXL 1.0")
    assert file.version.base.name == "SD 1.5"
    assert "SDXL 1.0" in file.findings[-1]["sentence"]


def test_a_base_within_the_family_is_its_owners_word(alice):
    assert added(alice, base="sd 1.4").version.base.name == "SD 1.4"


def test_nano_is_its_own_base(alice):
    file = added(alice, inspected={"base_variant": "nano"})
    assert file.version.base.name == "nano"
    assert file.summary["variant"] == "nano"


@pytest.mark.parametrize(
    ("family", "variant", "name", "kind"),
    [
        ("flux1", "schnell", "Flux.1 S", "Standard"),
        ("flux1", "fill", "Flux.1 D", "Standard"),
        ("sd3", "3.5-large", "SD 3.5 Large", "Standard"),
        ("sd2", "v-prediction", "SD 2.1 768", "Standard"),
        ("sdxl", "refiner", "SDXL 1.0", "Refiner"),
        ("sdxl", "nano", "nano XL", "Standard"),
        ("sd1", "instruct-pix2pix", "SD 1.5", "Pix2Pix"),
        ("unheard-of", "", "Other", "Standard"),
    ],
)
def test_a_checkpoint_is_called_what_its_tensors_say(family, variant, name, kind, alice):
    file = added(alice, inspected={"kind": "base", "base_family": family, "base_variant": variant})
    assert (file.version.base.name, file.version.base_variant, file.version.model.type) == (name, kind, "Checkpoint")


def test_every_name_of_a_base_is_one_that_people_choose(db):
    families = dict(Base.objects.values_list("name", "family"))
    assert {(name, families.get(name)) for (_, _), name in NAMES.items()} == {
        (name, family) for (family, _), name in NAMES.items()
    }


@pytest.mark.parametrize(
    ("kind", "type", "file_kind"),
    [
        ("vae", "VAE", "VAE"),
        ("taesd", "VAE", "VAE"),
        ("motion_module", "MotionModule", "Model"),
        ("text_encoder", "TextEncoder", "Text Encoder"),
        ("vision_encoder", "CLIPVision", "Vision Encoder"),
        ("upscaler", "Upscaler", "Model"),
    ],
)
def test_a_part_is_kept_and_found_but_not_drawn_with(kind, type, file_kind, alice):
    file = added(alice, inspected={"kind": kind, "base_family": "sd1"})
    assert (file.version.model.type, file.kind) == (type, file_kind)
    assert not Listing.objects.get(model=file.version.model).can_generate


def test_every_part_of_the_workers_is_known():
    parts = {plug.slug for plug in found_in(workers.parts, "part")}
    assert not parts & set(STACKED)
    assert parts <= actions.TYPES.keys()


def test_a_gguf_is_not_drawn_with(alice):
    file = added(alice, inspected={"kind": "base", "format": "GGUF"}, filename="x.gguf")
    assert not Listing.objects.get(model=file.version.model).can_generate


def test_an_unknown_base_is_refused(alice):
    with pytest.raises(actions.UnknownBase):
        added(alice, base="SD 99")


def test_an_unknown_file_is_kept_as_a_draft(alice):
    file = added(alice, inspected={"verdict": "unknown", "kind": "", "base_family": ""})
    assert file.version.status == "draft"
    assert file.version.publish_when_ready
    assert not Listing.objects.exists()


def test_a_model_of_another_is_not_there(alice, charlie):
    file = added(alice)
    with pytest.raises(NotFound):
        added(charlie, model_id=file.version.model_id)
    with pytest.raises(NotFound):
        added(charlie, version_id=file.version_id)


def test_slugs_are_free_and_obey_the_rules(alice):
    slugs = [
        added(alice, name, seed=str(n)).version.model.slug for n, name in enumerate(["Été!", "ete", "日本", "API"])
    ]
    assert slugs == ["ete", "ete-2", "model", "model-api"]


def test_a_new_version_comes_first(alice):
    first = added(alice)
    second = added(alice, seed="2", model_id=first.version.model_id, base="SD 1.5")
    first.version.refresh_from_db()
    assert (second.version.name, second.version.index, first.version.index) == ("v2", 0, 1)


def test_revisions_are_named_by_their_files(alice):
    file = added(alice)
    first = file.version.revision
    assert first.oid == revision_oid({file.name: file.blob_id})
    more = added(alice, seed="vae", version_id=file.version_id, filename="more.safetensors")
    file.version.refresh_from_db()
    assert file.version.revision.oid == revision_oid({more.name: more.blob_id, file.name: file.blob_id})
    assert file.version.revision.parent_id == first.pk
    assert RevisionEntry.objects.filter(revision=first).count() == 1
    assert Revision.objects.count() == 2


def test_two_files_of_one_name_stay_apart(alice):
    file = added(alice)
    other = added(alice, seed="other", version_id=file.version_id, filename=file.name)
    assert other.name != file.name
    assert not other.primary


def test_hostile_names_and_findings_are_kept_as_text(alice):
    finding = Finding("warning", "<script>alert(1)</script>", "x")
    file = added(
        alice,
        "<b>\x00\u202eEvil</b>",
        filename="../../\u202eetc/pass<wd>.safetensors",
        inspected={"findings": (finding,)},
    )
    assert "\u202e" not in file.version.model.name + file.name
    assert file.name == "pass<wd>.safetensors"


def test_civitai_spellings_are_there(db):
    assert {"SD 1.5", "SDXL 1.0", "SD 2.1", "Other", "nano"} <= set(Base.objects.values_list("name", flat=True))


def test_a_wrong_type_is_refused(alice):
    with pytest.raises(actions.BadField):
        added(alice, type="Poem")
    assert not Model.objects.exists()


def test_an_inversion_answers_to_its_word_else_to_its_file(alice):
    kind = {"kind": "textual_inversion"}
    own = added(alice, "A", inspected=kind | {"summary": {"token": "lnct"}})
    assert own.version.trigger_words == ["lnct"]
    other = added(alice, "B", filename="one_line_cat.safetensors", inspected=kind | {"summary": {"token": "*"}})
    assert other.version.trigger_words == ["one_line_cat"]
