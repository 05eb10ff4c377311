#!/bin/sh
# The usual way to have a privileged background task, and a trap that ends it. sudo relays
# signals, but sudo(8) excepts those that the command's own process group sends, and a script
# without job control has only one group. So who may send, and from where? By hand the rules have to be put into
# a sudoers file, with your name and home. (A program that is allowed to run as root must of
# course not lie where its user can replace it.)
# /// aftercancel
# sentence = "The TERM trap ends a sudo in the background: kill, by the user, from the same group"
# roles = ["sudo", "tunnel"]
# marks = ["ready", "TERM begin", "TERM end", "after"]
# cleanup = "TERM"
# pause_s = 0.3
# needs = ["sudo"]
# sudoers = ["Defaults !use_pty",
#            "ci ALL=(root) NOPASSWD: /home/ci/tunnel infinity",
#            "ci ALL=(root) NOPASSWD: /bin/kill [1-9]*"]
# default = true
# [variant.sudo-sender-root]
# sentence = "The TERM trap ends a sudo in the background: sudo kill, by root, from the same group"
# env = { KILL = "sudo /bin/kill" }
# [variant.sudo-sender-root-aside]
# sentence = "The TERM trap ends a sudo in the background: setsid sudo kill, from another group"
# env = { KILL = "/usr/bin/setsid --wait sudo /bin/kill" }
# needs = ["sudo", "setsid"]
# [variant.sudo-sender-aside]
# sentence = "The TERM trap ends a sudo in the background: setsid kill, by the user, from another group"
# env = { KILL = "/usr/bin/setsid --wait /bin/kill" }
# needs = ["sudo", "setsid"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
/bin/ln -sf /bin/sleep "$HOME/tunnel"

trap 'mark TERM begin; ${KILL:-kill} "$tunnel"; wait "$tunnel"; mark TERM end; exit 143' TERM
sudo "$HOME/tunnel" infinity &
tunnel=$!
mark ready
wait "$tunnel"
mark after
