"""What pictures of each program carry, in the forms that they write: the vectors of this folder's tests."""

import html
import json

QUOTED = """a red fox, <lora:flat:0.8>
Negative prompt: blurry,
grey
Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 7, Size: 512x768, Model hash: ababababab, Model: "nano, the base", Wildcard prompt: "a __animal__: \\"red\\"\\nin snow", Lora hashes: "flat: cdcdcdcdcdcd, deep: efefefefefef", TI hashes: "peach1: 010101010101", Version: v1.10.1"""  # noqa: E501

A1111 = {
    "plain": "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512",
    "quoted": QUOTED,
    "no prompt": "Negative prompt: dog\nSteps: 20, Sampler: Euler, CFG scale: 7.5, Seed: 0, Size: 64x64",
    "joined sampler": "a cat\nSteps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 4294967295, Size: 512x512, Model hash: 4199bcdd14, Model: rev_v122, Clip skip: 2, ENSD: 31337",  # noqa: E501
    "hires": 'a cat\nNegative prompt: easynegative\nSteps: 30, Sampler: DPM++ SDE, CFG scale: 6, Seed: 9, Size: 512x768, Hires prompt: "a cat, sharp: 4k, \\"best\\"", Hires upscale: 2, Hires upscaler: 4x-UltraSharp, Denoising strength: 0.4',  # noqa: E501
    "forge": "a cat\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 3, Size: 896x1152, Model: flux1, Version: f2.0.1v1.10.1, Module 1: ae, Module 2: clip_l",  # noqa: E501
    "civitai": 'a cat\nSteps: 25, Sampler: Undefined, CFG scale: 7, Seed: 5, Size: 832x1216, Clip skip: 2, Created Date: 2024-08-07T10, Civitai resources: [{"type":"checkpoint","modelVersionId":290640,"modelName":"Pony, the second","modelVersionName":"V6"},{"type":"lora","weight":0.7,"modelVersionId":1,"modelName":"Flat: lines"}], Civitai metadata: {}',  # noqa: E501
    "hashes": 'a cat <lora:flat:1>\nSteps: 25, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 512x512, Hashes: {"model": "4199bcdd14", "lora:flat": "cdcdcdcdcd", "embed:peach": "0101010101"}',  # noqa: E501
    "letters": "кошка, 猫, “quotes”\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, Model: Модель",
    "many lines": "a cat\n\nin a hat, Steps: of stone\nNegative prompt: one\ntwo\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64",  # noqa: E501
}  # fmt: skip

COMFYUI = {
    "3": {"class_type": "KSampler", "inputs": {
        "seed": 156680208700286, "steps": 20, "cfg": 8, "sampler_name": "euler_ancestral", "scheduler": "karras",
        "denoise": 1, "model": ["11", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "SD1/nano-sd1.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 640, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "(fox:1.2) embedding:peach", "clip": ["12", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": ["20", 0], "clip": ["12", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    "10": {"class_type": "LoraLoader", "inputs": {
        "lora_name": "flat.safetensors", "strength_model": 0.8, "strength_clip": 0.6, "model": ["4", 0], "clip": ["4", 1]}},  # noqa: E501
    "11": {"class_type": "Power Lora Loader (rgthree)", "inputs": {
        "lora_1": {"on": True, "lora": "sub\\deep.safetensors", "strength": 0.5},
        "lora_2": {"on": False, "lora": "off.safetensors", "strength": 1}, "model": ["10", 0], "clip": ["10", 1]}},
    "12": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["11", 1]}},
    "20": {"class_type": "PrimitiveString", "inputs": {"value": "blurry"}},
}  # fmt: skip

FLUX = {
    "1": {"class_type": "RandomNoise", "inputs": {"noise_seed": 11}},
    "2": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "dpmpp_2m"}},
    "3": {"class_type": "BasicScheduler", "inputs": {"scheduler": "sgm_uniform", "steps": 12, "model": ["6", 0]}},
    "4": {"class_type": "CFGGuider", "inputs": {"cfg": 3.5, "model": ["6", 0], "positive": ["7", 0], "negative": ["8", 0]}},  # noqa: E501
    "5": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 768, "batch_size": 1}},
    "6": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
    "7": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["9", 0]}},
    "8": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["10", 0]}},
    "9": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["12", 0]}},
    "10": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["12", 0]}},
    "11": {"class_type": "SamplerCustomAdvanced", "inputs": {
        "noise": ["1", 0], "guider": ["4", 0], "sampler": ["2", 0], "sigmas": ["3", 0], "latent_image": ["5", 0]}},
    "12": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "a", "clip_name2": "b"}},
}  # fmt: skip

SWARMUI = {
    "sui_image_params": {
        "prompt": "a fox", "negativeprompt": "blurry", "model": "SD1/nano", "seed": 305223794, "steps": 25,
        "cfgscale": 6.5, "width": 512, "height": 768, "sampler": "dpmpp_2m", "scheduler": "karras",
        "loras": ["styles/flat", "deep"], "loraweights": ["0.8", "0.5"], "loratencweights": ["0.6", "0.5"],
        "clipstopatlayer": -2, "swarm_version": "0.9.5"},
    "sui_models": [
        {"name": "SD1/nano.safetensors", "param": "model", "hash": "0x" + "ab" * 32},
        {"name": "styles/flat.safetensors", "param": "loras", "hash": "0x" + "cd" * 32}],
}  # fmt: skip

INVOKEAI = {
    "generation_mode": "txt2img", "positive_prompt": "a fox++ (here)0.8", "negative_prompt": "blurry", "width": 512,
    "height": 640, "seed": 42, "cfg_scale": 7.5, "steps": 30, "scheduler": "dpmpp_2m_k", "clip_skip": 1,
    "model": {"key": "k", "hash": "blake3:" + "ab" * 32, "name": "nano", "base": "sd-1", "type": "main"},
    "loras": [{"model": {"hash": "blake3:" + "cd" * 32, "name": "flat"}, "weight": 0.75}], "app_version": "5.0.0",
}  # fmt: skip
INVOKEAI_2 = {
    "model_weights": "stable-diffusion-1.5", "model_hash": "cc6cb271", "app_version": "2.2.5",
    "image": {"prompt": [{"prompt": "a fox [blurry]", "weight": 1.0}], "steps": 50, "cfg_scale": 7.5, "seed": 3,
              "width": 512, "height": 512, "sampler": "k_euler_a"},
}  # fmt: skip
DREAM = '"a fox, sitting [grey, blurry]" -s 50 -S 1234 -W 512 -H 640 -C 7.5 -A k_dpm_2_a'

NOVELAI = {
    "Software": "NovelAI", "Source": "Stable Diffusion XL 7BCCAA2C", "Description": "{{fox}}, [snow], (sitting)",
    "Comment": json.dumps({
        "prompt": "{{fox}}, [snow], (sitting)", "steps": 28, "height": 1216, "width": 832, "scale": 5.0,
        "seed": 1234567, "sampler": "k_euler_ancestral", "noise_schedule": "karras", "uc": "{blurry}"}),
}  # fmt: skip

FOOOCUS = {
    "prompt": "a fox", "full_prompt": ["a fox, cinematic", "fine"], "negative_prompt": "", "full_negative_prompt": ["blurry"],  # noqa: E501
    "base_model": "juggernautXL.safetensors", "base_model_hash": "aeb7e9e689",
    "loras": [["offset.safetensors", 0.1, "4852686128"]], "resolution": "(1152, 896)", "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras", "seed": "77", "steps": 30, "guidance_scale": 4, "metadata_scheme": "fooocus",
    "version": "Fooocus v2.5.5", "performance": "Speed",
}  # fmt: skip

EASY = {
    "prompt": "a fox", "negative_prompt": "blurry", "seed": "99", "use_stable_diffusion_model": "models/nano.safetensors",  # noqa: E501
    "sampler_name": "euler_a", "num_inference_steps": "25", "guidance_scale": "7.5", "width": "512", "height": "512",
    "clip_skip": "True", "use_lora_model": '["flat", "deep"]', "lora_alpha": "[0.8, 0.5]", "use_vae_model": "None",
}  # fmt: skip

_SAID = {
    "c": "a fox & snow", "uc": "blurry", "model": "nano_f16.ckpt", "sampler": "DPM++ 2M Karras", "scale": 7.5,
    "seed": 2020, "size": "512x768", "steps": 20,
    "lora": [{"model": "flat_lora_f16.ckpt", "weight": 0.6}],
}  # fmt: skip
DRAW_THINGS = (
    "<x:xmpmeta><rdf:RDF><rdf:Description><exif:UserComment><rdf:Alt><rdf:li xml:lang='x-default'>"
    + html.escape(json.dumps(_SAID))
    + "</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>"
)

CARRIED = {
    "A1111": {"parameters": QUOTED},
    "ComfyUI": {"prompt": json.dumps(COMFYUI), "workflow": "{}"},
    "SwarmUI": {"parameters": json.dumps(SWARMUI)},
    "InvokeAI": {"invokeai_metadata": json.dumps(INVOKEAI)},
    "NovelAI": NOVELAI,
    "Fooocus": {"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"},
    "Easy Diffusion": EASY,
    "Draw Things": {"xmp": DRAW_THINGS},
}
