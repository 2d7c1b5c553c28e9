"""A server of the Python SDK, with one of everything that goes through `farport connect`.

Started with a transport (`streamable-http` or `sse`) and a port.
"""

import sys

from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent
from pydantic import BaseModel

transport, port = sys.argv[1], int(sys.argv[2])
server = FastMCP("python", instructions="Ask away.", host="127.0.0.1", port=port, log_level="WARNING")


class Name(BaseModel):
    name: str


@server.tool()
def echo(message: str) -> str:
    """Says it again."""
    return f"Echo: {message}"


@server.tool()
async def count(to: int, context: Context) -> int:
    """Counts, and says how far it is."""
    for number in range(1, to + 1):
        await context.info(f"at {number}")
        await context.report_progress(number, to)
    return to


@server.tool()
async def greet(context: Context) -> str:
    """Asks for a name first."""
    answer = await context.elicit("Who is there?", Name)
    return f"Hello {answer.data.name}" if answer.action == "accept" else answer.action


@server.tool()
async def think(prompt: str, context: Context) -> str:
    """Asks the client's model."""
    question = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    answer = await context.session.create_message(messages=[question], max_tokens=10)
    return answer.content.text


@server.tool()
async def roots(context: Context) -> list[str]:
    """Asks for the client's roots."""
    return [str(root.uri) for root in (await context.session.list_roots()).roots]


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("on purpose")


@server.resource("test://greeting/{name}")
def greeting(name: str) -> str:
    """A greeting."""
    return f"Good morning, {name}"


@server.prompt()
def review(code: str) -> str:
    """Asks for a review."""
    return f"Please review {code}"


server.run(transport=transport)
