"""Round trips of TCP: `serve ADDRESS` echoes, `ask ADDRESS SECONDS` prints a line (start, milliseconds) for each."""

import socket
import sys
import time

PORT = 7007
PAUSE = 0.004


def serve(address):
    with socket.create_server((address, PORT)) as server:
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                while data := connection.recv(4096):
                    connection.sendall(data)


def connect(address):
    for _ in range(100):
        try:
            return socket.create_connection((address, PORT), timeout=20)
        except OSError:
            time.sleep(0.1)
    sys.exit("no server")


def ask(address, seconds):
    with connect(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.time() + seconds
        number = 0
        while (start := time.time()) < end:
            number += 1
            message = number.to_bytes(8, "big")
            connection.sendall(message)
            answer = b""
            while len(answer) < len(message):
                more = connection.recv(len(message) - len(answer))
                if not more:
                    sys.exit("the connection was closed")
                answer += more
            if answer != message:
                sys.exit("not what was sent came back")
            print(f"{start:.6f} {(time.time() - start) * 1000:.3f}", flush=True)
            time.sleep(PAUSE)


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    ask(sys.argv[2], float(sys.argv[3]))
