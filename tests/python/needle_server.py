"""A small tool-calling model (Needle 3) behind OpenAI's Chat Completions, for tests.

Usage: python needle_server.py. Prints its base URL. The model runs on this machine; its telemetry is
turned off before it is loaded.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

os.environ["NEEDLE_TELEMETRY"] = "0"
os.environ["DO_NOT_TRACK"] = "1"

from needle import Needle  # noqa: E402


def text_of(content):
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content)
    return content or ""


def respond(body):
    """The model chooses a call. Needle writes no text, so a result is repeated as the answer."""
    last = body["messages"][-1]
    if last["role"] == "tool":
        return {"content": f"The tool returned {text_of(last['content'])}."}, "stop"
    tools = [tool["function"] for tool in body.get("tools", [])]
    with Needle(tools=tools, stateless=True) as model:
        answer = model.complete(text_of(last["content"]))
    calls = answer.get("function_calls") or answer.get("calls") or []
    if not calls:
        return {"content": answer.get("response") or "I call no tool."}, "stop"
    return {
        "tool_calls": [
            {"index": at, "id": f"call_{at}", "type": "function",
             "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])}}
            for at, call in enumerate(calls)
        ]
    }, "tool_calls"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer("application/json", json.dumps({"data": [{"id": "needle-3"}]}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        delta, reason = respond(body)
        chunks = [{"choices": [{"delta": delta}]}, {"choices": [{"delta": {}, "finish_reason": reason}]}]
        self.answer("text/event-stream", "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n")

    def answer(self, kind, text):
        data = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
server.serve_forever()
