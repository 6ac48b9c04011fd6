"""The hub's own boards: what every strip is drawn on. Fixed prompts, seeds and settings, so that models compare."""

from django.db import migrations

GENERAL = [
    ("a lighthouse on a cliff, red evening sky", 1234),
    ("portrait of an old fisherman, window light", 2345),
    ("a bowl of pears on a wooden table", 3456),
    ("a quiet street after rain, a cyclist", 4567),
]
# nano knows icons by name on a plain ground.
ICONS = [
    ("cat, blue background", 1234),
    ("rocket, white background", 2345),
    ("sunflower, green background", 3456),
    ("house, yellow background", 4567),
]
BOARDS = {
    # family: prompts, side in pixels, CFG, negative
    "sd1": (GENERAL, 512, 7.0, "blurry, text"),
    "sd2": (GENERAL, 512, 7.0, "blurry, text"),
    "sdxl": (GENERAL, 1024, 6.0, "blurry, text"),
    "nano": (ICONS, 128, 4.0, ""),
}


def fill(apps, schema_editor):
    BoardPrompt = apps.get_model("gallery", "BoardPrompt")
    for family, (prompts, side, cfg, negative) in BOARDS.items():
        for position, (prompt, seed) in enumerate(prompts):
            BoardPrompt.objects.update_or_create(
                family=family,
                position=position,
                defaults={
                    "prompt": prompt,
                    "negative": negative,
                    "seed": seed,
                    "width": side,
                    "height": side,
                    "steps": 20,
                    "cfg": cfg,
                    "sampler": "DPM++ 2M Karras",
                },
            )


class Migration(migrations.Migration):
    dependencies = [("gallery", "0003_recipe_digest")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
