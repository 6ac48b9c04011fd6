"""AUTOMATIC1111's ``/sdapi/v1`` over this hub's engine: what speaks to a webui draws here by changing one address.

What the engine cannot do is refused with a sentence; nothing that would change a picture is left out in silence.
"""
