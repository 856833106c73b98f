"""Tagged frames of a VLAN, as a program with a raw socket sends them: `vlan.py echo INTERFACE` answers what
`vlan.py ask INTERFACE COUNT` sends, with the addresses exchanged and the tag that is asked for."""

import socket
import struct
import sys

ETH_P_ALL = 3
# IEEE's EtherType for local experiments, behind the tag.
EXPERIMENT = b"\x88\xb5"
BROADCAST = b"\xff" * 6


def raw(interface):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    link.bind((interface, 0))
    link.settimeout(10)
    return link


def tag(number):
    """Every priority, and every VLAN in turn; never a value of 0, which means no tag."""
    return b"\x81\x00" + struct.pack("!H", (number % 8) << 13 | 1 + number % 4094)


def message(number, question):
    return EXPERIMENT + struct.pack("!?I", question, number) + bytes(number % 1400)


def heard(link, question):
    """The number in the next message that is a question, or an answer. The kernel has taken the tag out."""
    while True:
        frame, source = link.recvfrom(65536)
        at = 16 if frame[12:14] == b"\x81\x00" else 12
        if source[2] != socket.PACKET_OUTGOING and frame[at : at + 2] == EXPERIMENT:
            asked, number = struct.unpack("!?I", frame[at + 2 : at + 7])
            if asked == question:
                return frame[6:12], number


def say(link, to, number, question):
    own = link.getsockname()[4]
    link.send(to + own + tag(number) + message(number, question))


link = raw(sys.argv[2])
if sys.argv[1] == "echo":
    link.settimeout(None)
    while True:
        asker, number = heard(link, True)
        say(link, asker, number, False)
else:
    for number in range(1, int(sys.argv[3]) + 1):
        say(link, BROADCAST, number, True)
        if heard(link, False)[1] != number:
            sys.exit("a wrong answer to %d" % number)
