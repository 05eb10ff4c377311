#!/usr/bin/python3 -I
"""An ssh client that can signal what it started, with asyncssh.

    signal-asyncssh.py HOST[:PORT] USER KEYFILE KNOWN_HOSTS COMMAND

Runs COMMAND on HOST without a terminal, passes on what it writes, and exits with its status: 128
plus the number of the signal that it died of, and 255 where there is no status to tell. For each
NAME in a line of its input, and for each HUP, INT, QUIT, TERM, USR1 and USR2 that it gets itself,
it sends the channel request "signal" (RFC 4254, 6.9), which OpenSSH's client cannot. Any name is
sent, also KILL and made-up ones: what becomes of it is for the server to say. The end of its input
ends nothing. No agent, no password, and no file but the two that are named.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import warnings

while os.open(os.devnull, os.O_RDWR) < 2:  # so that no socket takes the place of a closed output
    pass
warnings.simplefilter("ignore")  # the library speaks of old ciphers when it is imported
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncssh

DEADLINE_S = 20
"""For everything until the command is started."""
RELAYED = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2")


class Session(asyncssh.SSHClientSession):
    """What comes back from the command."""

    def __init__(self):
        self.over = asyncio.get_running_loop().create_future()
        self.status = None
        self.signal = None
        self.broken = set()

    def data_received(self, data, datatype):
        """Where nobody reads it any more, the command must not stop for that."""
        descriptor = 1 if datatype is None else 2
        while data and descriptor not in self.broken:
            try:
                data = data[os.write(descriptor, data) :]
            except OSError:
                self.broken.add(descriptor)

    def eof_received(self):
        return True  # a command that has closed its output can still be signalled

    def exit_status_received(self, status):
        self.status = status

    def exit_signal_received(self, name, core_dumped, message, language):
        self.signal = name

    def connection_lost(self, error):
        if not self.over.done():
            self.over.set_result(None)


class Requests:
    """Sends the request for each name; what comes before there is a channel is kept."""

    def __init__(self):
        self.channel = None
        self.early = []
        self.rest = b""

    def send(self, name):
        if self.channel is None:
            self.early.append(name)
            return
        try:
            self.channel.send_signal(name)  # asyncssh's channel.py: want_reply is false
        except OSError:
            pass  # the command is over

    def opened(self, channel):
        self.channel = channel
        for name in self.early:
            self.send(name)

    def read(self):
        """Take what there is in the input; False at its end."""
        try:
            data = os.read(0, 4096)
        except OSError:  # a terminal that is gone
            data = b""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in filter(None, lines):
            self.send(line.decode("utf-8", "replace"))
        if not data:
            asyncio.get_running_loop().remove_reader(0)
        return bool(data)

    def listen(self):
        try:
            asyncio.get_running_loop().add_reader(0, self.read)
        except PermissionError:  # epoll_ctl(2): /dev/null and files are always ready
            while self.read():
                pass


def say(words):
    """One line, if there is anybody to read it."""
    with contextlib.suppress(OSError):
        os.write(2, f"{os.path.basename(sys.argv[0])}: {words}\n".encode())


async def start(requests, host, user, key_file, known_hosts, *command):
    name, _, port = host.partition(":")
    connection = await asyncssh.connect(
        name,
        int(port or 22),
        username=user,
        client_keys=[key_file],
        known_hosts=known_hosts,
        config=None,
        agent_path=None,
        preferred_auth="publickey",
        password_auth=False,
        kbdint_auth=False,
        gss_host=None,
    )
    for name in RELAYED:
        number = getattr(signal, f"SIG{name}")
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, requests.send, name)
    channel, session = await connection.create_session(Session, " ".join(command), encoding=None)
    requests.opened(channel)
    return session


async def run(*words):
    requests = Requests()
    try:
        session = await asyncio.wait_for(start(requests, *words), DEADLINE_S)
    except asyncio.TimeoutError:
        raise OSError(f"no answer within {DEADLINE_S} s") from None
    requests.listen()
    await session.over
    if session.signal is not None:
        say(f"the command died of {session.signal}")
        number = getattr(signal, f"SIG{session.signal}", None)
        return 255 if number is None else 128 + number
    if session.status is None:
        raise OSError("the connection is gone")
    return session.status


async def main():
    logging.disable()
    try:
        if len(sys.argv) < 6:
            raise SystemExit("usage: HOST USER KEYFILE KNOWN_HOSTS COMMAND")
        status = await run(*sys.argv[1:])
    except (Exception, SystemExit) as error:
        say(" ".join(str(error).split()) or type(error).__name__)
        status = 255
    os._exit(status)  # nothing is left to say to the server


asyncio.run(main())
