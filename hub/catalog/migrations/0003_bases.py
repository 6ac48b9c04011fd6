"""The base models people name, in Civitai's spelling; operators add more in the admin, without a deploy."""

from django.db import migrations

# (family: what a stack must agree in, ecosystem: the word in an AIR) → names
BASES = {
    ("sd1", "sd1"): ["SD 1.4", "SD 1.5", "SD 1.5 LCM", "SD 1.5 Hyper", "nano"],
    ("sd2", "sd2"): ["SD 2.0", "SD 2.0 768", "SD 2.1", "SD 2.1 768", "SD 2.1 Unclip"],
    ("sdxl", "sdxl"): [
        "SDXL 0.9", "SDXL 1.0", "SDXL 1.0 LCM", "SDXL Lightning", "SDXL Hyper", "SDXL Turbo", "SDXL Distilled",
        "Pony", "Illustrious", "NoobAI",
    ],
    ("sd3", "sd3"): ["SD 3", "SD 3.5", "SD 3.5 Large", "SD 3.5 Large Turbo", "SD 3.5 Medium"],
    ("flux1", "flux1"): ["Flux.1 S", "Flux.1 D", "Flux.1 Krea", "Flux.1 Kontext"],
    ("flux2", "flux2"): [
        "Flux.2 D", "Flux.2 Klein 9B", "Flux.2 Klein 9B-base", "Flux.2 Klein 4B", "Flux.2 Klein 4B-base",
    ],
    ("auraflow", "auraflow"): ["AuraFlow", "Pony V7"],
    ("anima", "anima"): ["Anima"],
    ("chroma", "chroma"): ["Chroma"],
    ("cogvideox", "cogvideox"): ["CogVideoX"],
    ("ernie", "ernie"): ["Ernie"],
    ("hidream", "hidream"): ["HiDream", "HiDream-O1"],
    ("hydit1", "hydit1"): ["Hunyuan 1"],
    ("hyv1", "hyv1"): ["Hunyuan Video"],
    ("kolors", "kolors"): ["Kolors"],
    ("krea2", "krea2"): ["Krea 2"],
    ("ltxv", "ltxv"): ["LTXV"],
    ("ltxv2", "ltxv2"): ["LTXV2", "LTXV 2.3"],
    ("lumina", "lumina"): ["Lumina"],
    ("mochi", "mochi"): ["Mochi"],
    ("pixarta", "pixarta"): ["PixArt a"],
    ("pixarte", "pixarte"): ["PixArt E"],
    ("playgroundv2", "playgroundv2"): ["Playground v2"],
    ("qwen", "qwen"): ["Qwen", "Qwen 2", "Qwen 3"],
    ("scascade", "scascade"): ["Stable Cascade"],
    ("svd", "svd"): ["SVD", "SVD XT"],
    ("wanvideo", "wanvideo"): [
        "Wan Video", "Wan Video 1.3B t2v", "Wan Video 14B t2v", "Wan Video 14B i2v 480p", "Wan Video 14B i2v 720p",
        "Wan Video 2.2 TI2V-5B", "Wan Video 2.2 I2V-A14B", "Wan Video 2.2 T2V-A14B",
    ],
    ("zimage", "zimage"): ["ZImageTurbo", "ZImageBase"],
    ("odor", "odor"): ["ODOR"],
    ("upscaler", "other"): ["Upscaler"],
    ("other", "other"): ["Other"],
}
LICENCES = {
    "sd1": "CreativeML OpenRAIL-M", "sd2": "CreativeML OpenRAIL++-M", "sdxl": "CreativeML OpenRAIL++-M",
    "sd3": "Stability AI Community License",
}
OWN_LICENCE = {
    "nano": "Apache-2.0", "SDXL 0.9": "SDXL 0.9 Research License", "SDXL Turbo": "Stability AI Community License",
    "Flux.1 S": "Apache-2.0", "Flux.1 D": "FLUX.1 [dev] Non-Commercial License",
}


def fill(apps, schema_editor):
    Base = apps.get_model("catalog", "Base")
    for (family, ecosystem), names in BASES.items():
        for name in names:
            licence = OWN_LICENCE.get(name, LICENCES.get(family, ""))
            Base.objects.get_or_create(
                name=name, defaults={"family": family, "ecosystem": ecosystem, "licence": licence}
            )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
