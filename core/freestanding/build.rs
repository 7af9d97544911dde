//! Links the library against nothing: a symbol that neither the core nor this crate defines is
//! undefined.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in ["-nostdlib", "-nostartfiles", "-Wl,-z,defs"] {
        println!("cargo::rustc-link-arg={argument}");
    }
}
