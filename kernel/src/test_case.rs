//! A test that runs in the machine, on stable Rust: what `kernel_test!` leaves in a section for `testing` to find.

/// One test: what `kernel_test!` leaves in the section.
#[repr(C)]
pub struct Test {
    /// Module path and function.
    pub name: &'static str,
    pub function: fn(),
}

/// Makes a function a test, where the build sets `bootwright_test`. Elsewhere, as in an editor, it is checked alone.
#[macro_export]
macro_rules! kernel_test {
    (fn $name:ident() $body:block) => {
        #[cfg_attr(not(bootwright_test), allow(dead_code))]
        fn $name() $body

        #[cfg(bootwright_test)]
        const _: () = {
            #[used]
            #[unsafe(link_section = "bootwright_tests")]
            static TEST: $crate::test_case::Test = $crate::test_case::Test {
                name: concat!(module_path!(), "::", stringify!($name)),
                function: $name,
            };
        };
    };
}
