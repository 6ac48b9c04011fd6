"""What runs inside `workers.sandbox`: each module reads what it is given, and prints or writes what it found.

Small modules that import little: the interpreter starts anew for each run. The first import on top is the standard
library's and ``workers.files``'; never boto3, redis or torch, whose start would be the longest part.
"""
