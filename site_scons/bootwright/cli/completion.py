"""`bootwright completion SHELL`: what bash, zsh and fish read to complete words, variables and values.

What they read asks `bootwright complete WORDS`, which prints a candidate a line, with its help behind a tab; the last
of WORDS is the one that is being written. A line with a colon first has the shell complete names of files. All of it
comes from the rows that `bootwright -h` shows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootwright.base.called import as_called
from bootwright.base.home import HOME
from bootwright.setup.taken import ANY, BUILDS, NO_WORD, TAKEN
from bootwright.setup.verbs import BY_WORD, HELP, OF_PROGRAM, VERBS
from bootwright.setup.words import SWITCHES, VARIABLES

USAGE = "usage: bootwright completion bash|zsh|fish"
BUILD = ("build", "build/VARIANT/NAME.img and what it is made of")  # as cargo calls it
PLACES = {"file": ":files", "directory": ":directories", "program": ":programs"}
Candidate = tuple[str, str]  # what may stand there, and its help

BASH = """_bootwright() {
    local line="${COMP_LINE:0:COMP_POINT}" current prefix="" candidate file
    local -a words
    read -r -a words <<< "$line"
    case $line in *[[:space:]]) words+=("") ;; esac
    current="${words[${#words[@]}-1]}"
    # bash takes what stands behind an equals sign for a word of its own.
    case $COMP_WORDBREAKS in *=*) case $current in *=*) prefix="${current%%=*}=" ;; esac ;; esac
    COMPREPLY=()
    while IFS=$'\\t' read -r candidate _; do
        case $candidate in
        :*)
            compopt -o filenames 2> /dev/null
            case $candidate in :files) file=-f ;; :directories) file=-d ;; *) file=-c ;; esac
            while IFS= read -r candidate; do
                case $prefix$current in *=*) [ -n "$prefix" ] || candidate="${current%%=*}=$candidate" ;; esac
                COMPREPLY+=("$candidate")
            done < <(compgen "$file" -- "${current#*=}")
            ;;
        *) COMPREPLY+=("${candidate#"$prefix"}") ;;
        esac
    done < <("${words[0]}" complete "${words[@]:1}" 2> /dev/null)
    case ${COMPREPLY[0]} in *=) [ "${#COMPREPLY[@]}" -ne 1 ] || compopt -o nospace 2> /dev/null ;; esac
}
complete -F _bootwright bootwright
"""
ZSH = """#compdef bootwright
_bootwright() {
    local line name text
    local -a whole open
    for line in ${(f)"$(${words[1]} complete ${words[2,CURRENT]} 2> /dev/null)"}; do
        name=${line%%$'\\t'*}
        text=${${line#$name}//:/\\\\:}
        case $name in
        :files) compset -P '*='; _files; return ;;
        :directories) compset -P '*='; _files -/; return ;;
        :programs) compset -P '*='; _files; _command_names -e; return ;;
        *=) open+=("${name//:/\\\\:}${text/$'\\t'/:}") ;;
        *) whole+=("${name//:/\\\\:}${text/$'\\t'/:}") ;;
        esac
    done
    (( $#whole )) && _describe -V word whole
    (( $#open )) && _describe -V variable open -S ''
}
if [ "$funcstack[1]" = _bootwright ]; then _bootwright "$@"; else compdef _bootwright bootwright; fi
"""
FISH = """function __bootwright_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l name (string match -r '^(?:[^=]*=)?' -- $current)
    for line in ($words[1] complete $words[2..-1] $current 2> /dev/null)
        switch $line
            case ':directories*'
                printf '%s\\n' $name(__fish_complete_directories (string replace -r '^[^=]*=' '' -- $current) '')
            case ':*'
                printf '%s\\n' $name(__fish_complete_path (string replace -r '^[^=]*=' '' -- $current) '')
            case '*'
                echo $line
        end
    end
end
complete -c bootwright -f -a '(__bootwright_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
# Where a shell looks, below a directory share.
FILES = {
    "bash": "bash-completion/completions/bootwright",
    "zsh": "zsh/site-functions/_bootwright",
    "fish": "fish/vendor_completions.d/bootwright.fish",
}


def main(word: str, arguments: Sequence[str]) -> int:
    """Prints what a shell reads, or with the word complete the candidates; returns the status."""
    if word == "complete":
        for name, text in candidates(arguments or [""]):
            print(f"{name}\t{as_called(text)}" if text else name)
        return 0
    if len(arguments) != 1 or arguments[0] not in SCRIPTS:
        print(f"bootwright: {USAGE}", file=sys.stderr)
        return 2
    print(SCRIPTS[arguments[0]], end="")
    return 0


def candidates(words: Sequence[str]) -> list[Candidate]:
    """Returns what may stand in the place of the last word, which is begun, behind the others."""
    *before, current = words
    name, equals, _ = current.partition("=")
    if before[:1] == [HELP]:
        found = [(page.stem, "") for page in sorted((HOME / "docs").glob("*.md"))]
    elif before[:1] in ([word] for word, _, _ in OF_PROGRAM):
        found = list(_of_program(before[0], current))
    elif equals and not name.startswith("-"):
        found = list(_values(name))
    elif equals:
        found = [(PLACES["file"], "")] if name in ("--json", "--junit") else []
    else:
        found = list(_words(before, current))
    return [one for one in found if one[0].startswith((current, ":"))]


def _words(before: Sequence[str], current: str) -> Iterator[Candidate]:
    """Yields words where none was said yet, and the variables and switches that those take which were."""
    said = [
        BY_WORD[word].word if word in BY_WORD else NO_WORD for word in before if "=" not in word and word[:1] != "-"
    ]
    if not said:
        yield from ((verb.word, verb.help_line) for verb in VERBS)
        yield BUILD
        yield from ((word, text) for word, _, text in OF_PROGRAM)
        yield (HELP, "the pages of docs/")
    asking = set(said or BUILDS)
    taken = {name for name, takers in TAKEN.items() if ANY in takers or not asking.isdisjoint(takers)}
    given = {word.partition("=")[0] for word in before}
    for row in VARIABLES:
        takes = row.name in taken if row.name in TAKEN else not asking.isdisjoint(BUILDS)
        if row.name not in given and (takes or (not said and current)):  # a word may come behind
            yield f"{row.name}=", row.help
    for text, help_line in SWITCHES:
        name = text.partition("[")[0].partition("=")[0]
        if name not in given and (name in taken or not said):
            yield (f"{name}=" if "=" in text and "[" not in text else name), help_line
    if not said:
        yield "-c", "remove every variant, target and screenshot"


def _values(name: str) -> Iterator[Candidate]:
    row = next((row for row in VARIABLES if row.name == name), None)
    if row is None:
        return
    values = list(row.values)
    if name == "HOST":
        from bootwright.hosts.table import FILE, read_rows

        values = ["native", *dict.fromkeys(host.host for host in read_rows(HOME / FILE))]
    elif name == "TARGET":
        from bootwright.cli.new import TARGETS

        values = [*TARGETS.values()]
    yield from ((f"{name}={value}", "") for value in values)
    if row.takes in PLACES:
        yield PLACES[row.takes], ""
    elif row.takes == "target":
        yield PLACES["file"], ""


def _of_program(word: str, current: str) -> Iterator[Candidate]:
    if word == "completion":
        yield from ((shell, "") for shell in SCRIPTS)
    elif word == "runner":
        yield PLACES["file"], ""
        yield from ((name, "") for name in ("--headless", "--full", "--quiet"))
    elif current.startswith("-"):
        from bootwright.cli.new import TARGETS

        yield from ((f"--board={board}", target) for board, target in TARGETS.items())
        yield from (("--handover=0.9", ""), ("--handover=0.11", ""), ("--cargo", "cargo run and cargo test boot it"))


def write(share: Path) -> None:
    """Writes what shells read, and the manual page, to their places below a directory share: for the wheel."""
    from bootwright.cli.manual import PAGE, manual

    for place, text in ({FILES[shell]: script for shell, script in SCRIPTS.items()} | {PAGE: manual()}).items():
        path = share / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
