//! Links both targets against nothing: what is not in the core, or here, is an undefined symbol.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in ["-nostdlib", "-nostartfiles", "-Wl,-z,defs"] {
        println!("cargo::rustc-link-arg={argument}");
    }
    // An address of its own, since nobody is there to relocate it.
    for argument in ["-static", "-no-pie"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
