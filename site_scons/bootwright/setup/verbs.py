"""The words that scons is called with, a row each: its help, what it needs, and which Tool's method adds it.

The command line, the help, set-up, the SConstruct and the tests derive the rest. sconsw imports this at each start, so
it is data alone.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOSTED = ("rustc", "cargo", "ld.lld")  # which a cross build links with; what runs its product is looked for by scons
BUILD = (*HOSTED, "llvm-objcopy")
SBSIGN = "sbsign"
OVMF = "ovmf"  # no program but files that QEMU reads
HOST_UNITS = ("cc", "rust-std")  # a linker and the standard library, for what is compiled to run on the builder
FOR_BOARDS = "gdb-multiarch"
WINDOW = "qemu-window"  # no program but a module of QEMU's, which some verbs want where there is a display
RUN = (*BUILD, "qemu-system-x86_64")


class Verb:
    """One word.

    needs are the names of programs (programs.py). method is the one of the environment that adds the word; it gets the
    word and the kernels, of which there are none where kernels says that it is not about them. starts: it starts or
    tells something once all is built, of which one run of scons does one. one_kernel: it takes one, not VARIANT=all.
    window: a window may open. only_with names the variable without which the word neither builds nor needs anything.
    own_graph: what it builds is no kernel, and long to find out, so that it is added where it is asked for alone.
    tells: without only_with it is about this machine, and makes no file. extras names, by the variable that makes it
    so, the set of Python packages (extras.py) that it needs.
    """

    def __init__(
        self, word: str, help_line: str, method: str = "", *, needs: tuple[str, ...] = BUILD, kernels: bool = True,
        starts: bool = True, one_kernel: bool = False, window: bool = False, only_with: str = "",
        own_graph: bool = False, tells: bool = False, extras: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.word = word
        self.help_line = help_line
        self.method = method
        self.needs = needs
        self.kernels = kernels
        self.starts = starts
        self.one_kernel = one_kernel
        self.window = window
        self.only_with = only_with
        self.own_graph = own_graph
        self.tells = tells
        self.extras = extras or {}

    def is_idle(self, given: Iterable[str]) -> bool:
        """Tells whether, with the variables of these names given, it builds no kernel."""
        return not self.kernels or bool(self.only_with and self.only_with not in given)

    def needed(self, given: Iterable[str]) -> tuple[str, ...]:
        """Returns the programs that it needs with the variables of these names given."""
        return () if self.only_with and self.only_with not in given else self.needs


VERBS = (
    Verb("image", "build/VARIANT/NAME.img and what it is made of; so does scons without a word", starts=False),
    Verb("iso", "build/VARIANT/NAME.iso, the image for a CD: the same bytes", "IsoImages", starts=False),
    Verb("vm", "NAME.qcow2, NAME.vdi and NAME.vmdk: the image for QEMU, VirtualBox and VMware", "MachineDisks",
         starts=False),
    Verb("pxe", "build/VARIANT/pxe: what a TFTP server gives machines that start by network, BIOS and UEFI",
         "NetworkFolders", starts=False),
    Verb("run", "build it and start it in QEMU", "Run", needs=RUN, one_kernel=True, window=True,
         extras={"BOARD": "rack"}),
    Verb("screenshot", "build/VARIANT/NAME.png, the guest's screen", "Screenshot", needs=RUN, one_kernel=True),
    Verb("gdb", "start it in QEMU and gdb, stopped at the kernel's first instruction", "Debugger", needs=(*RUN, "gdb"),
         one_kernel=True, window=True),
    Verb("size", "sections, crates and the largest symbols, and what the last build changed", "Sizes"),
    # What the chosen tests need comes on top: of_tests.TESTS.
    Verb("test", "the kernel's own tests, each in a machine; in a checkout those of bootwright as well", "SelfTest",
         extras={"BOARD": "rack", "POOL": "pool"}),
    Verb("matrix", "boot it on more than a hundred machines: firmware, buses, processors, memory; ROW= boots one again",
         "Matrix", needs=(*RUN, OVMF, SBSIGN, "openssl"), one_kernel=True),
    Verb("hosts", "link a freestanding program for every host in linker/hosts.toml; check, run and list each", "Hosts",
         kernels=False, own_graph=True),
    Verb("ide", "rust-project.json for rust-analyzer, kept current by each build; tasks and gdb for VS Code", "Ide",
         one_kernel=True, own_graph=True),
    Verb("verify", "compare every output with what was built: changed, missing and foreign files are named", "Verify",
         needs=(), kernels=False),
    Verb("soak", "kill, interrupt and double builds, edit every input; kill and fault the flasher's writing", "Soak",
         kernels=False),
    Verb("usb", "write the image to DEV=, read all of it back; without DEV list the disks", "Usb", one_kernel=True,
         only_with="DEV", tells=True),
    Verb("push", "put image, ELF, build id and bill of materials into a registry: IMAGE=registry/name:tag", "PushImage",
         one_kernel=True, extras={"IMAGE": "registry"}),
    Verb("pull", "fetch what was pushed: IMAGE=registry/name:tag, or registry/name@sha256:...", "PullImage", needs=(),
         kernels=False, tells=True, extras={"IMAGE": "registry"}),
    Verb("keys", "your own keys for Secure Boot, made once: docs/secure-boot.md", "Keys", needs=("openssl",),
         kernels=False, tells=True),
    Verb("doctor", "what was found, what is missing, and the command that cures it", "Doctor", needs=(), kernels=False,
         tells=True),
    Verb("store", "the per-user store of sysroots and loaders: what is in it; PRUNE= removes", "ListStore", needs=(),
         kernels=False, tells=True),
)  # fmt: skip
HELP = "help"  # scons help SUBJECT, which builds nothing and starts nothing
BY_WORD = {verb.word: verb for verb in VERBS}
# The words of the program bootwright that need no build, with their help; scons has not these.
OF_PROGRAM = (
    ("new", "NAME", "a kernel in ./NAME that runs, is tested and opens in an editor: docs/cargo.md"),
    ("runner", "EXE [ARGS]", "what cargo run and cargo test start, by .cargo/config.toml: docs/cargo.md"),
    ("path", "", "PATH with what came privately behind it, cargo among it: docs/cargo.md"),
    ("completion", "bash|zsh|fish", "what a shell reads to complete words, variables and values: docs/install.md"),
)
