//! Writes the seed corpora: `cargo run -p xskit-fuzz --all-features --example seeds`.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let seeds = xskit_fuzz::seeds::all();
    for seed in &seeds {
        let folder = root.join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&seed.name), &seed.bytes)?;
    }
    println!("{} files below {}", seeds.len(), root.display());
    Ok(())
}
