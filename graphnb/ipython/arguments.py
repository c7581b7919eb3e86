"""The options of each magic: lines are parsed, help is shown and completed from one table."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from typing import TYPE_CHECKING, NoReturn

from IPython.core.error import UsageError

from graphnb.executors import known_executors
from graphnb.telemetry.logs import DEFAULT_LINES

if TYPE_CHECKING:
    from collections.abc import Callable


_OPTION = re.compile(r"--[a-z][\w-]*(=\S*)?")


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return False
    return True


class HelpShown(Exception):  # noqa: N818  not an error: the line asked for help, and got it
    """Ends a magic whose line asked for help."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Of one width in every terminal: help that is saved in a notebook is compared."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=79)


class MagicParser(argparse.ArgumentParser):
    """Parses a magic's line; a mistake is a UsageError of one line, and nothing exits."""

    def __init__(self, prog: str, description: str, *, expression: str | None = None) -> None:
        after = f"\n\nEXPR is {expression}; it is a Python expression." if expression else ""
        super().__init__(
            prog=prog,
            usage="%(prog)s [OPTIONS] NAME EXPR" if expression else None,
            description=description + after,
            formatter_class=_Formatter,
            allow_abbrev=False,
        )

    def parse_line(self, line: str) -> argparse.Namespace:
        """The options of a line.

        Raises:
            UsageError: the line does not fit.
            HelpShown: the line asked for help, which was printed.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            self.error(str(error))
        return self.parse_args(words)

    def parse_expression(self, line: str) -> argparse.Namespace:
        """The options of a line `NAME EXPRESSION...` whose expression keeps quotes and spaces.

        Options stand before or after the expression.
        """
        words, expression = self._split(line)
        options = self.parse_args(words)
        options.expression = expression
        return options

    def _split(self, line: str) -> tuple[list[str], str]:
        """The words that are options or the name, and the text that is left."""
        front, rest = self._take_front(line.strip())
        back, expression = self._take_back(rest)
        return [*front, *back], expression

    def _take_front(self, rest: str) -> tuple[list[str], str]:
        """Options and the name, up to the expression."""
        words: list[str] = []
        named = False
        while rest:
            word, _, after = rest.partition(" ")
            takes = self._takes(word)
            if takes is None and _OPTION.fullmatch(word):
                self.error(f"unrecognized arguments: {word}")
            if takes is None and named:
                break
            named = named or takes is None
            words.append(word)
            rest = after.strip()
            if takes:
                value, _, rest = rest.partition(" ")
                words.append(value)
                rest = rest.strip()
        return words, rest

    def _take_back(self, rest: str) -> tuple[list[str], str]:
        """Options behind the expression."""
        words: list[str] = []
        while rest:
            head, _, word = rest.rpartition(" ")
            before, _, option = head.rstrip().rpartition(" ")
            if self._takes(word) == 0:
                words[:0] = [word]
                rest = head.strip()
            elif self._takes(option) == 1:
                words[:0] = [option, word]
                rest = before.strip()
            elif _OPTION.fullmatch(word) and _is_expression(head):
                self.error(f"unrecognized arguments: {word}")
            else:
                break
        return words, rest

    def _takes(self, word: str) -> int | None:
        """How many words an option takes after it; None for what is no option."""
        name, equals, _value = word.partition("=")
        action = self._option_string_actions.get(name)
        if action is None:
            return None
        return 0 if action.nargs == 0 or equals else 1

    def error(self, message: str) -> NoReturn:
        """Raises a UsageError instead of exiting."""
        raise UsageError(f"{self.prog}: {message} (see {self.prog} --help)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Ends the magic; argparse calls it when it has printed the help."""
        raise HelpShown(message or "")

    def without_options(self, words: list[str]) -> list[str]:
        """The words that are neither options nor the values of options."""
        left: list[str] = []
        skip = 0
        for word in words:
            takes = self._takes(word)
            if skip:
                skip -= 1
            elif takes is None:
                left.append(word)
            else:
                skip = takes
        return left

    def options(self) -> list[str]:
        """The option names, for completion."""
        return [name for name in self._option_string_actions if name.startswith("--")]


def _route(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with a slash")
    return text


def _executor(text: str) -> str:
    known = known_executors()
    if text not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of: {', '.join(known)}")
    return text


def _deploy(prog: str) -> MagicParser:
    parser = MagicParser(prog, "Deploy a graph, or update the running graph of that name.")
    if prog == "%deploy":
        parser.add_argument("target", metavar="VAR", help="the variable that holds the graph")
        parser.add_argument(
            "name", metavar="NAME", nargs="?", help="what to call it; VAR when left out"
        )
    else:
        parser.add_argument("name", metavar="NAME", help="what to call the graph")
        parser.add_argument("--root", metavar="VAR", help="the graph, where the cell makes several")
    parser.add_argument(
        "--route", metavar="/PATH", type=_route, help="the path that it answers below"
    )
    parser.add_argument("--on", metavar="WHERE", type=_executor, help="where it runs: local or ray")
    parser.add_argument("--no-http", action="store_true", help="answer by handle alone")
    parser.add_argument(
        "--live", action="store_true", help="show the picture that changes while requests flow"
    )
    return parser


def _graph(prog: str) -> MagicParser:
    parser = MagicParser(prog, "Draw a graph, without deploying it.")
    parser.add_argument("name", metavar="VAR", help="a node's variable, or a running graph's name")
    parser.add_argument(
        "--latency", action="store_true", help="with what the last requests took, node by node"
    )
    parser.add_argument(
        "--live", action="store_true", help="changing while requests flow, of a running graph"
    )
    return parser


def _request(prog: str) -> MagicParser:
    parser = MagicParser(
        prog,
        "Send one request to a running graph, and show the answer.",
        expression="the request" if prog == "%request" else None,
    )
    parser.add_argument("name", metavar="NAME", help="the running graph")
    parser.add_argument("--http", action="store_true", help="over HTTP, as JSON")
    parser.add_argument(
        "--values", action="store_true", help="show what went into and came out of each node"
    )
    parser.add_argument("--timeout", metavar="S", type=float, help="give up after S seconds")
    parser.add_argument("--node", metavar="NODE", help="call this node alone")
    parser.add_argument("--route", metavar="/PATH", help="the route, of a driver with several")
    return parser


def _bench(prog: str) -> MagicParser:
    parser = MagicParser(
        prog,
        "Send many requests to a running graph, and measure it.",
        expression="a list or a generator of requests, or one request",
    )
    parser.add_argument("name", metavar="NAME", help="the running graph")
    parser.add_argument("--count", "-n", metavar="N", type=int, help="how many requests (100)")
    parser.add_argument("--duration", "-d", metavar="S", type=float, help="for S seconds")
    parser.add_argument(
        "--concurrency",
        "-c",
        metavar="N",
        type=int,
        default=1,
        help="clients, each of which waits for its answer before it sends again (1)",
    )
    parser.add_argument(
        "--rps",
        metavar="R",
        type=float,
        help="R requests a second on average, however many are under way",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        help="with --rps: the same moments as with that seed before",
    )
    return parser


def _trace(prog: str) -> MagicParser:
    parser = MagicParser(prog, "Show where the time of one request went.")
    parser.add_argument("name", metavar="NAME", help="the running graph")
    parser.add_argument(
        "which",
        metavar="WHICH",
        nargs="?",
        default="last",
        help="last, slowest, failed, or a request id (last)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)


def _logs(prog: str) -> MagicParser:
    parser = MagicParser(prog, "Show what nodes printed and logged, on Ray.")
    parser.add_argument("name", metavar="NAME[.NODE]", help="the running graph, or one node of it")
    parser.add_argument(
        "--lines",
        "-n",
        metavar="N",
        type=_count,
        default=DEFAULT_LINES,
        help=f"how many, the newest ({DEFAULT_LINES})",
    )
    parser.add_argument(
        "--all", action="store_true", help="also what Ray Serve says of itself and of each call"
    )
    return parser


def _deployments(prog: str) -> MagicParser:
    return MagicParser(prog, "List the running graphs.")


def _undeploy(prog: str) -> MagicParser:
    parser = MagicParser(prog, "End a running graph.")
    parser.add_argument("name", metavar="NAME", nargs="?", help="which one")
    parser.add_argument("--all", action="store_true", help="all of them")
    return parser


def _export(prog: str) -> MagicParser:
    parser = MagicParser(
        prog, "Write all that it takes to run a graph elsewhere, and prove it in a clean process."
    )
    parser.add_argument("name", metavar="NAME", help="the running graph")
    parser.add_argument("folder", metavar="DIR", help="where the bundle goes")
    parser.add_argument(
        "--plain", action="store_true", help="as plain Ray Serve code, that runs without graphnb"
    )
    return _what_goes_along(parser)


def _promote(prog: str) -> MagicParser:
    parser = MagicParser(
        prog, "Bring a graph to another Ray cluster; what runs there changes as little as can be."
    )
    parser.add_argument("name", metavar="NAME", help="the running graph")
    parser.add_argument(
        "--to", metavar="TARGET", required=True, help="a target of graphnb.toml, or an address"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and end")
    parser.add_argument("--as", metavar="NAME", dest="renamed", help="what it is called there")
    return _what_goes_along(parser)


def _what_goes_along(parser: MagicParser) -> MagicParser:
    """The options of a bundle."""
    parser.add_argument(
        "--golden",
        metavar="EXPR",
        help="a list of requests to send now: the bundle keeps their answers, as tests",
    )
    parser.add_argument(
        "--value",
        metavar="VAR",
        action="append",
        default=[],
        help="take this variable along as it is, whatever made it; may be repeated",
    )
    parser.add_argument(
        "--venv", action="store_true", help="prove it with its requirements installed afresh"
    )
    return parser


_PARSERS: dict[str, Callable[[str], MagicParser]] = {
    "%%deploy": _deploy,
    "%deploy": _deploy,
    "%graph": _graph,
    "%request": _request,
    "%%request": _request,
    "%bench": _bench,
    "%trace": _trace,
    "%logs": _logs,
    "%deployments": _deployments,
    "%undeploy": _undeploy,
    "%export": _export,
    "%promote": _promote,
}

MAGICS: tuple[str, ...] = tuple(_PARSERS)


def parser_of(magic: str) -> MagicParser:
    """The parser of a magic, named with its percent signs."""
    return _PARSERS[magic](magic)


def help_of(magic: str) -> str:
    """The help text of a magic."""
    return parser_of(magic).format_help()
