"""The compiler: toolchains, targets, core, what rustc says."""
