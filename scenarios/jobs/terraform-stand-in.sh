#!/bin/sh
# terraform apply holds a lock, and gives it back when it is asked by INT and has 2 s.
# The stand-in for it is one process, as terraform is. See pipeline-trap.
# /// aftercancel
# sentence = "A foreground child that needs INT and 2 s to release its lock"
# roles = ["terraform"]
# marks = ["ready", "INT begin", "INT end", "after"]
# cleanup = "INT"
# removes = ["/home/ci/terraform.lock"]
# needs = ["python3"]
# pause_s = 2.0
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
terraform='
import os, sys, time

def mark(words):
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(words, file=marks)

with open("terraform.lock", "w") as lock:
    print(os.getpid(), file=lock)
try:
    time.sleep(float(os.environ.get("HOLD", "30")))
except KeyboardInterrupt:  # that is INT; TERM is left as it is, and ends it at once
    mark("INT begin")
    time.sleep(2)
    os.unlink("terraform.lock")
    mark("INT end")
    sys.exit(1)
os.unlink("terraform.lock")
'

mark ready
ROLE=terraform /usr/bin/python3 -c "$terraform"
mark after
