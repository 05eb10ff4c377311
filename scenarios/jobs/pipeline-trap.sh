#!/bin/sh
# From a comment on the gist:
#   terraform apply ... | (trap 'kill -INT $(pidof terraform)' TERM; tee file)
# The stand-in is that of terraform-stand-in. The lock file has its process id; pidof would
# also find a real terraform.
# /// aftercancel
# sentence = "The gist comment's pipeline: tee's subshell turns TERM into INT for terraform"
# roles = ["terraform", "tee"]
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
ROLE=terraform /usr/bin/python3 -c "$terraform" |
    (trap 'kill -INT "$(/bin/cat terraform.lock)"' TERM; /usr/bin/tee terraform.log)
mark after
