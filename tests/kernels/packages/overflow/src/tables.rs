//! GDT, TSS and IDT: double faults have a stack of their own.
use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::idt::{DivergingHandlerFuncWithErrCode, InterruptDescriptorTable};
use x86_64::structures::tss::TaskStateSegment;

static mut SPARE: [u8; 16384] = [0; 16384];
static mut TSS: TaskStateSegment = TaskStateSegment::new();
static mut GDT: GlobalDescriptorTable = GlobalDescriptorTable::new();
static mut IDT: InterruptDescriptorTable = InterruptDescriptorTable::new();

/// Loads all three, with handler for double faults. Interrupts are off, and there is one processor.
#[allow(static_mut_refs)]
pub fn load(handler: DivergingHandlerFuncWithErrCode) {
    // SAFETY: it is called once, before anything else uses the tables.
    unsafe {
        TSS.interrupt_stack_table[0] = VirtAddr::from_ptr(&raw const SPARE) + 16384;
        let code = GDT.append(Descriptor::kernel_code_segment());
        let task = GDT.append(Descriptor::tss_segment(&TSS));
        GDT.load();
        CS::set_reg(code);
        SS::set_reg(SegmentSelector::NULL);
        load_tss(task);
        IDT.double_fault.set_handler_fn(handler).set_stack_index(0);
        IDT.load();
    }
}

/// Tells which stack an address is of.
#[allow(dead_code)]
pub fn stack_of(pointer: VirtAddr) -> &'static str {
    let spare = VirtAddr::from_ptr(&raw const SPARE);
    if (spare..spare + 16384).contains(&pointer) {
        "the spare stack"
    } else {
        "the first stack"
    }
}
