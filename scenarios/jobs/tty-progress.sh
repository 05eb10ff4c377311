#!/bin/sh
# Programs that draw their progress, a line over the last one, for a person who waits.
# /// aftercancel
# marks = ["ready"]
# pause_s = 0.3
# [variant.tty-progress-xz]
# sentence = "xz --verbose: does it draw its progress?"
# env = { PROGRAM = "xz" }
# needs = ["xz"]
# [variant.tty-progress-git]
# sentence = "git clone: does it draw its progress?"
# env = { PROGRAM = "git" }
# needs = ["git"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
folder=$(/bin/mktemp -d)
trap '/bin/rm -rf "$folder"' EXIT
cd "$folder" || exit
/usr/bin/head -c 100000 /dev/zero > data
case ${PROGRAM:-xz} in
    xz)
        mark ready
        /usr/bin/xz -0 --verbose data
        ;;
    git)
        export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
        /usr/bin/git init --quiet --initial-branch=main from
        /usr/bin/git -C from -c user.name=ci -c user.email=ci@far commit --quiet --allow-empty -m one
        mark ready
        /usr/bin/git clone "file://$folder/from" to
        ;;
esac
/bin/sleep 0.3
