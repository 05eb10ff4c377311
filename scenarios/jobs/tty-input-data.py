#!/usr/bin/env python3
# Data on its input, up to a line END, and what the job got of it in hex. By hand, as data:
# `printf 'one\003two\nEND\n' | python3 tty-input-data.py`; as at a terminal: type it.
# /// aftercancel
# marks = ["ready"]
# pause_s = 0.3
# [variant.tty-input-newline]
# sentence = "Lines that end in 0x0a, 0x0d 0x0a and 0x0d on its input: what does the job get?"
# input = "one\ntwo\r\nthree\rfour\nEND\n"
# [variant.tty-input-bytes]
# sentence = "Every byte value without a variant of its own on its input: what does the job get?"
# input = """\
#   \u0000\u0001\u0002\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0014\u0015\u0016\u0017\
#   \u0018\u0019\u001b\u001d\u001e\u001f\u0020!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`ab\
#   cdefghijklmnopqrstuvwxyz{|}~\u007f\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\
#   \u008c\u008d\u008e\u008f\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\
#   \u009e\u009f\u00a0\u00a1\u00a2\u00a3\u00a4\u00a5\u00a6\u00a7\u00a8\u00a9\u00aa\u00ab\u00ac\u00ad\u00ae\u00af\
#   \u00b0\u00b1\u00b2\u00b3\u00b4\u00b5\u00b6\u00b7\u00b8\u00b9\u00ba\u00bb\u00bc\u00bd\u00be\u00bf\u00c0\u00c1\
#   \u00c2\u00c3\u00c4\u00c5\u00c6\u00c7\u00c8\u00c9\u00ca\u00cb\u00cc\u00cd\u00ce\u00cf\u00d0\u00d1\u00d2\u00d3\
#   \u00d4\u00d5\u00d6\u00d7\u00d8\u00d9\u00da\u00db\u00dc\u00dd\u00de\u00df\u00e0\u00e1\u00e2\u00e3\u00e4\u00e5\
#   \u00e6\u00e7\u00e8\u00e9\u00ea\u00eb\u00ec\u00ed\u00ee\u00ef\u00f0\u00f1\u00f2\u00f3\u00f4\u00f5\u00f6\u00f7\
#   \u00f8\u00f9\u00fa\u00fb\u00fc\u00fd\u00fe\u00ff\nEND\n"""
# [variant.tty-ctrl-c]
# sentence = "The byte 0x03 (^C) in the data on its input: does the job get it?"
# input = "one\u0003two\nEND\n"
# [variant.tty-ctrl-d]
# sentence = "The byte 0x04 (^D) at the beginning of a line of its input: does the job get it?"
# input = "one\n\u0004two\nEND\n"
# [variant.tty-ctrl-z]
# sentence = "The byte 0x1a (^Z) in the data on its input: does the job get it?"
# input = "one\u001atwo\nEND\n"
# [variant.tty-ctrl-s]
# sentence = "The byte 0x13 (^S) in the data on its input: does the job get it?"
# input = "one\u0013two\nEND\n"
# [variant.tty-ctrl-backslash]
# sentence = "The byte 0x1c (^\\) in the data on its input: does the job get it?"
# input = "one\u001ctwo\nEND\n"
# [variant.tty-tilde]
# sentence = "A line ~. in the data on its input: does the job get it?"
# input = "one\n~.\ntwo\nEND\n"
# ///
import os
import signal
import time

signal.signal(signal.SIGINT, signal.SIG_DFL)  # as programs have it that are not Python
# A byte that signals ends the login shell too, and its end hangs up on the job (credentials(7)):
# what the job dies of would be chance.
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
    print("ready", file=marks)
received = part = os.read(0, 65536)
while part and not received.endswith(b"END\n"):
    part = os.read(0, 65536)
    received += part
print("received:", received.hex(" "))
time.sleep(0.3)
