"""A web server on 127.0.0.2 with TLS that behaves and misbehaves: argv are certificate, key, film.

Prints its port; writes a line for every request to standard error: path and Range.
"""

import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

certificate, key, film = sys.argv[1:]
DATA = open(film, "rb").read()
seen = {}
lock = threading.Lock()


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.split("?")[0].strip("/")
        with lock:
            seen[name] = seen.get(name, 0) + 1
            count = seen[name]
        print(self.path, self.headers.get("Range", "-"), file=sys.stderr, flush=True)
        getattr(self, name.split(".")[0].replace("-", "_"), self.missing)(count)

    def missing(self, _):
        self.send_error(404)

    def answer(self, data, headers=(), length=None, status=200):
        self.send_response(status)
        for pair in headers:
            self.send_header(*pair)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def film(self, _):
        self.answer(DATA, [("Content-Type", "video/mp4"), ("ETag", '"one"')])

    def cut(self, count):
        """Breaks off twice, and goes on where it is asked to."""
        at = 0
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and self.headers.get("If-Range") == '"one"':
            at = int(asked[6:].split("-")[0])
        rest = DATA[at:]
        headers = [("ETag", '"one"')]
        if at:
            headers.append(("Content-Range", f"bytes {at}-{len(DATA) - 1}/{len(DATA)}"))
        part = rest if count > 2 else rest[: 9 * 1024 * 1024]
        self.answer(part, headers, len(rest), 206 if at else 200)
        self.close_connection = True

    def changed(self, count):
        """Is another document when it is asked again."""
        data = DATA if count > 1 else bytes(DATA[:20_000]) + bytes(12_000_000)
        self.answer(data if count > 1 else data[:9_500_000], [("ETag", f'"{count}"')], len(data))
        self.close_connection = True

    def grows(self, count):
        """Is small when it is asked first, and says later that it is huge."""
        if count == 1:
            self.answer(DATA[:9_000], [("ETag", '"one"')], 9_500)
        else:
            at = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
            range_ = f"bytes {at}-{1 << 30}/{(1 << 30) + 1}"
            self.answer(DATA, [("ETag", '"one"'), ("Content-Range", range_)], (1 << 30) + 1 - at, 206)
        self.close_connection = True

    def endless(self, _):
        """Says no length."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(DATA), 100_000):
            part = DATA[at : at + 100_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def leads_on(self, count):
        self.redirect("/film.mp4")

    def loop(self, _):
        self.redirect("/loop")

    def to_loopback(self, _):
        self.redirect(f"https://127.0.0.1:{self.server.server_address[1]}/film.mp4")

    def to_plain(self, _):
        self.redirect("http://127.0.0.2/film.mp4")

    def to_metadata(self, _):
        self.redirect("https://169.254.169.254/latest/meta-data/")

    def to_file(self, _):
        self.redirect("file:///etc/passwd")

    def redirect(self, to):
        self.answer(b"", [("Location", to)], status=302)

    def page(self, _):
        self.answer(b"<html>" * 2000, [("Content-Type", "video/mp4")])

    def huge(self, _):
        self.answer(DATA[:5000], length=1 << 40)
        self.close_connection = True

    def nothing(self, _):
        self.answer(b"")

    def broken(self, _):
        self.send_error(503)

    def do_POST(self):
        name = self.path.strip("/")
        with lock:
            seen[name] = seen.get(name, 0) + 1
            count = seen[name]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        told = {"path": name, "count": count, "body": body, "id": self.headers.get("webhook-id"),
                "time": self.headers.get("webhook-timestamp"), "signature": self.headers.get("webhook-signature")}
        print(json.dumps(told), file=sys.stderr, flush=True)
        if name == "hook-redirect":
            return self.redirect(f"https://127.0.0.1:{self.server.server_address[1]}/hook-ok")
        status = 500 if name == "hook-fail" and count == 1 else 200
        self.answer(b"x" * 100_000, status=status)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.2", 0), Origin)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
