//! The one table of failures: a two-character code and a sentence each, and how both are told.

/// What went wrong, and the two numbers that its sentence names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: Kind,
    pub numbers: [u64; 2],
}

macro_rules! failures {
    ($($(#[$where:meta])? $name:ident $code:literal $sentence:literal)*) => {
        /// One row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($name),* }

        impl Kind {
            /// The two characters that the screen shows.
            pub const fn code(self) -> [u8; 2] {
                match self { $(Kind::$name => *$code),* }
            }

            /// The sentence; `{}` stands for a number in decimal, `{x}` for one in hexadecimal.
            pub const fn sentence(self) -> &'static str {
                match self {
                    $($(#[$where])? Kind::$name => $sentence,)*
                    // What no EFI program says has no sentence in it.
                    #[cfg(movable)]
                    _ => "",
                }
            }

            /// Every row, in the table's order.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];
        }
    };
}

// The README's table is tested against these rows. The boot sector has room for the codes alone.
failures! {
    // The boot sector.
    #[cfg(not(movable))]
    NoEdd               b"DE" "the BIOS cannot read this disk by LBA (no EDD, INT 13h AH=41h)"
    #[cfg(not(movable))]
    StageUnreadable     b"DS" "the loader's stage cannot be read from the disk"
    #[cfg(not(movable))]
    StageMagic          b"SM" "there is no stage of this loader at its place on the disk"
    #[cfg(not(movable))]
    StageBuildId        b"SI" "boot sector and stage come from two different builds"
    StageChecksum       b"SC" "the loader's checksum is wrong: the disk is damaged"
    // The processor and its memory.
    #[cfg(not(movable))]
    NoLongMode          b"CL" "this processor has no 64-bit mode"
    NoExecuteDisable    b"CN" "this processor has no NX bit, or the set-up turned it off (Execute Disable)"
    #[cfg(not(movable))]
    A20                 b"A2" "address line A20 stays off: 2401h, keyboard controller and port 92h were tried"
    NoMemoryMap         b"ME" "the firmware reports no memory (a BIOS: E820, E801 and 88h all fail)"
    OutOfMemory         b"MF" "{} bytes of memory are needed; the largest free piece below 4 GiB has {}"
    // The disk.
    DiskRead            b"DR" "the disk cannot be read at LBA {}; the firmware says {x}"
    GptSignature        b"GS" "there is no GUID partition table at LBA 1"
    GptHeader           b"GH" "the GPT header's CRC is {x}; it states {x}"
    GptHeaderField      b"GF" "the GPT header is out of bounds at byte {}: {}"
    GptEntries          b"GA" "the CRC of the partition entries is {x}; the GPT header states {x}"
    GptBounds           b"GB" "the kernel partition takes LBA {} to {}, outside of what the GPT header allows"
    NoKernelPartition   b"GK" "there is no kernel partition among the {} entries of the GPT"
    // What a network card's ROM gives.
    #[cfg(not(movable))]
    PxeNoRom            b"NP" "what started the loader is no network card's ROM of PXE 2.1"
    #[cfg(not(movable))]
    PxeNoFile           b"NF" "the server gives no kernel file beside the loader's: the network card's ROM says {x}"
    #[cfg(not(movable))]
    PxeRead             b"NR" "the kernel file cannot be read from the server at byte {}: the network card's ROM says {x}"
    // What a UEFI machine gives.
    UefiNoDisk          b"UD" "the firmware gives no block device for the disk that this loader came from"
    UefiNoExit          b"UX" "the firmware does not end its services: ExitBootServices says {x} after {} tries"
    // What a PVH machine gives.
    #[cfg(not(movable))]
    PvhStartInfo        b"PS" "the PVH start info begins with {x}, version {}"
    #[cfg(not(movable))]
    PvhNoModule         b"PN" "-initrd NAME.kernel is missing, or out of reach"
    #[cfg(not(movable))]
    PvhModuleMagic      b"PM" "-initrd gave no kernel file: it begins with {x}"
    // The kernel file.
    KernelMagic         b"KM" "the kernel partition holds no kernel file"
    KernelHeader        b"KH" "the kernel header's checksum is {x}; it states {x}"
    KernelVersion       b"KV" "the kernel file has version {}; this loader reads version {}"
    KernelField         b"KF" "the kernel header is out of bounds at byte {}: {}"
    KernelTruncated     b"KT" "the kernel file takes {} bytes; {} are there"
    KernelTooBig        b"KB" "the kernel needs {} bytes of memory; the largest free piece below 4 GiB has {}"
    KernelChecksum      b"KC" "the kernel's checksum is {x}; its header states {x}"
    KernelForeign       b"KD" "the kernel is another one than this loader was signed with"
    Handover            b"KP" "the kernel wants handover {}, which this loader does not know"
    UnknownRecord       b"KR" "the kernel file holds record {} with value {x}, which this loader does not know"
    RecordValue         b"KA" "record {} of the kernel file has the value {x}: not whole pages, or no canonical address"
    Alignment           b"KL" "the kernel wants something at {x}, which is no multiple of {x}"
    NoTopLevel          b"KS" "the kernel and what it asks for leave no {} top-level entries in a row free"
    NoLinearScreen      b"VF" "the screen has no mode with a linear frame buffer (the firmware says {x})"
    KernelReturned      b"KX" "the kernel's entry point returned"
    // The kernel's ELF.
    ElfMagic            b"EM" "the kernel is no ELF file"
    ElfClass            b"EC" "the kernel's ELF has class {} and data encoding {}; 2 and 1 are needed"
    ElfVersion          b"EV" "the kernel's ELF has version {}; 1 is needed"
    ElfMachine          b"EA" "the kernel is for machine {}; 62 (x86-64) is needed"
    ElfType             b"EX" "the kernel's ELF has type {}; 2 (EXEC) or 3 (DYN) is needed"
    ElfHeaders          b"EH" "the ELF has {} program headers of {} bytes; 1 to 32 of 56 are allowed"
    ElfOutside          b"EO" "the ELF names bytes up to {}; it has {}"
    ElfFileSize         b"EZ" "a segment takes {} bytes from the file and only {} in memory"
    ElfNotCanonical     b"EN" "a segment at {x} with {x} bytes leaves the canonical addresses"
    ElfCongruence       b"EG" "a segment at {x} comes from offset {x}; they differ modulo 4096"
    ElfOverlap          b"EL" "two segments overlap: one ends at {x}, the next begins at {x}"
    ElfEmpty            b"ES" "the ELF has nothing to load"
    ElfNoEntry          b"EE" "the entry point {x} lies in no executable segment"
    ElfDynamic          b"ED" "the kernel needs a dynamic linker (program header of type {})"
    ElfTls              b"EU" "the ELF has a second TLS segment, or one at {x} that is not loaded"
    ElfRelocation       b"ER" "a relocation at {x} leaves the kernel ({x})"
    ElfRelocationKind   b"EK" "the kernel has a relocation of kind {} at {x}; only 8 (R_X86_64_RELATIVE) needs no dynamic linker"
    ElfWild             b"EW" "the kernel's addresses collide at {x} with what the loader keeps at {x}"
    // The loader itself.
    #[cfg(not(movable))]
    StackFull           b"XS" "the loader's stack is full at {x}"
    Exception           b"XX" "exception {} in the loader at {x}"
    Panic               b"IE" "the loader contradicts itself at line {}"
}

/// The room for such a line.
pub const LINE_ROOM: usize = 80;

impl Kind {
    /// The failure with the numbers of its sentence, in their order.
    pub const fn with(self, first: u64, second: u64) -> Failure {
        Failure {
            kind: self,
            numbers: [first, second],
        }
    }

    /// The failure of a sentence without numbers.
    pub const fn alone(self) -> Failure {
        self.with(0, 0)
    }

    /// The line of a sentence without numbers, with a zero after it, for code that runs before there is any Rust.
    pub const fn line(self) -> [u8; LINE_ROOM] {
        let mut text = [0; LINE_ROOM];
        let parts: [&[u8]; 5] = [
            b"\r\nbootwright: ",
            &self.code(),
            b" ",
            self.sentence().as_bytes(),
            b"\r\n",
        ];
        let (mut at, mut part) = (0, 0);
        while part < parts.len() {
            let mut index = 0;
            while index < parts[part].len() {
                text[at] = parts[part][index];
                at += 1;
                index += 1;
            }
            part += 1;
        }
        assert!(at < LINE_ROOM);
        text
    }

    /// The code as the assembler stores it: a little-endian word.
    pub const fn code_word(self) -> u16 {
        u16::from_le_bytes(self.code())
    }
}

impl Failure {
    /// Tells one line to `put`, byte by byte: `bootwright: CODE sentence`.
    pub fn tell(&self, put: &mut dyn FnMut(u8)) {
        tell_text(b"bootwright: ", put);
        tell_text(&self.kind.code(), put);
        put(b' ');
        let mut numbers = self.numbers.iter();
        let mut rest = self.kind.sentence().as_bytes();
        while let [byte, after @ ..] = rest {
            rest = after;
            let base = match rest {
                [b'}', ..] if *byte == b'{' => 10,
                [b'x', b'}', ..] if *byte == b'{' => 16,
                _ => {
                    put(*byte);
                    continue;
                }
            };
            if base == 16 {
                tell_text(b"0x", put);
            }
            tell_number(numbers.next().copied().unwrap_or(0), base, put);
            rest = rest
                .split_at_checked(base as usize / 16 + 1)
                .map_or(rest, |(_, after)| after);
        }
        put(b'\n');
    }
}

fn tell_text(text: &[u8], put: &mut dyn FnMut(u8)) {
    for &byte in text {
        put(byte);
    }
}

fn tell_number(number: u64, base: u64, put: &mut dyn FnMut(u8)) {
    if number >= base {
        tell_number(number / base, base, put);
    }
    let digit = (number % base) as u8;
    put(if digit < 10 {
        b'0' + digit
    } else {
        b'a' - 10 + digit
    });
}
