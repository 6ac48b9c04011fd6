"""Where pictures are drawn: the only package beside nano that imports torch on top."""
