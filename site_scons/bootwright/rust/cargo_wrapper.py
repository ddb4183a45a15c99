"""The program that stands before the compiler where cargo itself builds: by_cargo.py fills in its facts."""

from __future__ import annotations

# In the compiler's place: what is compiled for the target gets our words; the library's own units are not compiled.
WRAPPER = r"""#!{python} -IS
import os, re, shutil, sys, zlib

FACTS = {facts!r}
words = sys.argv[1:]
if "CARGO_CFG_TARGET_ARCH" in os.environ:  # cargo gives it to build scripts alone: one has a cargo of its own
    os.execvp(FACTS["asked"], [FACTS["asked"], *words[1:]])
if words[1:2] == [os.environ.get("RUSTC")]:
    words = words[1:]  # another wrapper stood before it
words[:1] = [FACTS["rustc"] if word == FACTS["asked"] else word for word in words[:1]]


def value(option):
    return words[words.index(option) + 1] if option in words[:-1] else ""


name, out, root = value("--crate-name"), value("--out-dir"), os.environ.get("CARGO_MANIFEST_DIR", "")
extra = "".join(word[len("extra-filename="):] for word in words if word.startswith("extra-filename="))
stem, for_target, target = name + extra, "--target" in words, value("--target")
# An artifact may be for another target, whose core and linker the rustc that cargo knows finds.
is_json = target.endswith(".json")
is_own = (os.path.realpath(target) if is_json else target) == FACTS["target"]
is_elf = is_own or is_json or target.split("-")[-1] in ("none", "eabi", "eabihf", "elf")
if not name or not out:
    os.execvp(words[0], words)
if for_target and any((root + os.sep).startswith(place) for place in FACTS["library"]):
    for made in ("lib" + stem + ".rlib", "lib" + stem + ".rmeta"):
        open(os.path.join(out, made), "w").close()
    with open(os.path.join(out, stem + ".d"), "w") as file:
        file.write(os.path.join(out, stem + ".d") + ":\n")
    sys.exit(0)
kept = words[:1]
for word in words[1:]:
    if word.startswith("noprelude,nounused:") and kept[-1] == "--extern":
        kept.pop()
    else:
        kept.append(word)
# Since cargo's newer layout a name says no more which unit it is: each has a directory of its own.
place = os.path.join(FACTS["units"], "%s-%08x" % (stem, zlib.crc32(os.fsencode(out))))
if root in FACTS["local"]:
    shutil.rmtree(place, ignore_errors=True)
os.makedirs(place, exist_ok=True)
if root in FACTS["local"]:
    with open(os.path.join(place, "unit"), "w") as file:
        file.write("\0".join((os.getcwd(), out, stem)))
    # As cargo has it, so that the bytes are the same; what an earlier compilation left there is not used.
    kept = ["incremental=" + place + "/incremental" if word.startswith("incremental=") else word for word in kept]
if for_target:
    kept[:1] = kept[:1] + FACTS["first"] if is_own else [FACTS["asked"]]
    types = [after for word, after in zip(words, words[1:]) if word == "--crate-type"]
    is_program = "--test" in words or not types or "bin" in types
    source = next((word for word in words if word.endswith(".rs") and not word.startswith("-")), "")
    kept += FACTS["last"] if root in FACTS["local"] else []
    if (root in FACTS["local"] or FACTS["knows_all"]) and (is_own or not is_json):
        # It is part of what a crate's hash is made of, so that who does not ask for it is without it.
        os.environ.pop("RUSTC_BOOTSTRAP", None)
        os.environ.update(FACTS["environment"] if is_own else {{}})
        if os.path.normpath(os.path.join(os.getcwd(), source)) in FACTS["nightly"]:
            os.environ["RUSTC_BOOTSTRAP"] = "1"
    if is_program and is_elf:
        if any(FACTS["as_linked"]):
            sys.path.insert(0, FACTS["site"])
            from bootwright.rust.driver_words import as_linked
            kept = as_linked(kept, *FACTS["as_linked"])
        kept += [word.replace(FACTS["scratch"], place) for word in FACTS["program"]]
        if FACTS["script"] and is_own and not any(re.match(FACTS["names"], word) for word in kept):
            kept += ["-C", "link-arg=-T" + FACTS["script"]]
    elif set(types) & {{"cdylib", "dylib"}}:
        kept += FACTS["linker"]
os.execvp(kept[0], kept + FACTS["remaps"])
"""
