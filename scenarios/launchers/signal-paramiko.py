#!/usr/bin/python3 -I
"""An ssh client that can signal what it started, with paramiko.

    signal-paramiko.py HOST[:PORT] USER KEYFILE KNOWN_HOSTS COMMAND

Runs COMMAND on HOST without a terminal, passes on what it writes, and exits with its status: 128
plus the number of the signal that it died of, and 255 where there is no status to tell. For each
NAME in a line of its input, and for each HUP, INT, QUIT, TERM, USR1 and USR2 that it gets itself,
it sends the channel request "signal" (RFC 4254, 6.9), which OpenSSH's client cannot. Any name is
sent, also KILL and made-up ones: what becomes of it is for the server to say. The end of its input
ends nothing. No agent, no password, and no file but the two that are named.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
import warnings

while os.open(os.devnull, os.O_RDWR) < 2:  # so that no socket takes the place of a closed output
    pass
warnings.simplefilter("ignore")  # the library speaks of old ciphers when it is imported
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_REQUEST

DEADLINE_S = 20
"""For everything until the command is started."""
RELAYED = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2")


def on_request(channel, message):
    """As paramiko does it, but "exit-signal" (RFC 4254, 6.10) is not thrown away.

    paramiko's channel.py, _handle_request, knows only "exit-status".
    """
    if message.get_text() == "exit-signal":
        message.get_boolean()
        channel.exit_signal = message.get_text()
        channel.status_event.set()
    message.rewind()
    message.get_int()  # the channel's number; the transport has read it before
    paramiko.Channel._handle_request(channel, message)


OLD_NAME, NAME = "curve25519-sha256@libssh.org", "curve25519-sha256"
"""Of one key exchange; paramiko 2 has only the one from before RFC 8731, and a server may not."""


class Transport(paramiko.Transport):
    _preferred_kex = (NAME, *paramiko.Transport._preferred_kex)
    _kex_info = {**paramiko.Transport._kex_info, NAME: paramiko.Transport._kex_info[OLD_NAME]}
    _channel_handler_table = {
        **paramiko.Transport._channel_handler_table,
        MSG_CHANNEL_REQUEST: on_request,
    }


def send_signal(channel, name):
    """paramiko has no call for it: built as channel.py, exec_command, builds its request."""
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("signal")
    message.add_boolean(False)  # want_reply
    message.add_string(name)
    channel.transport._send_user_message(message)


def read_key(path):
    """paramiko 2 cannot tell what kind of key is in a file."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(path)
        except paramiko.PasswordRequiredException:
            raise
        except paramiko.SSHException as error:
            problem = error
    raise problem


def connect(host, user, key_file, known_hosts):
    name, _, port = host.partition(":")
    known = paramiko.HostKeys(known_hosts).lookup(f"[{name}]:{port}" if port else name)
    if not known:
        raise paramiko.SSHException(f"{known_hosts} has no key of {host}")
    key = read_key(key_file)
    transport = Transport(socket.create_connection((name, int(port or 22))))
    options = transport.get_security_options()
    # A server has several keys: ask for one that we know.
    options.key_types = sorted(options.key_types, key=lambda kind: kind not in known.keys())
    transport.start_client()
    shown = transport.get_remote_server_key()
    if known.get(shown.get_name()) != shown:
        raise paramiko.SSHException(f"{host} shows another key than {known_hosts} has")
    if transport.auth_publickey(user, key):
        raise paramiko.AuthenticationException("the key alone is not enough")
    return transport


def copy(read, descriptor):
    """Pass on what comes; where nobody reads it any more, the command must not stop for that."""
    broken = False
    while data := read(1 << 16):
        while data and not broken:
            try:
                data = data[os.write(descriptor, data) :]
            except OSError:
                broken = True


def wait(channel, told):
    """Say when all output has come, and how the command ended."""
    copies = [
        threading.Thread(target=copy, args=(channel.recv, 1)),
        threading.Thread(target=copy, args=(channel.recv_stderr, 2)),
    ]
    for each in copies:
        each.start()
    for each in copies:
        each.join()
    channel.status_event.wait()
    os.close(told)


def relay(channel, signals):
    """Send what is asked for until the command is over."""
    over, told = os.pipe()
    threading.Thread(target=wait, args=(channel, told), daemon=True).start()
    listening, rest = [over, signals, 0], b""
    while True:
        ready = select.select(listening, [], [])[0]
        if signals in ready:
            for number in os.read(signals, 64):
                send_signal(channel, signal.Signals(number).name[3:])
        if 0 in ready:
            try:
                data = os.read(0, 4096)
            except OSError:  # a terminal that is gone
                data = b""
            if not data:
                listening.remove(0)
            *lines, rest = (rest + data).split(b"\n")
            for line in filter(None, lines):
                send_signal(channel, line)
        if over in ready:
            return


def say(words):
    """One line, if there is anybody to read it."""
    with contextlib.suppress(OSError):
        os.write(2, f"{os.path.basename(sys.argv[0])}: {words}\n".encode())


def run(host, user, key_file, known_hosts, *command):
    def late(*_):
        raise paramiko.SSHException(f"no answer within {DEADLINE_S} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(DEADLINE_S)
    transport = connect(host, user, key_file, known_hosts)
    channel = transport.open_session()
    channel.exit_signal = None
    signals, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    for name in RELAYED:
        number = getattr(signal, f"SIG{name}")
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    channel.exec_command(" ".join(command))
    signal.alarm(0)
    transport.sock.settimeout(None)  # paramiko would look up from its wait ten times a second
    relay(channel, signals)
    if channel.exit_signal is not None:
        say(f"the command died of {channel.exit_signal}")
        number = getattr(signal, f"SIG{channel.exit_signal}", None)
        return 255 if number is None else 128 + number
    if channel.exit_status < 0:
        raise paramiko.SSHException("the connection is gone")
    return channel.exit_status


def main():
    logging.disable()
    try:
        if len(sys.argv) < 6:
            raise SystemExit("usage: HOST USER KEYFILE KNOWN_HOSTS COMMAND")
        status = run(*sys.argv[1:])
    except (Exception, SystemExit) as error:
        say(" ".join(str(error).split()) or type(error).__name__)
        status = 255
    os._exit(status)  # paramiko's thread waits for the server, and would be waited for


main()
