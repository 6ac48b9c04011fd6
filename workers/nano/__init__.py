"""nano: a base in Stable Diffusion 1's true topology, small enough to draw on a CPU.

``python -m workers.nano --help`` lists the steps that make it, from open icons to the weights in ``weights/``.
"""
