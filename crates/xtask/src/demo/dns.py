"""A DNS server for one zone, and a client that asks it: `dns.py serve ADDRESS` or `dns.py ask ADDRESS COUNT`."""

import ipaddress
import socket
import struct
import sys

PORT = 53


def bound(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def query(number):
    name = b"".join(struct.pack("B", len(part)) + part for part in (b"host%d" % number, b"lab", b"test"))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack("!2H", 1, 1)


def answer(asked):
    number = struct.unpack("!H", asked[:2])[0]
    record = struct.pack("!3HIH4s", 0xC00C, 1, 1, 60, 4, ipaddress.ip_address(0x0A4D0000 + number).packed)
    return asked[:2] + struct.pack("!5H", 0x8580, 1, 1, 0, 0) + asked[12:] + record


def serve(address):
    server = bound(address)
    server.bind((address, PORT))
    while True:
        asked, client = server.recvfrom(512)
        server.sendto(answer(asked), client)


def ask(address, count):
    client = bound(address)
    client.settimeout(5)
    for number in range(1, count + 1):
        asked = query(number)
        client.sendto(asked, (address, PORT))
        if client.recv(512) != answer(asked):
            sys.exit("a wrong answer for %d" % number)


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    ask(sys.argv[2], int(sys.argv[3]))
