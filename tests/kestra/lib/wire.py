"""HTTP over a plain socket: requests go out byte for byte as they were recorded, which no client library would do."""

import base64
import socket
import time

# How long one answer may take: the longest recorded wait is a run of four seconds.
ANSWER_SECONDS_MAX = 20
# How long a stream is read when nothing says that it ends.
STREAM_SECONDS_MAX = 1.5
# How long a sender of `Expect: 100-continue` waits before it sends its body all the same.
CONTINUE_SECONDS_MAX = 1.0


class Answer:
    """One answer, read whole; of a stream what came in time."""

    def __init__(self, status, headers, body, interim):
        self.status, self.headers, self.body, self.interim = status, headers, body, interim

    def header(self, name):
        """The value of a header, or an empty text."""
        return self.headers.get(name, "")


def request_bytes(method, target, version, headers):
    """The head of a request. Names and values are bytes or text."""
    lines = [b" ".join([_bytes(method), _bytes(target), _bytes(version)])]
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _bytes(value):
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return value if isinstance(value, bytes) else value.encode("utf-8")


def chunked(body):
    """A body in two chunks; an empty one is only the end."""
    middle = len(body) // 2
    pieces = [piece for piece in (body[:middle], body[middle:]) if piece]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def exchange(address, head, body, method, waits_for_100=False):
    """Sends a request and reads its answer. A connection that breaks without an answer gives None."""
    with socket.create_connection(address, timeout=ANSWER_SECONDS_MAX) as connection:
        reader = _Reader(connection)
        try:
            interim = []
            if waits_for_100:
                connection.sendall(head)
                early = reader.peek(CONTINUE_SECONDS_MAX)
                if not early or early.startswith(b"HTTP/1.1 100"):
                    _send(connection, body)
            else:
                _send(connection, head + body)
            return _read_answer(reader, method, interim)
        except (ConnectionError, TimeoutError, EOFError):
            return None


def _send(connection, data):
    # A server may answer and close before it has read everything: then its answer is what counts.
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def _read_answer(reader, method, interim):
    while True:
        status, headers = _read_head(reader)
        if status >= 200:
            break
        interim.append(status)
    body = b"" if method == "HEAD" or status in (204, 304) else _read_body(reader, headers)
    return Answer(status, headers, body, interim)


def _read_head(reader):
    status = int(reader.line().split(b" ")[1])
    headers = {}
    while line := reader.line():
        name, _, value = line.partition(b":")
        name = name.decode("latin-1").lower()
        value = value.strip().decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return status, headers


def _read_body(reader, headers):
    is_stream = headers.get("content-type", "").startswith("text/event-stream")
    deadline = time.monotonic() + (STREAM_SECONDS_MAX if is_stream else ANSWER_SECONDS_MAX)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _read_chunks(reader, deadline, is_stream)
    if "content-length" in headers:
        return reader.exactly(int(headers["content-length"]))
    return reader.to_end(deadline)


def _read_chunks(reader, deadline, is_stream):
    body = b""
    try:
        while size := int(reader.line(deadline).split(b";")[0], 16):
            body += reader.exactly(size)
            reader.line(deadline)
        reader.line(deadline)
    except TimeoutError:
        if not is_stream:
            raise
    return body


class _Reader:
    def __init__(self, connection):
        self.connection, self.buffer = connection, b""

    def _more(self, deadline=None):
        left = ANSWER_SECONDS_MAX if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        data = self.connection.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def peek(self, seconds):
        try:
            self._more(time.monotonic() + seconds)
        except (TimeoutError, EOFError):
            pass
        return self.buffer

    def line(self, deadline=None):
        while b"\r\n" not in self.buffer:
            self._more(deadline)
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def exactly(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def to_end(self, deadline):
        try:
            while True:
                self._more(deadline)
        except (EOFError, TimeoutError):
            pass
        data, self.buffer = self.buffer, b""
        return data
