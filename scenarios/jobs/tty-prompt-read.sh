#!/bin/bash
# bash shows the prompt of `read -p` when its input is a terminal.
# /// aftercancel
# sentence = "read -p in bash, with an answer on its input: is the prompt in the output?"
# shells = ["bash"]
# marks = ["ready"]
# pause_s = 0.3
# input = "somebody\n"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
read -r -p 'Who? ' who
echo "hello ${who:-nobody}"
/bin/sleep 0.3
