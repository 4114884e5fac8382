"""A process that starts steps: it imports what they import once, and forks a child for each.

A fork of a process that holds pandas, scikit-learn and MLflow takes milliseconds where a fresh interpreter takes seconds. The child is
made to look like a fresh one: its own session, arguments, working directory, environment, streams, random state and exit status. A step
that is not a plain `python SCRIPT` is run by `bash -c`, from the same process, so that one rule holds for both: **when the engine goes
away, however that happens, so does everything that it started.** The engine's end shows as the end of this process's standard input.

Run as a program, with messages on standard input and output (see messages.py); it imports nothing of ours, and little else, so that it starts
in milliseconds: at a small run the first step waits for it.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import ctypes
import gc
import importlib.machinery
import io
import marshal
import os
import select
import signal
import sys
import time
import types

TYPE_CHECKING = False  # `typing` takes as long to import as half of the rest
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any, NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
HARMLESS_THREADS = {"jemalloc_bg_thd"}  # pyarrow's allocator: it has fork handlers of its own, and starts the thread anew
MINE = "OPENBLAS_NUM_THREADS"  # the one variable that this process has for itself: without threads it can be forked
MESSAGES = 3  # the messages move here from standard output, so that what an import prints is not among them


# Looked up once, not in every child. Where there is no such call (macOS) a step's process group is all there is to end.
_prctl = getattr(ctypes.CDLL(None), "prctl", lambda *_: -1)


def become_subreaper() -> None:
    """Become the parent of what is left behind by processes below this one, so that it can be found and ended."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Spawner:
    """The loop of the process: read requests, fork, reap, report; import the next module while there is nothing else to do."""

    def __init__(self) -> None:
        self.modules: list[str] = []
        self.failed_imports: dict[str, str] = {}
        self.children: dict[int, str] = {}
        self.algebra: Any = None
        self.looked_among = 0
        self.buffer = b""
        self.open = True
        self.wake, wake_write = os.pipe()
        for handle in (self.wake, wake_write):
            os.set_blocking(handle, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)

    def loop(self) -> None:
        while self.open:
            wait = 0 if self.modules else None
            ready, _, _ = select.select([0, self.wake], [], [], wait)
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 4096)
            if 0 in ready:
                self.read()
            self.reap()
            if not ready and self.modules:
                self.bring(self.modules.pop(0))
        for pid in self.children:
            _end_group(pid, signal.SIGKILL)
        _end_children()

    def read(self) -> None:
        data = os.read(0, 1 << 20)
        self.open = bool(data)
        requests, self.buffer = _unpack(self.buffer + data)
        for request in requests:
            if request["op"] == "run":
                self.run(request)
            elif request["op"] == "import":
                self.modules += request["modules"]
            else:
                for pid, name in list(self.children.items()):
                    if name == request["id"]:
                        _signal(pid, request["signal"])

    def bring(self, module: str) -> None:
        if module in sys.modules or module in self.failed_imports:
            return
        try:
            importlib.import_module(module)
        except BaseException as error:  # noqa: BLE001 - the step that needs it will say so itself, in its own log
            self.failed_imports[module] = repr(error)

    def find_algebra(self) -> None:
        """Find the libraries of linear algebra, where modules have come that may have brought one."""
        pools = sys.modules.get("threadpoolctl")
        if pools is not None and self.looked_among != len(sys.modules):
            self.algebra = pools.ThreadpoolController().select(internal_api="openblas")
            self.looked_among = len(sys.modules)

    def run(self, request: dict[str, Any]) -> None:
        cold = None
        if request["argv"]:
            for module in request["imports"]:
                self.bring(module)
            self.find_algebra()
            foreign = _foreign_threads()
            cold = f"threads were started by an import: {', '.join(foreign)}" if foreign else None
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            _child(request, self.algebra, warm=bool(request["argv"]) and cold is None)
        self.children[pid] = request["id"]
        _tell(event="started", id=request["id"], pid=pid, cold=cold)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self.children.pop(pid, None)
            if name is None:
                continue
            _end_group(pid, signal.SIGKILL)
            _end_children(self.children)
            _tell(event="exited", id=name, code=os.waitstatus_to_exitcode(status))


def _pack(message: dict[str, Any]) -> bytes:
    """Return a message as bytes: its length in four, and what `marshal` makes of it; both ends are the same interpreter."""
    data = marshal.dumps(message)
    return len(data).to_bytes(4) + data


def _unpack(data: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """Return the messages that are whole, and the rest."""
    found, at = [], 0
    while len(data) >= (start := at + 4) and len(data) >= (end := start + int.from_bytes(data[at:start])):
        found.append(marshal.loads(data[start:end]))  # noqa: S302 - through our own pipe
        at = end
    return found, data[at:]


def _tell(**message: Any) -> None:
    data = _pack(message)
    with contextlib.suppress(BrokenPipeError):
        while data:
            data = data[os.write(MESSAGES, data) :]


def _foreign_threads() -> list[str]:
    """Return the names of the threads of this process that a fork would lose, beside the main one."""
    names = []
    for task in os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ():
        if int(task) != os.getpid():
            with contextlib.suppress(OSError):
                names.append(_read(f"/proc/self/task/{task}/comm").decode().strip())
    threading = sys.modules.get("threading")
    python = [t.name for t in threading.enumerate() if t is not threading.main_thread()] if threading else []
    return [name for name in names if name not in HARMLESS_THREADS] or python


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _signal(pid: int, number: int) -> None:
    """Send a signal to a child's group; for a moment after the fork it has none, and gets it alone."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _end_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _own_children() -> list[int]:
    try:
        return [int(pid) for pid in _read(f"/proc/self/task/{os.getpid()}/children").split()]
    except OSError:
        return []


def _end_children(but: Container[int] = ()) -> None:
    """End every child of this process but some, and what then becomes its child.

    A step that runs is the parent of what it has left behind, in whatever session; when it ends, that becomes a child of this process. So a
    child that is no step was left by one that has ended.
    """
    deadline = time.monotonic() + 2
    while (pids := [pid for pid in _own_children() if pid not in but]) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)


def _child(request: dict[str, Any], algebra: Any, *, warm: bool) -> NoReturn:
    code = 70
    try:
        _become(request)
        if not warm:
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # an interpreter ignores these, and what it becomes must not
                signal.signal(number, signal.SIG_DFL)
            argv = [sys.executable, *request["argv"]] if request["argv"] else ["/bin/bash", "-c", request["command"]]
            os.execve(argv[0], argv, os.environ)
        _forget(algebra)
        code = _run_python(request["argv"])
    except BaseException:  # noqa: BLE001 - a child must never return into the parent's loop
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        if code < 0:  # as an interpreter that nobody taught to take an interrupt
            signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code)


def _become(request: dict[str, Any]) -> None:
    """Leave everything of the parent's behind that a fresh process would not have."""
    os.setsid()
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    become_subreaper()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, handle in ((0, nothing), (1, log), (2, log)):
        os.dup2(handle, target)
    os.closerange(3, 4096)
    os.chdir(request["cwd"])
    if MINE not in request["env"]:
        os.environ.pop(MINE, None)
    for name, value in request["env"].items():
        os.environ[name] = value


def _forget(algebra: Any) -> None:
    """Draw new random state, and give the linear algebra its threads back: the parent held them at one so as to be able to fork.

    What the parent has imported stays frozen: the first look for garbage among it would take longer than many a step.
    """
    if "random" in sys.modules:
        sys.modules["random"].seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed()
    if algebra is not None and MINE not in os.environ:
        given = os.environ.get("OMP_NUM_THREADS", "")  # what the library itself looks at next
        algebra.limit(limits=int(given) if given.isdigit() and int(given) else os.cpu_count())


def _run_python(argv: list[str]) -> int:
    """Run `python ARGV` in this process and return its exit status; a traceback shows the script's own frames only."""
    sys.stdin, sys.stdout, sys.stderr = (_stream(number, *rest) for number, rest in enumerate(_STREAMS))
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    code = 0
    try:
        if argv[0] == "-m":
            import runpy

            sys.argv = argv[1:]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        else:
            _run_script(argv)
    except SystemExit as stop:
        code = _exit_code(stop)
    except BaseException as error:  # noqa: BLE001 - as the interpreter itself does at the top
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename.endswith((__file__, "runpy.py", "<frozen runpy>")):
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    with contextlib.suppress(Exception):
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()  # noqa: SLF001 - joins the script's threads, as at any interpreter's end
    atexit._run_exitfuncs()  # noqa: SLF001
    return code


def _run_script(argv: list[str]) -> None:
    """Run a script as `python SCRIPT` does: as a new `__main__` that stays when the script is done, for its threads and exit functions."""
    sys.argv = argv
    path = os.path.abspath(argv[0])
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    main = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    main.__dict__.update(__file__=path, __builtins__=builtins, __loader__=loader, __cached__=None, __annotations__={})
    sys.modules["__main__"] = main
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, main.__dict__)  # noqa: S102 - the step's own script


def _stream(number: int, name: str, encoding: str, errors: str) -> io.TextIOWrapper:
    """Open a standard stream as the interpreter does; `-u` and its variable are as for this process, whose environment the step has."""
    writes, plain = number > 0, bool(os.environ.get("PYTHONUNBUFFERED"))
    raw: Any = open(number, "wb" if writes else "rb", buffering=0 if writes and plain else -1, closefd=False)  # noqa: SIM115 - it stays open
    getattr(raw, "raw", raw).name = name
    newline = "\n" if writes else None
    lines = number == 2 and not plain
    made = io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline=newline, line_buffering=lines, write_through=writes and plain)
    made.mode = "w" if writes else "r"  # type: ignore[misc]
    return made


# As this process was started with; where it is not itself the spawner but imports it, streams may be anything (a notebook's have no name).
_STREAMS = [(getattr(each, "name", ""), each.encoding, each.errors or "strict") for each in (sys.stdin, sys.stdout, sys.stderr)]


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    sys.stderr.write(f"{stop.code}\n")
    return 1


def main() -> None:
    """Serve until standard input ends."""
    become_subreaper()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(1, MESSAGES)
    os.dup2(2, 1)
    del sys.path[0]  # this folder: a step must not import from it
    compile("", "", "exec")  # the first takes two milliseconds to set the compiler up: not in each child
    Spawner().loop()


if __name__ == "__main__":
    main()
