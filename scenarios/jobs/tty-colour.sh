#!/bin/sh
# Programs that put colour into what they print when they take the reader for a person.
# By hand: `TERM=xterm sh tty-colour.sh`, and `TERM=xterm sh tty-colour.sh | cat -v`
# /// aftercancel
# marks = ["ready"]
# pause_s = 0.3
# [variant.tty-colour-no-term]
# sentence = "ls --color=auto, TERM as it comes: is there colour in its output?"
# env = { PROGRAM = "ls" }
# [variant.tty-colour-ls]
# sentence = "ls --color=auto, TERM=xterm: is there colour in its output?"
# env = { PROGRAM = "ls", TERM = "xterm" }
# [variant.tty-colour-grep]
# sentence = "grep --color=auto, TERM=xterm: is there colour in its output?"
# env = { PROGRAM = "grep", TERM = "xterm" }
# [variant.tty-colour-git]
# sentence = "git diff, TERM=xterm: is there colour in its output?"
# env = { PROGRAM = "git", TERM = "xterm" }
# needs = ["git"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
folder=$(/bin/mktemp -d)
trap '/bin/rm -rf "$folder"' EXIT
cd "$folder" || exit
/bin/mkdir one
echo text > one/text
mark ready
case ${PROGRAM:-ls} in
    ls) /bin/ls --color=auto ;;
    grep) /bin/grep --color=auto text one/text ;;
    git) /usr/bin/git --no-pager diff --no-index /dev/null one/text || : ;;
esac
/bin/sleep 0.3
