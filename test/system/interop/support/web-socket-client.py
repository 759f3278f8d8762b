# A client for WebSockets through a proxy: URL HOST PORT TYPE. Sends messages of many sizes and says how many came back as they were.
# (python3-websocket, python3-python-socks)
import os
import sys

import websocket

url, host, port, kind = sys.argv[1:]
socket = websocket.create_connection(
    url, timeout=15, http_proxy_host=host, http_proxy_port=int(port), proxy_type=kind
)
same = 0
for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
    sent = os.urandom(size)
    socket.send_binary(sent)
    same += socket.recv() == sent
socket.send("gr\u00fc\u00dfe")
same += socket.recv() == "gr\u00fc\u00dfe"
socket.ping("still there?")
socket.close(timeout=5)
print(same, "messages")
