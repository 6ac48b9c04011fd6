"""The Hugging Face Hub's protocol: a model is a repository, its versions are tags, ``main`` is the newest of them."""
