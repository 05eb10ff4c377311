#!/bin/bash
# The blog's script. The tunnel runs as root, started and stopped by two sudo rules with
# the full command line. Stand-in for it: sleep, under the name "tunnel". By hand the two
# rules have to be put into a sudoers file, with your name and home. (A program that is
# allowed to run as root must of course not lie where its user can replace it.)
# /// aftercancel
# sentence = "The blog's script: a tunnel as root in the background, stopped by sudo pkill"
# shells = ["bash", "bash-posix"]
# roles = ["tunnel", "child"]
# marks = ["ready", "cleanup begin", "cleanup end", "after"]
# cleanup = "cleanup"
# needs = ["sudo", "pkill"]
# sudoers = ["ci ALL=(ALL) NOPASSWD: /home/ci/tunnel infinity",
#            "ci ALL=(ALL) NOPASSWD: /usr/bin/pkill tunnel"]
# pause_s = 0.5
# default = true
# [variant.vpn-through-sudo-fails]
# sentence = "The blog's script, and an error while the tunnel is open"
# roles = ["tunnel"]
# env = { WORK = "0.5", LAST = "false" }
# ends = true
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
/bin/ln -sf /bin/sleep "$HOME/tunnel"

sudo "$HOME/tunnel" infinity > /dev/null & /bin/sleep 0.5  # the blog gives it 5 s
cleanup() {
    mark cleanup begin
    echo "trap $1"
    sudo pkill tunnel
    mark cleanup end
}
set -Ee
trap cleanup 1 2 3 6 ERR
mark ready

ROLE=child /bin/sleep "${WORK:-${HOLD:-30}}"
"${LAST:-true}"
sudo pkill tunnel
mark after
